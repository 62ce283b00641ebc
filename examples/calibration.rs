//! What `--confidence` states beside the errors of many executions: of each network the largest error
//! that any of them makes on any input, what is stated as a rule (the median over inputs), how many
//! times larger that is, and how often an execution is beyond.
//!
//! `cargo run --release --example calibration -- [--inputs-each N] [--orders N] [MODEL INPUTS]` prints the table of
//! docs/benchmarks.md; with a model and its inputs, that model's rows.

#[path = "../benches/common/mod.rs"]
mod common;

use clap::Parser;
use common::{Mlp, networks};
use gradbound::audit::Request;
use gradbound::audit::prepare::prepare;
use gradbound::audit::record::PassRecord;
use gradbound::audit::subjects::subjects;
use gradbound::bound::Approx;
use gradbound::config::{Config, Execution, Schedule};
use gradbound::graph::Graph;
use gradbound::interpret::{bounds, runtime};
use gradbound::probable::{self, Certified, DRAWS, Wanted};
use gradbound::tensor::{DType, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Parser)]
struct Args {
    /// Inputs of each network, each a shuffle of the first.
    #[arg(long, default_value_t = 20)]
    inputs_each: u32,
    /// Executions of each input, each in another order.
    #[arg(long, default_value_t = 50)]
    orders: u32,
    /// A model in place of the digits and the seeded networks.
    model: Option<PathBuf>,
    /// Its inputs.
    inputs: Option<PathBuf>,
}

const WANTED: Wanted = Wanted {
    confidence: 1.0 - 1e-6,
    draws: DRAWS,
    seed: 0,
};

/// A graph with its inputs and what of it is looked at.
struct Case {
    name: String,
    graph: Graph,
    inputs: Vec<Tensor>,
    outputs: Vec<usize>,
    loss: Vec<usize>,
    gradients: Vec<usize>,
}

/// Sums in blocks of any length, products fused or not: all of them are admitted by `any`.
fn execution(n: u32) -> Config {
    let block = NonZeroUsize::new(2 + 7 * (n as usize / 2)).expect("at least 2");
    Config {
        schedule: Schedule::Blocked(block),
        execution: Execution {
            fused: n % 2 == 1,
            flushed: false,
        },
        ..Config::default()
    }
}

fn of_model(
    model: PathBuf,
    inputs: PathBuf,
    format: Option<DType>,
    loss: Option<&str>,
) -> gradbound::Result<Case> {
    let name = model.file_stem().map(|n| n.to_string_lossy().into_owned());
    let request = Request {
        model,
        inputs: Some(inputs),
        observed: None,
        format,
        loss: loss.map(str::to_owned),
        forward_only: false,
        adjoint: Vec::new(),
        confidence: None,
        config: Config::default(),
        formulas: Default::default(),
    };
    let prepared = prepare(&request)?;
    let named = subjects(&prepared);
    let is_gradient = |pass| matches!(pass, PassRecord::Backward);
    let gradients = named.iter().filter(|s| is_gradient(s.pass));
    let loss = named
        .iter()
        .filter(|s| Some(s.name.as_str()) == loss.or(Some("loss")));
    let outputs = named.iter().filter(|s| s.name == "logits");
    Ok(Case {
        name: format!("{}, {}", name.unwrap_or_default(), prepared.model.format),
        outputs: outputs.map(|s| s.id.index()).collect(),
        loss: loss.map(|s| s.id.index()).collect(),
        gradients: gradients.map(|s| s.id.index()).collect(),
        inputs: prepared.inputs.clone(),
        graph: prepared.model.graph,
    })
}

fn of_widths(name: &str, widths: &[usize]) -> gradbound::Result<Case> {
    let mlp = Mlp::new(1, widths)?;
    Ok(Case {
        name: format!("{name}, f32"),
        outputs: vec![mlp.output.index()],
        loss: vec![mlp.loss.index()],
        gradients: vec![mlp.gradient.index()],
        inputs: mlp.inputs,
        graph: mlp.graph,
    })
}

/// What was found of one value over all inputs and orders.
#[derive(Clone, Default)]
struct Calibrated {
    /// The largest statement of an element, for each input.
    stated: Vec<f64>,
    /// The largest error.
    largest: f64,
    /// Executions with an element beyond its statement.
    beyond: usize,
}

impl Calibrated {
    /// What is stated of an input as a rule.
    fn stated(&self) -> f64 {
        let mut all = self.stated.clone();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }

    fn ratio(&self) -> f64 {
        self.stated() / self.largest
    }
}

