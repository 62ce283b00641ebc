//! Every fuzz target, replayed on its committed corpus, and the graph target on a stream of
//! fresh programs.

use proptest::prelude::*;
use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
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
}
