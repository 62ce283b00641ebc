//! Which values are bounded in adjoint form.

use super::Request;
use super::prepare::Prepared;
use super::subjects::Subject;
use crate::adjoint::Origins;
use crate::error::{Error, Result};
use crate::obligation::Run;
use std::collections::{BTreeMap, BTreeSet};

/// The most elements that may be asked for in adjoint form.
const MOST_ADJOINTS: usize = 1 << 16;

/// The values whose eps are to be taken in adjoint form.
pub(super) fn asked(
    prepared: &Prepared,
    subjects: &[Subject],
    request: &Request,
) -> Result<BTreeSet<usize>> {
    let model = &prepared.model;
    let mut asked = BTreeSet::new();
    for name in &request.adjoint {
        let mut named = subjects.iter().filter(|s| s.name == *name);
        match named.next() {
            Some(subject) => {
                asked.insert(subject.id.index());
            }
            None if name == "outputs" => {
                asked.extend(model.outputs.iter().map(|o| o.id.index()));
            }
            None => {
                let outputs: Vec<&str> = model.outputs.iter().map(|o| o.name.as_str()).collect();
                return Err(Error::new(format!(
                    "--adjoint names `{name}`, which the model does not have"
                ))
                .in_file(&request.model)
                .remedy(format!(
                    "name a value, a gradient (grad:NAME), or `outputs`: {}",
                    outputs.join(", ")
                )));
            }
        }
    }
    let elements: usize = asked
        .iter()
        .map(|&k| model.graph.type_at(k).shape.len())
        .sum();
    if elements > MOST_ADJOINTS {
        return Err(Error::new(format!(
            "--adjoint asks for {elements} elements, each of which takes a pass backward"
        ))
        .in_file(&request.model)
        .remedy(format!(
            "name values of {MOST_ADJOINTS} elements or fewer together"
        )));
    }
    Ok(asked)
}

/// What is said of values that the adjoint form was asked for and says nothing of.
pub(super) fn silent(
    subjects: &[Subject],
    run: &Run,
    asked: &BTreeSet<usize>,
    origins: &BTreeMap<usize, Origins>,
) -> Vec<String> {
    let unsaid = |k: usize| {
        let eps = &run.approx[k].eps;
        asked.contains(&k) && !origins.contains_key(&k) && !eps.is_zero()
    };
    let unsaid = subjects.iter().filter(|s| unsaid(s.id.index()));
    let say = |s: &Subject| {
        format!(
            "`{}` has no adjoint form (under --subnormals flush, without a claim, or behind what has \
             no derivative): its eps is that of the rules",
            s.name
        )
    };
    unsaid.map(say).collect()
}
