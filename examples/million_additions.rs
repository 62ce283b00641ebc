//! A scalar graph of a million additions: built, run, enclosed, bounded and scaled.
//!
//! `cargo run --release --example million_additions [N]` prints seconds per stage and the
//! peak memory of the process.

use gradbound::bound::Approx;
use gradbound::config::Config;
use gradbound::graph::Graph;
use gradbound::interpret::{bounds, runtime, scales, spec};
use gradbound::number::Enclosure;
use gradbound::op::{Scaled, real};
use gradbound::tensor::{DType, Shape, Tensor, Ty};
use std::time::Instant;

fn main() -> gradbound::Result<()> {
    let n: usize = match std::env::args().nth(1) {
        None => 1_000_000,
        Some(word) => word
            .parse()
            .map_err(|_| gradbound::Error::new(format!("`{word}` is no count")))?,
    };
    let config = Config::default();
    let start = Instant::now();
    let stage =
        |name: &str, since: Instant| println!("{name:<10} {:.2} s", since.elapsed().as_secs_f64());

    let mut graph = Graph::new();
    let step = graph.input(Ty::new(Shape::scalar(), DType::F32));
    let mut total = step;
    for _ in 0..n {
        total = graph.add(total, step)?;
    }
    stage("built", start);

    let input = Tensor::full(Shape::scalar(), DType::F32, 0.1)?;
    let since = Instant::now();
    let run = runtime::eval(&graph, &config, std::slice::from_ref(&input))?;
    stage("run", since);

    let since = Instant::now();
    let spec = spec::eval::<Enclosure>(&graph, &(), &[real(&(), &input)], None);
    stage("enclosed", since);

    let since = Instant::now();
    let eps = bounds::eval(&graph, &config, &run, &[Approx::exact()]);
    stage("bounded", since);

    let since = Instant::now();
    let known = scales::Known {
        run: &run,
        approx: &eps,
    };
    let scale = scales::eval(&graph, &config, &[Scaled::of(&input)], Some(known));
    stage("scaled", since);

    let k = total.index();
    let x = spec[k].data[0];
    println!("total      {:.2} s", start.elapsed().as_secs_f64());
    println!(
        "value {} in [{}, {}] of the reals, eps {:.3e}, scale {:.3e}",
        run[k].get(0),
        x.lo(),
        x.hi(),
        eps[k].eps.largest().get(),
        scale[k].scale.largest().get()
    );
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|l| l.starts_with("VmHWM"));
        println!("{}", peak.unwrap_or("peak memory unknown"));
    }
    Ok(())
}
