//! Kernels with a fault, to see what a witness looks like.

use gradbound::kernel::{Dim, Kernel, Slices};
use gradbound::kernel::{Input, Role};
use gradbound::lower;

/// x·w with the gradient of w transposed: right for square matrices that are symmetric, and of
/// the right shape always.
pub fn transposed_gradient() -> Kernel {
    let n = || Dim::up_to(4).named("n");
    let at = |a: &[f32], b: &[f32], n: usize, turn_a: bool, turn_b: bool| -> Vec<f32> {
        let a = |i: usize, j: usize| if turn_a { a[j * n + i] } else { a[i * n + j] };
        let b = |i: usize, j: usize| if turn_b { b[j * n + i] } else { b[i * n + j] };
        let one = |i: usize| (0..n).map(|k| a(i / n, k) * b(k, i % n)).sum();
        (0..n * n).map(one).collect()
    };
    Kernel::new("product with a transposed gradient")
        .input([n(), n()])
        .input([n(), n()])
        .spec(|g, x| g.matmul(x[0], x[1]))
        .runtime_on(move |x: &Slices<f32>| at(&x[0], &x[1], x.shape(0)[0], false, false))
        .vjp_on(move |x: &Slices<f32>, dy| {
            let n = x.shape(0)[0];
            // dw is xᵀ·dy; this is dyᵀ·x.
            vec![at(dy, &x[1], n, false, true), at(dy, &x[0], n, true, false)]
        })
}

/// The gradient of softmax without the term that couples a row's elements.
pub fn uncoupled_softmax() -> Kernel {
    let softmax = |x: &[f32]| -> Vec<f32> {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let e: Vec<f32> = x.iter().map(|x| (x - largest).exp()).collect();
        let sum: f32 = e.iter().sum();
        e.iter().map(|e| e / sum).collect()
    };
    Kernel::new("softmax whose gradient forgets a term")
        .input(Input::floats([Dim::up_to(8)]).role(Role::Within(40.0)))
        .spec(|g, x| lower::softmax(g, x[0], 0))
        .runtime_on(move |x: &Slices<f32>| softmax(&x[0]))
        .vjp_on(move |x: &Slices<f32>, dy| {
            vec![
                softmax(&x[0])
                    .iter()
                    .zip(dy)
                    .map(|(p, dy)| p * dy)
                    .collect(),
            ]
        })
}
