//! Why a node's input is not defined yet.

use super::proto::NodeProto;
use crate::error::Error;
use std::collections::HashMap;

/// The error for a node whose input `name` no earlier node makes: no node makes it, one
/// does that depends on this very node, or one does that merely stands too late.
pub(super) fn undefined(nodes: &[NodeProto], position: usize, name: &str) -> Error {
    let mut makers = HashMap::new();
    for (maker, node) in nodes.iter().enumerate() {
        for output in node.output.iter().filter(|o| !o.is_empty()) {
            makers.entry(output.as_str()).or_insert(maker);
        }
    }
    let name_shown = name.escape_debug();
    match makers.get(name) {
        None => Error::new(format!("the input `{name_shown}` is defined nowhere"))
            .remedy("export the model again; a node or an initializer is missing"),
        Some(&maker) if depends(nodes, &makers, maker, position) => Error::new(format!(
            "the graph is cyclic: the input `{name_shown}` depends on this node's own output"
        ))
        .remedy("break the cycle; ONNX graphs are acyclic"),
        Some(_) => Error::new(format!(
            "the input `{name_shown}` is made by a later node, but ONNX wants nodes sorted"
        ))
        .remedy("sort the nodes topologically (onnx-graphsurgeon's toposort does)"),
    }
}

/// True where the node at `from` needs, directly or not, a result of the node at `on`.
fn depends(nodes: &[NodeProto], makers: &HashMap<&str, usize>, from: usize, on: usize) -> bool {
    let mut seen = vec![false; nodes.len()];
    let mut pending = vec![from];
    while let Some(at) = pending.pop() {
        if at == on {
            return true;
        }
        match seen.get_mut(at) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        let inputs = nodes.get(at).map_or(&[][..], |node| &node.input);
        pending.extend(inputs.iter().filter_map(|i| makers.get(i.as_str())));
    }
    false
}
