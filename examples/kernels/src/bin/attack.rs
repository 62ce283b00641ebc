//! Attacks every kernel and prints how near to its bounds each came:
//! `cargo run --release [TRIALS [NAME]]`.

use gradbound_kernels::{avx2, operations};

fn main() -> gradbound::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let trials = arguments
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20_000);
    let name = arguments.next().unwrap_or_default();
    let mut kernels = operations::all();
    kernels.push(operations::conv2d_of_cubes());
    if avx2::is_supported() {
        kernels.push(avx2::kernel(1.0));
    }
    for kernel in kernels {
        if !kernel.name().contains(&name) {
            continue;
        }
        let report = kernel.trials(trials).attack()?;
        println!("{report}");
        for attack in report.faults() {
            if let Some(witness) = &attack.witness {
                println!("{witness}\n");
            }
        }
    }
    Ok(())
}
