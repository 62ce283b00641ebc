//! The values and gradients of a model as subjects: over its inputs, in any execution.

use super::{Of, Subject};
use crate::audit::Request;
use crate::audit::prepare::prepare;
use crate::audit::record::PassRecord;
use crate::audit::subjects::subjects as named;
use crate::error::{Error, Result};
use crate::graph::{Graph, Pass, ValueId};
use crate::obligation::Obligation;

/// Multiply-adds of all values together up to which executions are searched: each summand of
/// each sum is looked at in every trial.
const MAX_TERMS: usize = 1 << 22;

/// The elements that an execution of a graph reads or makes, about.
pub(super) fn terms(graph: &Graph) -> usize {
    let of = |v: ValueId| {
        let args = graph.node(v).args().iter();
        let largest = args.map(|a| graph.ty(*a).shape.len()).max();
        graph.ty(v).shape.len().max(largest.unwrap_or(0))
    };
    graph.values().map(of).fold(0, usize::saturating_add)
}

/// The obligations of all named float values of each pass together, and of what sums the
/// contributions to a gradient of values that are used more than once.
pub fn subjects(request: &Request) -> Result<Vec<Subject>> {
    let prepared = prepare(request)?;
    let graph = &prepared.model.graph;
    let terms = terms(graph);
    if terms > MAX_TERMS {
        return Err(Error::new(format!(
            "its values have about {terms} elements together, and {MAX_TERMS} is the most that is searched"
        ))
        .in_file(&request.model)
        .remedy("search with a smaller batch, or search the model's operations with --op"));
    }
    let name = request.model.file_stem().and_then(|n| n.to_str());
    let values = named(&prepared);
    let float = |id: &ValueId| graph.ty(*id).dtype.is_float();
    let of_pass = |pass: Pass| -> Vec<ValueId> {
        let named = |record| {
            values
                .iter()
                .filter(move |v| v.pass == record)
                .map(|v| v.id)
        };
        match pass {
            Pass::Forward => named(PassRecord::Forward).filter(float).collect(),
            Pass::Backward => named(PassRecord::Backward).filter(float).collect(),
            Pass::Accumulate => {
                let accumulates = |v: &ValueId| graph.node(*v).origin().pass == pass;
                graph.values().filter(accumulates).filter(float).collect()
            }
        }
    };
    let subject = |obligation, targets: Vec<ValueId>| Subject {
        obligation,
        of: Of::Graph {
            name: name.unwrap_or("model").to_owned(),
            model: prepared.model.sha256.clone(),
            graph: Box::new(graph.clone()),
            inputs: prepared.inputs.clone(),
            targets,
            config: request.config,
        },
    };
    let mut all = Vec::new();
    for pass in [Pass::Forward, Pass::Backward, Pass::Accumulate] {
        let targets = of_pass(pass);
        let obligations = Obligation::of(pass).into_iter();
        for obligation in obligations.filter(|_| !targets.is_empty()) {
            all.push(subject(obligation, targets.clone()));
        }
    }
    Ok(all)
}
