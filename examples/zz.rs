#[path = "../benches/common/mod.rs"]
mod common;
use common::{Mlp, seconds};
use gradbound::adjoint::refine;
use gradbound::bound::Approx;
use gradbound::config::Config;
use std::collections::BTreeSet;
fn main() -> gradbound::Result<()> {
    let a: Vec<usize> = std::env::args()
        .skip(1)
        .map(|x| x.parse().unwrap())
        .collect();
    let config = Config::default();
    let mlp = Mlp::forward(1, &vec![a[0]; a[1] + 1])?;
    let run = mlp.plain(&config);
    let out = mlp.output.index();
    let rules = mlp.bounded(&config, &run);
    let asked = BTreeSet::from([out]);
    let mut r = None;
    let t = seconds(|| {
        r = Some(refine(
            &mlp.graph,
            &config,
            &run,
            &[Approx::exact()],
            &asked,
        ))
    });
    let r = r.unwrap();
    for (k, n) in mlp.graph.nodes().iter().enumerate() {
        if n.args().is_empty() {
            continue;
        }
        let op: &gradbound::op::Op = n.op();
        println!(
            "{k} {} {:e} {:e}",
            op.primitive(),
            rules[k].eps.largest().get(),
            r.approx[k].eps.largest().get()
        );
    }
    let o = &r.origins[&out];
    println!(
        "{t} s; {:e}: {:?}",
        o.eps.get(),
        o.born
            .iter()
            .filter(|b| b.1.get() > 0.0)
            .map(|b| (b.0, b.1.get()))
            .collect::<Vec<_>>()
    );
    Ok(())
}
