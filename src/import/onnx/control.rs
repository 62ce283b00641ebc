//! `If`, `Loop` and `Scan`: the branch that is taken and the iterations that are made enter
//! the graph, one after the other.
//!
//! Which branch, and how many iterations, must be known at import: from constants, shapes,
//! and the integers and booleans of the run that is audited.

use super::attributes::Attributes;
use super::call::{Scope, axis_of, data_dependent};
use super::declared;
use super::opsets::ONNX;
use super::proto::{GraphProto, ValueInfoProto};
use super::walk::{Frame, Given, Walk};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::op;
use crate::tensor::{DType, Shape, Tensor};

/// An operation that contains graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    If,
    Loop,
    Scan,
}

/// Names and notes of these operations, for the list of what is supported.
pub(super) const SUPPORTED: &[(&str, &str)] = &[
    ("If", "with a condition that is known for the run"),
    (
        "Loop",
        "with a number of iterations that is known for the run",
    ),
    ("Scan", ""),
];

/// The operation of this name that contains graphs, if it is one.
pub(super) fn find(domain: &str, name: &str) -> Option<Control> {
    match (domain, name) {
        (ONNX, "If") => Some(Control::If),
        (ONNX, "Loop") => Some(Control::Loop),
        (ONNX, "Scan") => Some(Control::Scan),
        _ => None,
    }
}

impl Control {
    /// Lowers a node of it; the results are as many as it has.
    pub fn lower<'a>(
        self,
        walk: &mut Walk<'a>,
        frame: &Frame<'a, '_>,
        given: Given<'a>,
    ) -> Result<Vec<ValueId>> {
        let outputs = given.outputs;
        let results = match self {
            Control::If => branch(walk, frame, given),
            Control::Loop => repeat(walk, frame, given),
            Control::Scan => scan(walk, frame, given),
        }?;
        if results.len() < outputs {
            return Err(Error::new(format!(
                "{self:?} has {} outputs here, and the node lists {outputs}",
                results.len()
            ))
            .remedy("export the model again"));
        }
        Ok(results)
    }
}

/// Lowers one graph with these arguments; its results.
fn enter<'a>(
    walk: &mut Walk<'a>,
    frame: &Frame<'a, '_>,
    body: &'a GraphProto,
    arguments: &[ValueId],
) -> Result<Vec<ValueId>> {
    if body.input.len() != arguments.len() {
        return Err(Error::new(format!(
            "the graph `{}` takes {} inputs, and {} are given",
            body.name.escape_debug(),
            body.input.len(),
            arguments.len()
        ))
        .remedy("export the model again"));
    }
    let mut inner = frame.inner(&body.node);
    for (info, &id) in body.input.iter().zip(arguments) {
        as_declared(walk, "body's input", info, id)?;
        inner.define(&info.name, Some(id))?;
    }
    walk.initializers(&mut inner, body, |_| false)?;
    walk.body(&mut inner)?;
    let results = inner.results(body.output.iter().map(|o| o.name.as_str()))?;
    for (info, &id) in body.output.iter().zip(&results) {
        as_declared(walk, "body's output", info, id)?;
    }
    Ok(results)
}

/// Fails where a value of a body has another type than is declared.
fn as_declared(walk: &Walk, what: &str, info: &ValueInfoProto, x: ValueId) -> Result<()> {
    let Scope {
        builder, retype, ..
    } = &walk.scope;
    let declared = declared::element_type(info);
    declared::check(builder, *retype, (what, &info.name), declared, x)
}

fn body<'a>(attributes: &mut Attributes<'a>, name: &str) -> Result<&'a GraphProto> {
    attributes.graph(name)?.ok_or_else(|| {
        Error::new(format!("has no graph `{name}`")).remedy("export the model again")
    })
}

/// A scalar that decides what is executed.
fn decider(walk: &Walk, value: ValueId, dtype: DType, what: &str) -> Result<i64> {
    match walk.scope.builder.known(value) {
        Some(known) if known.len() == 1 && known.dtype() == dtype => {
            Ok(known.integer(0).unwrap_or(i64::from(known.get(0) != 0.0)))
        }
        Some(known) => Err(Error::new(format!("{what} is {}", known.ty()))
            .remedy(format!("it must be one {dtype}"))),
        None => Err(data_dependent(what)),
    }
}