/// The tensors with their elements in another order.
fn shuffled(inputs: &[Tensor], rng: &mut fastrand::Rng) -> gradbound::Result<Vec<Tensor>> {
    let mut other = |t: &Tensor| {
        let mut order: Vec<usize> = (0..t.len()).collect();
        rng.shuffle(&mut order);
        t.take(t.shape().clone(), &order[..])
    };
    inputs.iter().map(&mut other).collect()
}

fn calibrate(case: &Case, args: &Args) -> gradbound::Result<()> {
    let asked: Vec<usize> = [&case.outputs[..], &case.loss, &case.gradients].concat();
    let asked: BTreeSet<usize> = asked.into_iter().collect();
    let mut found: BTreeMap<usize, Calibrated> =
        asked.iter().map(|k| (*k, Calibrated::default())).collect();
    let (mut rng, mut cost) = (fastrand::Rng::with_seed(1), 0.0);
    for _ in 0..args.inputs_each {
        let inputs = shuffled(&case.inputs, &mut rng)?;
        cost += on_inputs(case, &inputs, args.orders, &mut found)?;
    }
    let of = |wanted: &[usize]| -> Vec<Calibrated> {
        let exact = |c: &Calibrated| c.largest > 0.0;
        let mut all: Vec<Calibrated> = wanted
            .iter()
            .map(|k| found[k].clone())
            .filter(exact)
            .collect();
        all.sort_by(|a, b| a.ratio().total_cmp(&b.ratio()));
        all
    };
    let cell = |all: &[Calibrated]| match all.get(all.len() / 2) {
        Some(c) => format!("{:.1e}, {:.1e}, {:.0}", c.largest, c.stated(), c.ratio()),
        None => "-".to_owned(),
    };
    println!(
        "| {} | {} | {} | {} | {} of {} | {:.0} |",
        case.name,
        cell(&of(&case.outputs)),
        cell(&of(&case.loss)),
        cell(&of(&case.gradients)),
        found.values().map(|c| c.beyond).sum::<usize>(),
        found.len() * args.inputs_each as usize * args.orders as usize,
        cost / f64::from(args.inputs_each),
    );
    Ok(())
}

/// States what one run's errors stay within, executes it in other orders, and returns what stating
/// costs, in plain runs.
fn on_inputs(
    case: &Case,
    inputs: &[Tensor],
    orders: u32,
    found: &mut BTreeMap<usize, Calibrated>,
) -> gradbound::Result<f64> {
    let config = Config::default();
    let start = Instant::now();
    let run = runtime::eval(&case.graph, &config, inputs)?;
    let plain = start.elapsed().as_secs_f64();
    let exact = vec![Approx::exact(); inputs.len()];
    let known = bounds::eval(&case.graph, &config, &run, &exact);
    let asked: BTreeSet<usize> = found.keys().copied().collect();
    let certified = Certified {
        graph: &case.graph,
        config: &config,
        run: &run,
        known: &known,
    };
    let start = Instant::now();
    let stated = probable::bounds(certified, &asked, WANTED)?;
    let cost = start.elapsed().as_secs_f64() / plain;
    let reference = probable::in_f64(&case.graph, &run, &asked)?;
    for (k, found) in found.iter_mut() {
        found.stated.push(stated[k].eps.largest().get());
    }
    for n in 0..orders {
        let run = runtime::eval(&case.graph, &execution(n), inputs)?;
        for (k, found) in found.iter_mut() {
            let stated = &stated[k].eps;
            let errors = (reference[k].iter().enumerate()).map(|(i, x)| (run[*k].get(i) - x).abs());
            let mut fails = false;
            for (i, error) in errors.enumerate() {
                if error > found.largest || error.is_nan() {
                    found.largest = error;
                }
                fails |= error.is_nan() || error > stated.at(i).get();
            }
            found.beyond += usize::from(fails);
        }
    }
    Ok(cost)
}

fn main() -> gradbound::Result<()> {
    let args = Args::parse();
    println!(
        "| network | outputs: largest error, stated, ratio | loss | median gradient | beyond | cost, in plain runs |"
    );
    println!("|---|---|---|---|---|---|");
    if let (Some(model), Some(inputs)) = (&args.model, &args.inputs) {
        for format in [DType::F32, DType::BF16] {
            let case = of_model(model.clone(), inputs.clone(), Some(format), None)?;
            calibrate(&case, &args)?;
        }
        return Ok(());
    }
    let digits = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/digits"));
    for format in [DType::F32, DType::BF16, DType::F16] {
        let (model, inputs) = (digits.join("model.onnx"), digits.join("inputs.npz"));
        calibrate(&of_model(model, inputs, Some(format), Some("loss"))?, &args)?;
    }
    for (name, widths) in networks() {
        calibrate(&of_widths(name, &widths)?, &args)?;
    }
    Ok(())
}
