//! The probabilistic strength: executions stay within it more often than it says, and come near.
#![allow(
    clippy::disallowed_methods,
    reason = "powers of two as figures, of tests alone"
)]

use gradbound::bound::Approx;
use gradbound::config::{Accumulate, Config};
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime};
use gradbound::probable::{self, Certified, Probable, Wanted};
use gradbound::tensor::{DType, Tensor, Ty};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Weights [n, k] and offsets [k] of a layer.
type Layer = (Vec<f64>, Vec<f64>);

const WIDTHS: [usize; 4] = [24, 48, 40, 6];
const BATCH: usize = 3;

/// Seeded weights, rounded to what every format holds.
fn layers(rng: &mut fastrand::Rng) -> (Vec<f64>, Vec<Layer>) {
    let mut draw = |len: usize, size: f64| -> Vec<f64> {
        let of = |x: f64| f64::from(half::bf16::from_f64(x));
        (0..len)
            .map(|_| of((rng.f64() * 2.0 - 1.0) * size))
            .collect()
    };
    let x = draw(BATCH * WIDTHS[0], 1.0);
    let layer = |pair: &[usize]| {
        let weights = draw(pair[0] * pair[1], (6.0 / pair[0] as f64).sqrt());
        (weights, draw(pair[1], 0.1))
    };
    (x, WIDTHS.windows(2).map(layer).collect())
}

/// The same network with its hidden units in another order, so that every sum over them is.
fn shuffled(rng: &mut fastrand::Rng, layers: &[Layer]) -> Vec<Layer> {
    let mut all = layers.to_vec();
    for l in 0..all.len() - 1 {
        let (n, k) = (WIDTHS[l], WIDTHS[l + 1]);
        let mut order: Vec<usize> = (0..k).collect();
        rng.shuffle(&mut order);
        let (w, b) = all[l].clone();
        all[l].0 = (0..n * k).map(|i| w[i / k * k + order[i % k]]).collect();
        all[l].1 = order.iter().map(|&j| b[j]).collect();
        let (w, m) = (all[l + 1].0.clone(), WIDTHS[l + 2]);
        all[l + 1].0 = (0..k * m).map(|i| w[order[i / m] * m + i % m]).collect();
    }
    all
}

/// Mean square of a ReLU network's outputs; of its values the outputs, the loss, and the gradients
/// of the outputs and the inputs.
fn network(x: &[f64], layers: &[Layer], dtype: DType) -> (Graph, Vec<Tensor>, Vec<ValueId>) {
    let tensor = |shape: Vec<usize>, data: &[f64]| {
        Tensor::from_f64s(shape[..].into(), dtype, data).expect("as many")
    };
    let mut g = Graph::new();
    let input = g.input(Ty::new([BATCH, WIDTHS[0]], dtype));
    let mut h = input;
    for (l, (_, b)) in layers.iter().enumerate() {
        let weights = g.input(Ty::new([WIDTHS[l], WIDTHS[l + 1]], dtype));
        let b = g.constant(tensor(vec![WIDTHS[l + 1]], b));
        let product = g.matmul(h, weights).expect("fits");
        let sum = g.add(product, b).expect("fits");
        h = if l + 1 < layers.len() {
            g.relu(sum).expect("a float")
        } else {
            sum
        };
    }
    let squares = g.mul(h, h).expect("fits");
    let loss = g.mean(squares, &[0, 1], false).expect("two axes");
    let one = g.scalar(1.0, dtype).expect("a scalar");
    let gradients = append_backward(&mut g, &[(loss, one)], None).expect("differentiable");
    let of = |v| gradients.of(v).expect("reached");
    let values = vec![h, loss, of(h), of(input)];
    let mut inputs = vec![tensor(vec![BATCH, WIDTHS[0]], x)];
    for (l, (w, _)) in layers.iter().enumerate() {
        inputs.push(tensor(vec![WIDTHS[l], WIDTHS[l + 1]], w));
    }
    (g, inputs, values)
}

fn stated(
    graph: &Graph,
    config: &Config,
    inputs: &[Tensor],
    asked: &[ValueId],
    wanted: Wanted,
) -> BTreeMap<usize, Probable> {
    let run = runtime::eval(graph, config, inputs).expect("runs");
    let exact = vec![Approx::exact(); inputs.len()];
    let known = bounds::eval(graph, config, &run, &exact);
    let asked: BTreeSet<usize> = asked.iter().map(|v| v.index()).collect();
    let certified = Certified {
        graph,
        config,
        run: &run,
        known: &known,
    };
    probable::bounds(certified, &asked, wanted).expect("runs")
}

const WANTED: Wanted = Wanted {
    confidence: 0.99,
    draws: 64,
    seed: 0,
};

/// The largest error in orders of hidden units, as a share of what is stated, of each value.
fn shares(dtype: DType, orders: usize) -> Vec<f64> {
    let mut rng = fastrand::Rng::with_seed(7);
    let config = Config {
        accumulate: Accumulate::Default,
        ..Config::default()
    };
    let (x, layers) = layers(&mut rng);
    let (graph, inputs, values) = network(&x, &layers, dtype);
    let stated = stated(&graph, &config, &inputs, &values, WANTED);
    let (wide, wide_inputs, _) = network(&x, &layers, DType::F64);
    let exact = runtime::eval(&wide, &Config::default(), &wide_inputs).expect("runs");
    let mut shares = vec![0.0_f64; values.len()];
    for _ in 0..orders {
        let other = shuffled(&mut rng, &layers);
        let (graph, inputs, _) = network(&x, &other, dtype);
        let run = runtime::eval(&graph, &config, &inputs).expect("runs");
        for (share, v) in shares.iter_mut().zip(&values) {
            let v = v.index();
            for i in 0..exact[v].len() {
                let error = (run[v].get(i) - exact[v].get(i)).abs();
                let reached = error / stated[&v].eps.at(i).get();
                if reached > *share || reached.is_nan() {
                    *share = reached;
                }
            }
        }
    }
    shares
}

