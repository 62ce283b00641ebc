//! Whole networks, forward and backward: transformers, U-Nets, an LSTM and a MobileNet, as
//! examples/networks/write_networks.py draws them, against what onnx's reference evaluator
//! computes in numpy.

use gradbound::audit::record::{PassRecord, Value};
use gradbound::audit::{Audit, Request, audit};
use gradbound::config::Config;
use gradbound::import::arrays;
use gradbound::tensor::DType;
use gradbound::verdict::Outcome;
use std::collections::BTreeSet;
use std::path::PathBuf;

fn file(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/networks");
    folder.join(name)
}

/// Audits a network as numpy ran it in f32, or by itself in a format.
fn audited(name: &str, format: Option<DType>) -> Audit {
    let observed = file(&format!("{name}_observed.npz"));
    let request = Request {
        model: file(&format!("{name}.onnx")),
        inputs: Some(file(&format!("{name}_inputs.npz"))),
        observed: format.is_none().then_some(observed),
        format,
        loss: None,
        forward_only: false,
        adjoint: Vec::new(),
        confidence: None,
        config: Config::default(),
        formulas: Default::default(),
    };
    let audited = audit(&request, &|_| {}).expect("well formed");
    let audit = audited.audit;
    assert!(audit.warnings.is_empty(), "{:?}", audit.warnings);
    assert_eq!(audit.config.seeds, ["loss"]);
    audit
}

fn claimed(v: &Value) {
    assert!(
        v.eps.0.is_finite() && v.scale.0.is_finite() && v.verdict == Outcome::Holds,
        "{}: eps {}, {:?}",
        v.name,
        v.eps.0,
        v.why
    );
}

fn names(audit: &Audit, pass: PassRecord) -> BTreeSet<String> {
    let of_pass = audit.values.iter().filter(|v| v.pass == pass);
    of_pass.map(|v| v.name.clone()).collect()
}

/// Demands a claim that holds of every value and gradient; every float value that numpy
/// computed lies within its eps, and has a gradient but for those that the loss does not use.
fn everything_holds(name: &str, unused: &[&str]) {
    let audit = audited(name, None);
    assert_eq!(audit.verdict, Outcome::Holds);
    audit.values.iter().for_each(claimed);
    let (forward, backward) = (
        names(&audit, PassRecord::Forward),
        names(&audit, PassRecord::Backward),
    );
    let observed = arrays::read(&file(&format!("{name}_observed.npz"))).expect("readable");
    assert!(!observed.arrays.is_empty());
    for computed in observed.arrays.keys() {
        assert!(forward.contains(computed), "{computed} is not audited");
        let has = backward.contains(&format!("grad:{computed}"));
        assert_eq!(has, !unused.contains(&computed.as_str()), "{computed}");
    }
    let seen: Vec<&Value> = audit
        .values
        .iter()
        .filter(|v| v.observed.is_some())
        .collect();
    assert_eq!(seen.len(), observed.arrays.len());
    for v in seen {
        let o = v.observed.as_ref().expect("observed");
        assert!(
            o.verdict == Outcome::Holds && o.ratio.0 <= 1.0,
            "{}",
            v.name
        );
    }
}

/// The same in a 16-bit format with f32 accumulation, without numpy.
fn holds_in_16_bits(name: &str) {
    for format in [DType::F16, DType::BF16] {
        let audit = audited(name, Some(format));
        assert_eq!(audit.config.accumulate, "f32");
        assert_eq!(audit.verdict, Outcome::Holds, "{format}");
        audit.values.iter().for_each(claimed);
    }
}

#[test]
fn a_transformer_encoder() {
    everything_holds("encoder", &[]);
}

#[test]
fn a_transformer_decoder_in_plain_operations() {
    everything_holds("decoder", &[]);
}

#[test]
fn a_transformer_decoder_in_the_operations_of_opset_23() {
    everything_holds("decoder_ops", &[]);
}

#[test]
fn a_u_net() {
    everything_holds("unet", &[]);
    holds_in_16_bits("unet");
}

#[test]
fn a_bidirectional_lstm() {
    let unused = [
        "lstm0.1",
        "lstm0.2",
        "lstm1.0",
        "lstm1.2",
        "lstm1.steps",
        "lstm1.joined",
    ];
    everything_holds("bilstm", &unused);
    holds_in_16_bits("bilstm");
}

#[test]
fn a_mobile_net() {
    everything_holds("mobilenet", &[]);
    holds_in_16_bits("mobilenet");
}

/// Ten group norms in a row: eps outgrows the values, whose range the norms still bound. All
/// of the forward pass is claimed, and the gradients up to the second norm from the loss.
#[test]
fn a_u_net_with_group_norms() {
    let audit = audited("unet_group", None);
    for v in &audit.values {
        let near = [
            "logits",
            "up0.active1",
            "up0.norm1",
            "up0.conv1",
            "up0.active0",
        ];
        let gradient_near = near.iter().any(|n| v.name == format!("grad:{n}"));
        if v.pass == PassRecord::Forward || gradient_near {
            claimed(v);
        }
        assert_ne!(v.verdict, Outcome::Violated, "{}", v.name);
        let o = v.observed.as_ref().map(|o| o.verdict);
        assert!(o.is_none_or(|o| o == Outcome::Holds), "{}", v.name);
    }
}

/// A norm drawn node by node ends like ONNX's operation: its product is an internal value of the
/// normalized one.
#[test]
fn norms_are_recognized_by_their_nodes() {
    let audit = audited("decoder", None);
    for value in ["layer0.norm1.unit", "layer1.norm2.unit", "norm.unit"] {
        let product = format!("{value}/Mul#");
        let mut internals = audit.internals.iter();
        assert!(internals.any(|i| i.name.starts_with(&product)), "{value}");
    }
}