fn branch<'a>(
    walk: &mut Walk<'a>,
    frame: &Frame<'a, '_>,
    given: Given<'a>,
) -> Result<Vec<ValueId>> {
    let Given {
        inputs,
        mut attributes,
        ..
    } = given;
    let branches = [
        body(&mut attributes, "else_branch")?,
        body(&mut attributes, "then_branch")?,
    ];
    let [Some(condition)] = inputs.as_slice() else {
        return Err(Error::new("has no condition").remedy("export the model again"));
    };
    declared::branches_agree(walk.scope.retype, branches)?;
    let [no, yes] = branches;
    let taken = match decider(walk, *condition, DType::Bool, "the condition")? {
        0 => no,
        _ => yes,
    };
    attributes.finish("If", 0)?;
    enter(walk, frame, taken, &[])
}

fn repeat<'a>(
    walk: &mut Walk<'a>,
    frame: &Frame<'a, '_>,
    given: Given<'a>,
) -> Result<Vec<ValueId>> {
    let Given {
        inputs,
        mut attributes,
        ..
    } = given;
    let body = body(&mut attributes, "body")?;
    attributes.finish("Loop", 0)?;
    let (limit, condition) = (
        inputs.first().copied().flatten(),
        inputs.get(1).copied().flatten(),
    );
    let mut carried = present(inputs.get(2..).unwrap_or_default())?;
    let limit = match limit {
        Some(limit) => Some(decider(
            walk,
            limit,
            DType::I64,
            "the number of iterations",
        )?),
        None => None,
    };
    let truth = Tensor::bools(Shape::scalar(), [true])?;
    let mut condition = condition.unwrap_or_else(|| walk.scope.builder.constant(truth));
    let states = carried.len();
    let mut stacks = Stacks::new(body, 1 + states)?;
    let mut iteration = 0;
    while limit.is_none_or(|limit| iteration < limit)
        && decider(walk, condition, DType::Bool, "the condition")? != 0
    {
        let count = Tensor::i64s(Shape::scalar(), [iteration])?;
        let mut arguments = vec![walk.scope.builder.constant(count), condition];
        arguments.extend(&carried);
        let mut results = enter(walk, frame, body, &arguments)?;
        stacks.take(&mut results);
        condition = *results.first().unwrap_or(&condition);
        let next = results.split_off(1);
        keeps_types(walk, Control::Loop, &carried, &next)?;
        carried = next;
        iteration += 1;
    }
    carried.extend(stacks.stacked(walk, &[], &[])?);
    Ok(carried)
}

/// Fails where an iteration changes the type of a value that it carries on.
fn keeps_types(walk: &Walk, of: Control, before: &[ValueId], after: &[ValueId]) -> Result<()> {
    let Scope {
        builder, retype, ..
    } = &walk.scope;
    declared::carried_alike(builder, *retype, of, before, after)
}

fn present(values: &[Option<ValueId>]) -> Result<Vec<ValueId>> {
    let all: Option<Vec<ValueId>> = values.iter().copied().collect();
    all.ok_or_else(|| Error::new("an input is missing").remedy("export the model again"))
}

/// What the iterations hand out, to be stacked along a new axis.
struct Stacks<'a> {
    body: &'a GraphProto,
    /// How many of the body's results are no such output.
    others: usize,
    iterations: Vec<Vec<ValueId>>,
}

