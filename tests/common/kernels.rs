//! What attacks on kernels find.

use gradbound::kernel::{Attack, Kernel, Standing};
use gradbound::obligation::Obligation;

/// The attacks of one obligation.
pub fn attacks(kernel: &Kernel, obligation: Obligation) -> Vec<Attack> {
    let report = kernel.attack().expect("can be attacked");
    let of = |a: &Attack| a.obligation == obligation;
    report.attacks.into_iter().filter(of).collect()
}

/// The default number of trials finds it, whatever the seed.
pub fn found_in(kernel: &Kernel, obligation: Obligation) {
    for seed in 0..3 {
        let attacks = attacks(&kernel.clone().seed(seed), obligation);
        let unsound = attacks.iter().any(|a| a.standing == Standing::Unsound);
        assert!(unsound, "{}, seed {seed}: {attacks:?}", kernel.name());
    }
}
