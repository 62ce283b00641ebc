//! candle's operations are within the bounds of their formulas, forward and backward; where they
//! are not, these tests say so, and fail when candle mends it.

use gradbound::kernel::{Attack, Kernel, Standing};
use gradbound::obligation::Obligation;
use gradbound::tensor::DType;
use gradbound_kernels::operations;

macro_rules! sound {
    ($($operation:ident)+) => {$(
        #[test]
        fn $operation() {
            operations::$operation().trials(1000).assert_sound();
        }
    )+};
}

sound! { exp tanh sqrt silu gelu_tanh softmax log_softmax sum mean matmul layer_norm conv2d }

fn attacked(kernel: &Kernel, obligation: Obligation) -> Attack {
    let report = kernel.attack().expect("can be attacked");
    println!("{report}");
    let attack = report.of(obligation).expect("attacked").clone();
    if let Some(witness) = attack
        .witness
        .as_ref()
        .filter(|_| attack.standing != Standing::Holds)
    {
        println!("{witness}");
    }
    attack
}

/// candle 0.9.2 reads an image whose height and width are its number of channels as one with the
/// channels last (huggingface/candle#3404, mended in #3405).
#[test]
fn conv2d_of_as_many_channels_as_rows_and_columns_is_wrong() {
    let attack = attacked(&operations::conv2d_of_cubes(), Obligation::Sound);
    assert_eq!(attack.standing, Standing::Unsound);
    let text = attack.witness.expect("a witness").text;
    assert!(text.contains("2, 2, 2]"), "{text}");
}

/// The gradients of GELU have 0.398942 for 1/√(2π), 0.797885 for √(2/π): six digits, in f64 too.
#[test]
fn gelu_s_gradients_have_six_digits_in_f64() {
    for kernel in operations::gelu_in_f64() {
        let forward = attacked(&kernel, Obligation::Sound);
        assert_eq!(forward.format, DType::F64);
        let backward = attacked(&kernel, Obligation::VjpSound);
        assert_eq!(backward.standing, Standing::Unsound);
    }
}

/// In f32 the tanh form's gradient hides behind the assumed error of tanh; the other's does not.
#[test]
fn gelu_erf_s_gradient_is_beyond_its_bound_in_f32() {
    let kernel = operations::gelu_erf().trials(6000);
    assert_eq!(
        attacked(&kernel, Obligation::VjpSound).standing,
        Standing::Unsound
    );
}