impl<'a> Stacks<'a> {
    fn new(body: &'a GraphProto, others: usize) -> Result<Stacks<'a>> {
        if body.output.len() < others {
            return Err(Error::new(format!(
                "the body has {} outputs, and at least {others} are needed",
                body.output.len()
            ))
            .remedy("export the model again"));
        }
        Ok(Stacks {
            body,
            others,
            iterations: Vec::new(),
        })
    }

    /// Takes one iteration's outputs off its results.
    fn take(&mut self, results: &mut Vec<ValueId>) {
        let outputs = results.split_off(self.others.min(results.len()));
        self.iterations.push(outputs);
    }

    /// Each output, one row an iteration; with its axis and direction where one is given.
    fn stacked(&self, walk: &mut Walk, axes: &[i64], backward: &[i64]) -> Result<Vec<ValueId>> {
        let count = self.body.output.len() - self.others;
        let stack = |k: usize| {
            let rows: Option<Vec<ValueId>> = self
                .iterations
                .iter()
                .map(|all| all.get(k).copied())
                .collect();
            let mut rows = rows.unwrap_or_default();
            if backward.get(k) == Some(&1) {
                rows.reverse();
            }
            let builder = &mut walk.scope.builder;
            let Some(&first) = rows.first() else {
                return Err(
                    Error::new("makes no iteration, so that an output has no type")
                        .remedy("export the model with at least one iteration"),
                );
            };
            let mut extents = builder.shape(first).to_vec();
            let axis = axis_of(axes.get(k).copied().unwrap_or(0), extents.len() + 1)?;
            extents.insert(axis, 1);
            let row = Shape::from(extents);
            let width = builder.width(first);
            for value in &mut rows {
                *value = builder.reshape(*value, row.clone())?;
            }
            match rows.as_slice() {
                &[one] => Ok(one),
                many => {
                    let stack = builder.push(op::Concat(axis), many)?;
                    builder.set_width(stack, width);
                    Ok(stack)
                }
            }
        };
        (0..count).map(stack).collect()
    }
}

fn scan<'a>(walk: &mut Walk<'a>, frame: &Frame<'a, '_>, given: Given<'a>) -> Result<Vec<ValueId>> {
    let Given {
        inputs,
        mut attributes,
        ..
    } = given;
    let body = body(&mut attributes, "body")?;
    let mut list = |name: &str| attributes.ints(name).map(Option::unwrap_or_default);
    let (in_axes, in_backward) = (list("scan_input_axes")?, list("scan_input_directions")?);
    let (out_axes, out_backward) = (list("scan_output_axes")?, list("scan_output_directions")?);
    let scanned = attributes.int("num_scan_inputs")?.unwrap_or(0);
    attributes.finish("Scan", 0)?;
    let mut carried = present(&inputs)?;
    let states = usize::try_from(scanned)
        .ok()
        .and_then(|n| carried.len().checked_sub(n));
    let states = states.ok_or_else(|| {
        Error::new(format!(
            "num_scan_inputs is {scanned} of {} inputs",
            carried.len()
        ))
        .remedy("export the model again")
    })?;
    let sequences = carried.split_off(states);
    let mut axes = Vec::with_capacity(sequences.len());
    for (k, &sequence) in sequences.iter().enumerate() {
        let axis = in_axes.get(k).copied().unwrap_or(0);
        axes.push(axis_of(axis, walk.scope.builder.shape(sequence).rank())?);
    }
    let length = |(&sequence, &axis): (&ValueId, &usize)| {
        walk.scope
            .builder
            .shape(sequence)
            .get(axis)
            .copied()
            .unwrap_or(0)
    };
    let lengths: Vec<usize> = sequences.iter().zip(&axes).map(length).collect();
    let count = lengths.first().copied().unwrap_or(0);
    if lengths.iter().any(|&n| n != count) {
        return Err(
            Error::new(format!("the sequences have the lengths {lengths:?}"))
                .remedy("give sequences of one length"),
        );
    }
    let mut stacks = Stacks::new(body, states)?;
    for step in 0..count {
        let mut arguments = carried.clone();
        for (k, (&sequence, &axis)) in sequences.iter().zip(&axes).enumerate() {
            let backward = in_backward.get(k) == Some(&1);
            let at = if backward { count - 1 - step } else { step };
            arguments.push(walk.scope.builder.row(sequence, axis, at)?);
        }
        let mut results = enter(walk, frame, body, &arguments)?;
        stacks.take(&mut results);
        keeps_types(walk, Control::Scan, &carried, &results)?;
        carried = results;
    }
    carried.extend(stacks.stacked(walk, out_axes, out_backward)?);
    Ok(carried)
}
