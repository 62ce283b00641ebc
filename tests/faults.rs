//! Wrong results are caught and blamed on the right value; honest variations are not.

#[path = "common/digits.rs"]
mod digits;

use digits::{audit_observed, by_name, f32s, folder, observed, request, run, tensors, with_values};
use gradbound::audit::Audit;
use gradbound::config::Config;
use gradbound::import::arrays;
use gradbound::import::onnx::{ImportOptions, import};
use gradbound::op::Op;
use gradbound::tensor::{DType, Tensor};
use gradbound::verdict::Outcome;
use std::collections::BTreeMap;

type Arrays = BTreeMap<String, Tensor>;

fn audited(observed: &Arrays) -> Audit {
    audit_observed(observed, Config::default())
}

/// The audit accuses `name`, first.
fn accuses(observed: &Arrays, name: &str) {
    let audit = audited(observed);
    assert_eq!(audit.verdict, Outcome::Violated, "{name}");
    assert_eq!(audit.blame.as_ref().map(|b| b.value.as_str()), Some(name));
    let value = by_name(&audit)[name];
    let seen = value.observed.as_ref().expect("observed");
    assert_eq!(seen.verdict, Outcome::Violated);
    assert!(seen.ratio.0 > 1.0);
    assert_eq!(value.verdict, Outcome::Holds, "our own claim stands");
}

fn changed(name: &str, change: impl FnOnce(&Tensor, &mut Vec<f32>)) -> Arrays {
    let mut all = observed();
    let old = all[name].clone();
    let mut values = f32s(&old);
    change(&old, &mut values);
    all.insert(name.to_string(), with_values(&old, values));
    all
}

#[test]
fn a_gradient_transposed_and_reshaped_back() {
    for name in ["grad:w1", "grad:w2", "grad:w3"] {
        let wrong = changed(name, |old, values| {
            let (rows, columns) = (old.shape()[0], old.shape()[1]);
            let before = values.clone();
            for (k, v) in values.iter_mut().enumerate() {
                *v = before[(k % rows) * columns + k / rows];
            }
        });
        accuses(&wrong, name);
    }
}

#[test]
fn an_array_of_zeros() {
    for name in [
        "h2_pre",
        "logits",
        "grad:logits",
        "grad:w1",
        "grad:b2",
        "grad:images",
    ] {
        accuses(&changed(name, |_, values| values.fill(0.0)), name);
    }
}

#[test]
fn one_entry_of_a_hidden_value_off_by_a_hundred_eps() {
    let honest = run(&request());
    for name in ["h1_pre", "h1", "h2_pre", "h2"] {
        let eps = by_name(&honest)[name].eps.0 as f32;
        accuses(&changed(name, |_, values| values[17] += 100.0 * eps), name);
    }
}

#[test]
fn a_value_that_is_not_a_number() {
    accuses(&changed("h2", |_, values| values[3] = f32::NAN), "h2");
    accuses(
        &changed("grad:b1", |_, values| values[3] = f32::INFINITY),
        "grad:b1",
    );
}

/// Initializers and inputs by name.
fn given() -> Arrays {
    let mut all = Arrays::new();
    let model = import(&folder().join("model.onnx"), &ImportOptions::default()).expect("imports");
    for v in &model.initializers {
        if let Op::Constant(t) = model.graph.node(v.id).op() {
            all.insert(v.name.clone(), t.as_ref().clone());
        }
    }
    let inputs = arrays::read(&folder().join("inputs.npz")).expect("readable");
    let images = inputs.arrays["images"]
        .to_tensor(DType::F32)
        .expect("float32");
    all.insert("images".to_string(), images);
    all
}

/// Removes one sample's contribution x[s]ᵀ·δ[s] from a weight gradient (and δ[s] from the
/// bias gradient).
fn without_sample(layer: usize, sample: usize) -> Arrays {
    let mut all = observed();
    let given = given();
    let input = match layer {
        1 => given["images"].clone(),
        2 => all["h1"].clone(),
        _ => all["h2"].clone(),
    };
    let delta = match layer {
        1 => all["grad:h1_pre"].clone(),
        2 => all["grad:h2_pre"].clone(),
        _ => all["grad:logits"].clone(),
    };
    let (n, k) = (input.shape()[1], delta.shape()[1]);
    let (x, d) = (f32s(&input), f32s(&delta));
    let weight = format!("grad:w{layer}");
    let old = all[&weight].clone();
    let mut values = f32s(&old);
    for i in 0..n {
        for j in 0..k {
            values[i * k + j] -= x[sample * n + i] * d[sample * k + j];
        }
    }
    all.insert(weight, with_values(&old, values));
    let bias = format!("grad:b{layer}");
    let old = all[&bias].clone();
    let mut values = f32s(&old);
    for j in 0..k {
        values[j] -= d[sample * k + j];
    }
    all.insert(bias, with_values(&old, values));
    all
}

