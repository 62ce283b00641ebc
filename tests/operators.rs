//! docs/operators.md says what the code supports.

#[path = "../examples/onnx_conformance/page.rs"]
mod page;

use gradbound::import::onnx::supported;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn the_page_of_operations_is_what_the_code_supports() {
    let results: page::Results =
        serde_json::from_str(&read("examples/onnx_conformance/results.json")).unwrap();
    let page = page::render(supported(), &results);
    let stale = "docs/operators.md is stale: run the example onnx_conformance with \
                 --write docs/operators.md (its head says how)";
    assert!(page == read("docs/operators.md"), "{stale}");
    assert!(
        results.total.passed >= 1300,
        "{} cases pass",
        results.total.passed
    );
    assert!(
        results.total.gradients >= 1200,
        "{} with gradients",
        results.total.gradients
    );
}
