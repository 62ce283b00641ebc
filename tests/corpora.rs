//! Every fuzz target, replayed on its committed corpus, and the graph target on a stream of
//! fresh programs, which reach what fuzz/README.md says.

use gradbound::config::Schedule;
use gradbound::fuzz::generate;
use gradbound::interpret::runtime;
use gradbound::tensor::DType;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use std::path::Path;

fn replay<T>(target: &str, run: fn(&[u8]) -> T) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("a corpus is committed") {
        let path = entry.expect("readable").path();
        run(&std::fs::read(&path).expect("readable"));
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

#[test]
fn graph_corpus() {
    replay("graph", gradbound::fuzz::graph);
}

#[test]
fn node_corpus() {
    replay("node", gradbound::fuzz::node);
}

#[test]
fn witness_corpus() {
    replay("witness", gradbound::fuzz::witness);
}

#[test]
fn onnx_corpus() {
    replay("onnx", gradbound::fuzz::onnx);
}

#[test]
fn npz_corpus() {
    replay("npz", gradbound::fuzz::npz);
}

#[test]
fn safetensors_corpus() {
    replay("safetensors", gradbound::fuzz::safetensors);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_random_graph_violates_an_obligation(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        gradbound::fuzz::graph(&bytes);
    }

    #[test]
    fn no_random_node_violates_an_obligation(bytes in prop::collection::vec(any::<u8>(), 4..400)) {
        gradbound::fuzz::node(&bytes);
    }
}

/// The primitives that fuzz/README.md says the graph target reaches.
fn said_to_be_reached() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/README.md");
    let text = std::fs::read_to_string(path).expect("readable");
    let name = |line: &str| {
        let row = line.strip_prefix("| `")?;
        Some(row.strip_suffix("` | graph |")?.to_string())
    };
    text.lines().filter_map(name).collect()
}

#[test]
fn random_programs_reach_every_primitive_format_and_schedule() {
    let mut runner = TestRunner::deterministic();
    let bytes = prop::collection::vec(any::<u8>(), 100..160);
    let (mut reached, mut formats) = (BTreeSet::new(), BTreeSet::new());
    let (mut schedules, mut executed, programs) = (BTreeSet::new(), 0, 1500);
    for _ in 0..programs {
        let bytes = bytes.new_tree(&mut runner).expect("bytes").current();
        let case = generate::case(&bytes);
        if runtime::eval(&case.graph, &case.config, &case.inputs).is_err() {
            continue;
        }
        executed += 1;
        reached.extend(case.graph.nodes().iter().map(|node| node.op().primitive()));
        let types = case.graph.values().map(|v| case.graph.ty(v).dtype);
        formats.extend(types.map(|dtype| dtype.to_string()));
        schedules.insert(match case.config.schedule {
            Schedule::Blocked(_) => "blocked".to_owned(),
            other => other.to_string(),
        });
    }
    assert!(executed * 2 > programs, "only {executed} programs run");
    assert_eq!(schedules.len(), 4, "{schedules:?}");
    for dtype in DType::FLOATS {
        assert!(formats.contains(&dtype.to_string()), "no {dtype}");
    }
    let said = said_to_be_reached();
    assert!(said.len() > 50, "the table of fuzz/README.md");
    let missing: Vec<_> = (said.iter())
        .filter(|name| !reached.contains(name.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "no program of {programs} has {missing:?}"
    );
}