#[test]
fn a_weight_and_a_bias_gradient_without_one_sample() {
    for layer in 1..=3 {
        for sample in 0..8 {
            let audit = audited(&without_sample(layer, sample));
            assert_eq!(audit.verdict, Outcome::Violated);
            let blamed: Vec<&str> = audit.blames.iter().map(|b| b.value.as_str()).collect();
            let (w, b) = (format!("grad:w{layer}"), format!("grad:b{layer}"));
            assert_eq!(
                blamed.len(),
                2,
                "layer {layer}, sample {sample}: {blamed:?}"
            );
            assert!(blamed.contains(&w.as_str()) && blamed.contains(&b.as_str()));
        }
    }
}

/// x·W + b for f32, each output's terms summed by `sum` from (products' factors, bias).
fn layer(x: &Tensor, w: &Tensor, b: &Tensor, sum: impl Fn(&[(f32, f32)], f32) -> f32) -> Tensor {
    let (batch, n, k) = (x.shape()[0], x.shape()[1], w.shape()[1]);
    let (x, w, b) = (f32s(x), f32s(w), f32s(b));
    let mut out = Vec::new();
    for s in 0..batch {
        for j in 0..k {
            let pairs: Vec<_> = (0..n).map(|i| (x[s * n + i], w[i * k + j])).collect();
            out.push(sum(&pairs, b[j]));
        }
    }
    Tensor::f32s([batch, k], out).expect("batch times k")
}

/// The forward values as another program would compute them.
fn forward(sum: impl Fn(&[(f32, f32)], f32) -> f32) -> Arrays {
    let mut all = given();
    for (k, (from, to)) in [("images", "h1"), ("h1", "h2"), ("h2", "logits")]
        .into_iter()
        .enumerate()
    {
        let k = k + 1;
        let pre = layer(
            &all[from],
            &all[&format!("w{k}")],
            &all[&format!("b{k}")],
            &sum,
        );
        if to == "logits" {
            all.insert(to.to_string(), pre);
        } else {
            let values = f32s(&pre)
                .into_iter()
                .map(|v| if v > 0.0 { v } else { 0.0 })
                .collect();
            all.insert(to.to_string(), with_values(&pre, values));
            all.insert(format!("{to}_pre"), pre);
        }
    }
    all.retain(|name, _| name.starts_with('h') || name == "logits");
    all
}

fn pairwise(terms: &[f32]) -> f32 {
    match terms {
        [] => 0.0,
        [only] => *only,
        _ => {
            let (a, b) = terms.split_at(terms.len() / 2);
            pairwise(a) + pairwise(b)
        }
    }
}

#[test]
fn honest_variations_are_not_accused() {
    let products = |pairs: &[(f32, f32)]| pairs.iter().map(|(x, w)| x * w).collect::<Vec<f32>>();
    let variations: Vec<(&str, Arrays)> = vec![
        (
            "from the right",
            forward(|p, b| products(p).iter().rev().sum::<f32>() + b),
        ),
        ("pairwise", forward(|p, b| pairwise(&products(p)) + b)),
        (
            "fused",
            forward(|p, b| p.iter().fold(0.0_f32, |s, (x, w)| x.mul_add(*w, s)) + b),
        ),
        (
            "bias preloaded",
            forward(|p, b| p.iter().fold(b, |s, (x, w)| s + x * w)),
        ),
        (
            "bias preloaded and fused",
            forward(|p, b| p.iter().fold(b, |s, (x, w)| x.mul_add(*w, s))),
        ),
        (
            "blocks of eight onto the bias",
            forward(|p, b| {
                products(p)
                    .chunks(8)
                    .fold(b, |s, block| s + block.iter().sum::<f32>())
            }),
        ),
    ];
    let ours = run(&request());
    for (name, observed) in variations {
        assert_eq!(observed.len(), 5);
        let audit = audited(&observed);
        assert_eq!(audit.verdict, Outcome::Holds, "{name}");
        assert!(audit.blame.is_none());
        let differs = audit.values.iter().any(|v| {
            let own = by_name(&ours)[v.name.as_str()].error.map(|e| e.upper.0);
            v.observed
                .as_ref()
                .is_some_and(|o| Some(o.error.upper.0) != own)
        });
        assert!(differs || name == "from the left", "{name} changed nothing");
    }
}

#[test]
fn honest_variations_stay_honest_beside_jax() {
    // The rest of the file from another program: local explanations must bridge both.
    let mut all = observed();
    all.extend(forward(|p, b| {
        p.iter().fold(b, |s, (x, w)| x.mul_add(*w, s))
    }));
    assert_eq!(audited(&all).verdict, Outcome::Holds);
    let everything = tensors(
        &arrays::read(&folder().join("observed.npz")).expect("readable"),
        DType::F32,
    );
    assert_eq!(audited(&everything).verdict, Outcome::Holds);
}
