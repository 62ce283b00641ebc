//! What certifying costs beside running, and how near this run's errors come to their bounds.
//!
//! `cargo bench --bench certify` prints the tables of docs/benchmarks.md, then criterion's
//! figures for each stage; ratios are of medians within one run.

mod common;

use common::{Mlp, networks, seconds};
use criterion::Criterion;
use gradbound::audit::prepare::{Prepared, prepare};
use gradbound::audit::{Request, audit};
use gradbound::bound::{Approx, Operand};
use gradbound::config::{Config, Contract, Schedule};
use gradbound::interpret::{bounds, spec};
use gradbound::number::Enclosure;
use gradbound::obligation::{Checks, Run, check};
use gradbound::op::{Op, Primitive, RuleCx, real};
use gradbound::tensor::{SpecTensor, Tensor};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

fn digits() -> Request {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/digits");
    Request {
        model: folder.join("model.onnx"),
        inputs: Some(folder.join("inputs.npz")),
        observed: None,
        format: None,
        loss: None,
        forward_only: false,
        adjoint: Vec::new(),
        confidence: None,
        config: Config::default(),
        formulas: Default::default(),
    }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Stages interleaved in one run, so that a busy machine disturbs all alike.
fn ratios() -> gradbound::Result<()> {
    println!("| network | plain s | bounds / plain | f64 enclosure / plain |");
    println!("|---|---|---|---|");
    let config = Config::default();
    for (name, batch, widths) in [
        ("64-32-16-10, batch 8", 8, vec![64, 32, 16, 10]),
        ("784-256-256-10, batch 32", 32, vec![784, 256, 256, 10]),
    ] {
        let mlp = Mlp::new(batch, &widths)?;
        let run = mlp.plain(&config);
        let (mut plain, mut bound, mut enclosed) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..7 {
            plain.push(seconds(|| drop(black_box(mlp.plain(&config)))));
            bound.push(seconds(|| drop(black_box(mlp.bounded(&config, &run)))));
            enclosed.push(seconds(|| drop(black_box(mlp.enclosed(&run)))));
        }
        let p = median(plain);
        let (b, e) = (median(bound) / p, median(enclosed) / p);
        println!("| {name} | {p:.5} | {b:.1} | {e:.1} |");
    }
    Ok(())
}

/// Per value: quartiles of error/eps over its elements, and `left` beside `any`.
fn distribution() -> gradbound::Result<()> {
    let request = digits();
    let any = audit(&request, &|_| {})?.audit;
    let left = audit(
        &Request {
            config: Config {
                schedule: Schedule::Left,
                contract: Contract::Off,
                ..Config::default()
            },
            ..digits()
        },
        &|_| {},
    )?
    .audit;
    let prepared = prepare(&request)?;
    let subjects = gradbound::audit::subjects::subjects(&prepared);
    let run = Run::new(&prepared.model.graph, &request.config, &prepared.inputs)?;
    let inputs: Vec<SpecTensor<Enclosure>> = prepared.inputs.iter().map(|t| real(&(), t)).collect();
    let specs = spec::eval(&prepared.model.graph, &(), &inputs, Some(&run.values));
    println!("\n| value | eps (any) | eps (left) / eps (any) | error/eps: median | 90 % | max |");
    println!("|---|---|---|---|---|---|");
    for ((s, any), left) in subjects.iter().zip(&any.values).zip(&left.values) {
        let k = s.id.index();
        let mut ratios: Vec<f64> = (0..run.values[k].len())
            .map(|i| {
                let error = specs[k].data[i];
                let error = gradbound::number::SpecNumber::distance(&error, run.values[k].get(i));
                let eps = run.approx[k].eps.at(i).get();
                if error.hi() == 0.0 {
                    0.0
                } else {
                    error.hi() / eps
                }
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let at = |q: f64| ratios[((ratios.len() - 1) as f64 * q) as usize];
        let tighter = if any.eps.0 == 0.0 {
            1.0
        } else {
            left.eps.0 / any.eps.0
        };
        println!(
            "| {} | {:.2e} | {tighter:.3} | {:.1e} | {:.1e} | {:.1e} |",
            s.name,
            any.eps.0,
            at(0.5),
            at(0.9),
            at(1.0)
        );
    }
    let checks = check(&prepared.model.graph, &run, &prepared.inputs, &[]);
    losses(&prepared, &checks);
    Ok(())
}

/// How much tightness each primitive loses: the tightest argument's error/eps over its own,
/// geometric mean over its nodes.
fn losses(prepared: &Prepared, checks: &Checks) {
    let mut lost: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (k, node) in prepared.model.graph.nodes().iter().enumerate() {
        if matches!(node.op(), Op::Input | Op::Constant(_)) || checks.error[k].tightness == 0.0 {
            continue;
        }
        // What is held beside a value serves its bound, and is no step on the way to it.
        let on_the_way = match node.op() {
            Op::AnyOf(_) | Op::Conditioned(_) => &node.args()[..1],
            _ => node.args(),
        };
        let before = on_the_way.iter().map(|a| checks.error[a.index()].tightness);
        let before = before.fold(0.0, |m: f64, t| if t > m { t } else { m });
        // Exact arguments: the whole of the bound could be attained.
        let before = if before == 0.0 { 1.0 } else { before };
        let ratio = before / checks.error[k].tightness;
        lost.entry(node.op().name()).or_default().push(ratio.ln());
    }
    let mut rows: Vec<(f64, &str, usize)> = lost
        .iter()
        .map(|(name, logs)| {
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            (mean.exp(), *name, logs.len())
        })
        .collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("\n| primitive | nodes | tightness lost (factor) |\n|---|---|---|");
    for (factor, name, nodes) in rows {
        println!("| {name} | {nodes} | {factor:.1} |");
    }
}

/// What a declared tree gains over every tree: the largest eps of the last activation and of
/// the gradient of the first weights' product, over those under `any`.
fn schedules() -> gradbound::Result<()> {
    println!("| network | schedule | eps / eps (any): output | gradient |");
    println!("|---|---|---|---|");
    let block = |n| Schedule::Blocked(NonZeroUsize::new(n).expect("positive"));
    for (name, widths) in networks().into_iter().take(2) {
        let mlp = Mlp::new(4, &widths)?;
        let eps = |schedule| {
            let config = Config {
                schedule,
                contract: Contract::Off,
                ..Config::default()
            };
            let approx = mlp.bounded(&config, &mlp.plain(&config));
            [mlp.output, mlp.gradient].map(|v| approx[v.index()].eps.largest().get())
        };
        let any = eps(Schedule::Any);
        println!("| {name} | any: {:.2e}, {:.2e} | 1 | 1 |", any[0], any[1]);
        for schedule in [Schedule::Left, Schedule::Pairwise, block(32), block(128)] {
            let own = eps(schedule);
            println!(
                "| {name} | {schedule} | {:.2e} | {:.2e} |",
                own[0] / any[0],
                own[1] / any[1]
            );
        }
    }
    Ok(())
}

/// What the ℓ2 norms gain, and cost: the largest eps of the last activation and of the gradient
/// of the first layer's, against rules that forget them.
fn norms() -> gradbound::Result<()> {
    let config = Config::default();
    let forgetful = |op: &Op, cx: &RuleCx, args: &[Operand], out: &Tensor| Approx {
        blocks: None,
        ..op.error(cx, args, out)
    };
    println!(
        "| network | element by element: output, gradient | with norms | ratio | cost, in plain runs |"
    );
    println!("|---|---|---|---|---|");
    for (name, widths) in networks() {
        let mlp = Mlp::new(4, &widths)?;
        let mut run = Vec::new();
        let plain = seconds(|| run = mlp.plain(&config));
        let largest = |approx: &[Approx]| {
            [mlp.output, mlp.gradient].map(|v| approx[v.index()].eps.largest().get())
        };
        let (mut apart, mut together) = ([0.0; 2], [0.0; 2]);
        let without = seconds(|| {
            let all = bounds::eval_by(&forgetful, &mlp.graph, &config, &run, &[Approx::exact()]);
            apart = largest(&all);
        });
        let with = seconds(|| together = largest(&mlp.bounded(&config, &run)));
        println!(
            "| {name} | {:.1e}, {:.1e} | {:.1e}, {:.1e} | {:.1e}, {:.1e} | {:.1} and {:.1} |",
            apart[0],
            apart[1],
            together[0],
            together[1],
            apart[0] / together[0],
            apart[1] / together[1],
            without / plain,
            with / plain
        );
    }
    Ok(())
}

fn main() -> gradbound::Result<()> {
    norms()?;
    println!();
    distribution()?;
    println!();
    schedules()?;
    println!();
    ratios()?;
    println!();
    let mut criterion = Criterion::default()
        .sample_size(20)
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500))
        .configure_from_args();
    let request = digits();
    criterion.bench_function("digits: whole audit", |b| {
        b.iter(|| audit(black_box(&request), &|_| {}).expect("audits"));
    });
    criterion.final_summary();
    Ok(())
}