/// Of 500 orders none may fail more often than one in a hundred; that none does is expected of
/// Azuma's tail. The largest error is within a factor of 30.
#[test]
fn random_orders_stay_within_and_come_near() {
    for dtype in [DType::F32, DType::BF16, DType::F16] {
        let shares = shares(dtype, 500);
        for (k, share) in shares.iter().enumerate() {
            assert!(*share <= 1.0, "{dtype} value {k}: {share}");
            // A narrow scalar's last rounding is the same in every order, and small by chance.
            let by_chance = k == 1 && dtype != DType::F32;
            assert!(
                by_chance || *share >= 1.0 / 30.0,
                "{dtype} value {k}: {share}"
            );
        }
    }
}

/// A step whose argument may be on either side: the gradient jumps by the whole cotangent.
#[test]
fn a_gate_that_may_open_jumps() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([2, 3], DType::F32));
    let sum = g.sum(x, &[1], false).expect("an axis");
    let h = g.relu(sum).expect("a float");
    let five = g.constant(Tensor::f32s([2], vec![5.0, 5.0]).expect("two"));
    let gradients = append_backward(&mut g, &[(h, five)], None).expect("differentiable");
    let gradient = gradients.of(x).expect("reached");
    // 1 + 2⁻²⁵ − 1 − 2⁻²⁶ of which f32 keeps nothing, and 1 + 1 − 1.
    let data = vec![1.0, 2f32.powi(-25), -1.0, 1.0, 1.0, -1.0];
    let inputs = [Tensor::f32s([2, 3], data).expect("six")];
    let stated = stated(&g, &Config::default(), &inputs, &[gradient], WANTED);
    let of_gradient = &stated[&gradient.index()];
    assert!(of_gradient.eps.at(0).get() >= 5.0, "{of_gradient:?}");
    assert!(of_gradient.jumps > 0.0);
    assert_eq!(of_gradient.eps.at(3).get(), 0.0, "{of_gradient:?}");
}

/// The draws' own error is a part of the bound, so that other draws state nearly the same; equal
/// ones state the same.
#[test]
fn other_draws_state_nearly_the_same() {
    let mut rng = fastrand::Rng::with_seed(3);
    let (x, layers) = layers(&mut rng);
    let (graph, inputs, values) = network(&x, &layers, DType::F32);
    let config = Config::default();
    let of = |wanted: Wanted| {
        let stated = stated(&graph, &config, &inputs, &values, wanted);
        values
            .iter()
            .map(|v| stated[&v.index()].eps.largest().get())
            .collect::<Vec<f64>>()
    };
    let first = of(WANTED);
    assert_eq!(first, of(WANTED));
    for (a, b) in first.iter().zip(of(Wanted { seed: 1, ..WANTED })) {
        assert!(a / b < 1.5 && b / a < 1.5, "{a} and {b}");
    }
    let surer = Wanted {
        confidence: 0.999_999,
        ..WANTED
    };
    assert!(first.iter().zip(of(surer)).all(|(a, b)| b > *a));
}

/// f64's roundings are 2⁻²⁹ of f32's.
#[test]
fn double_precision_is_measured_by_larger_roundings() {
    let mut rng = fastrand::Rng::with_seed(5);
    let (x, layers) = layers(&mut rng);
    let [single, double] = [DType::F32, DType::F64].map(|dtype| {
        let (graph, inputs, values) = network(&x, &layers, dtype);
        let stated = stated(&graph, &Config::default(), &inputs, &values[..2], WANTED);
        stated[&values[0].index()].eps.largest().get()
    });
    let ratio = double / single * 2f64.powi(29);
    assert!(ratio > 0.5 && ratio < 2.0, "{ratio}");
}

#[test]
fn the_command_states_it_and_says_what_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/digits");
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gradbound"));
        command.arg("audit").arg(format!("{digits}/model.onnx"));
        command.arg("--inputs").arg(format!("{digits}/inputs.npz"));
        command.arg("--out").arg(folder.path()).args(args);
        command.output().expect("the binary starts")
    };
    let output = run(&["--confidence", "0.999999", "--draws", "16"]);
    assert_eq!(output.status.code(), Some(0));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        table.contains("no certificate") && table.contains("probable"),
        "{table}"
    );
    let text = std::fs::read(folder.path().join("audit.json")).expect("written");
    let audit: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(audit["config"]["confidence"]["draws"], 16);
    let ids = audit["assumptions"].as_array().expect("a ledger");
    assert!(ids.iter().any(|a| a["id"] == "P1") && ids.iter().any(|a| a["id"] == "P2"));
    for value in audit["values"].as_array().expect("values") {
        let [eps, probable] = [&value["eps"], &value["probable"]["eps"]];
        assert!(probable.as_f64() <= eps.as_f64(), "{value}");
    }
    for (args, word) in [
        (&["--confidence", "1"][..], "0.999999"),
        (&["--confidence", "maybe"], "0.999999"),
        (&["--draws", "64"], "--confidence"),
        (&["--confidence", "0.9", "--draws", "2"], "8"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(word), "{args:?}: {said}");
    }
}
