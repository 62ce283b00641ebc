//! What a witness of a fault looks like: these tests pass when the fault is found.

use gradbound::kernel::{Attack, Kernel, Standing};
use gradbound::obligation::Obligation;
use gradbound_kernels::wrong;

fn found(kernel: &Kernel) -> Attack {
    let report = kernel.attack().expect("can be attacked");
    let forward = report.of(Obligation::Sound).expect("attacked");
    assert_eq!(forward.standing, Standing::Holds, "{report}");
    let attack = report.of(Obligation::VjpSound).expect("attacked").clone();
    assert_eq!(attack.standing, Standing::Unsound, "{report}");
    println!("{}", attack.witness.as_ref().expect("a witness"));
    attack
}

#[test]
fn a_transposed_gradient_is_found() {
    let attack = found(&wrong::transposed_gradient());
    let text = attack.witness.expect("a witness").text;
    assert!(text.contains("the gradient of input 1"), "{text}");
    assert!(
        text.contains("f32[2, 2]"),
        "made as small as it can be: {text}"
    );
}

#[test]
fn a_forgotten_term_is_found_in_a_row_of_one() {
    let attack = found(&wrong::uncoupled_softmax());
    let text = attack.witness.expect("a witness").text;
    assert!(text.contains("input 0: f32[1]"), "{text}");
}

#[test]
fn a_witness_replays() {
    let folder = std::env::temp_dir().join(format!("gradbound-{}", std::process::id()));
    let kernel = wrong::uncoupled_softmax();
    let path = found(&kernel)
        .witness
        .expect("a witness")
        .write(&folder)
        .expect("written");
    let again = kernel.replay(&path).expect("replays");
    std::fs::remove_dir_all(folder).expect("removed");
    assert_eq!(again.standing, Standing::Unsound, "{}", again.text);
}
