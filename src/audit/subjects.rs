//! The values that a report speaks of, under the model's names.

use super::prepare::Prepared;
use super::record::PassRecord;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::import::NamedValue;
use crate::import::arrays::{self, ArrayFile};
use crate::obligation::Claimed;
use crate::tensor::{DType, Tensor};
use std::collections::BTreeMap;
use std::path::Path;

/// A named value or gradient.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The model's name; a gradient's starts with "grad:".
    pub name: String,
    /// The value in the graph.
    pub id: ValueId,
    /// The pass.
    pub pass: PassRecord,
    /// The operation that the model has there.
    pub op: String,
    /// Position among the observed tensors, where it was observed.
    pub observed: Option<usize>,
}

/// Every node output, then the gradient of every float input, initializer and node output
/// that the seeds reach; gradients in the order in which they are computed.
pub fn subjects(prepared: &Prepared) -> Vec<Subject> {
    let model = &prepared.model;
    let mut all: Vec<Subject> = model
        .values
        .iter()
        .map(|v| Subject {
            name: v.name.clone(),
            id: v.id,
            pass: PassRecord::Forward,
            op: op_of(prepared, v),
            observed: None,
        })
        .collect();
    let mut gradients: Vec<Subject> = model
        .values
        .iter()
        .rev()
        .chain(&model.inputs)
        .chain(&model.initializers)
        .filter_map(|v| {
            Some(Subject {
                name: format!("grad:{}", v.name),
                id: prepared.gradients.of(v.id)?,
                pass: PassRecord::Backward,
                op: op_of(prepared, v),
                observed: None,
            })
        })
        .collect();
    gradients.sort_by_key(|s| s.id);
    all.extend(gradients);
    all
}

fn op_of(prepared: &Prepared, value: &NamedValue) -> String {
    let model = &prepared.model;
    match value.source {
        Some(node) => model.nodes[node].op.clone(),
        None if model.inputs.iter().any(|i| i.name == value.name) => "Input".to_string(),
        None => "Initializer".to_string(),
    }
}

/// Reads observed arrays, each of which must have the shape of the subject that it names.
pub(super) fn read_observed(
    prepared: &Prepared,
    subjects: &[Subject],
    path: &Path,
) -> Result<ArrayFile> {
    // An exact value name wins over the prefix "grad:", and is told after it.
    let is_value = |s: &&Subject| s.pass == PassRecord::Forward;
    let (values, gradients): (Vec<&Subject>, Vec<&Subject>) = subjects.iter().partition(is_value);
    let by_key: BTreeMap<&str, &Subject> = (gradients.into_iter().chain(values))
        .map(|s| (s.name.as_str(), s))
        .collect();
    arrays::read_fitting(path, &|key, extents| {
        let subject = by_key.get(key);
        let shape = subject.map(|s| &prepared.model.graph.ty(s.id).shape);
        match shape.filter(|own| own[..] != *extents) {
            None => Ok(()),
            Some(own) => Err(Error::new(format!(
                "the observed `{key}` has shape {extents:?}, the model's has {own}"
            ))
            .remedy("observe the model with the same inputs and batch")),
        }
    })
}

/// Attaches the observed arrays, whose shapes fit, to the subjects they belong to. An exact value name wins
/// over the prefix "grad:"; keys that name nothing are returned as warnings.
pub(super) fn attach_observed(
    prepared: &Prepared,
    subjects: &mut [Subject],
    file: &ArrayFile,
) -> Result<(Vec<Claimed>, Vec<String>)> {
    let mut claimed = Vec::new();
    let mut warnings = Vec::new();
    for (key, array) in &file.arrays {
        let is_value = |s: &Subject| s.name == *key && s.pass == PassRecord::Forward;
        let position = subjects
            .iter()
            .position(is_value)
            .or_else(|| subjects.iter().position(|s| s.name == *key));
        let Some(position) = position else {
            if !key.starts_with("seed:") && !is_given(prepared, key) {
                warnings.push(format!(
                    "{}: the array `{key}` names no value or gradient of the model and is ignored",
                    file.path.display()
                ));
            }
            continue;
        };
        let subject = &mut subjects[position];
        let ty = prepared.model.graph.ty(subject.id);
        // An observed value stands for what it says, also where the audit's format is
        // narrower than the file's.
        let tensor = if ty.dtype.is_float() {
            let wide = array.to_f64s(ty.dtype)?;
            Tensor::from_f64s(ty.shape.clone(), DType::F64, &wide)?
        } else {
            array.to_tensor(ty.dtype)?
        };
        subject.observed = Some(claimed.len());
        claimed.push(Claimed {
            value: subject.id.index(),
            tensor,
        });
    }
    Ok((claimed, warnings))
}

/// Inputs and initializers may be in the file too; they are given, not observed.
fn is_given(prepared: &Prepared, key: &str) -> bool {
    let model = &prepared.model;
    model
        .inputs
        .iter()
        .chain(&model.initializers)
        .any(|v| v.name == key)
}
