//! What the adjoint form gains over the rules with their norms, and what it costs.
//!
//! `cargo bench --bench adjoint` prints the table of docs/benchmarks.md.

mod common;

use common::{Mlp, networks, seconds};
use gradbound::adjoint::refine;
use gradbound::bound::Approx;
use gradbound::config::{Config, Contract, Schedule};
use gradbound::number::{SpecNumber, Up};
use std::collections::BTreeSet;

fn main() -> gradbound::Result<()> {
    let fixed = Config {
        schedule: Schedule::Left,
        contract: Contract::Off,
        ..Config::default()
    };
    println!(
        "| network, executions | eps by the rules | in adjoint form | ratio | this run's error | cost, in plain runs |"
    );
    println!("|---|---|---|---|---|---|");
    for (name, widths) in networks() {
        for (executions, config) in [("any", Config::default()), ("left, no contraction", fixed)] {
            let mlp = Mlp::forward(1, &widths)?;
            let mut run = Vec::new();
            let plain = seconds(|| run = mlp.plain(&config));
            let out = mlp.output.index();
            let largest = |approx: &[Approx]| approx[out].eps.largest().get();
            let rules = largest(&mlp.bounded(&config, &run));
            let mut adjoint = 0.0;
            let asked = BTreeSet::from([out]);
            let cost = seconds(|| {
                let refined = refine(&mlp.graph, &config, &run, &[Approx::exact()], &asked);
                adjoint = largest(&refined.approx);
            });
            let spec = mlp.enclosed(&run);
            let error = |i: usize| Up::new(spec[out].data[i].distance(run[out].get(i)).hi());
            let error = (0..run[out].len()).map(error).fold(Up::ZERO, Up::max).get();
            println!(
                "| {name}, {executions} | {rules:.1e} | {adjoint:.1e} | {:.1e} | {error:.1e} | {:.0} |",
                rules / adjoint,
                cost / plain
            );
        }
    }
    Ok(())
}
