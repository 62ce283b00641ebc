//! An obligation of an operation, a graph with it, and a point of its space, from bytes.

use super::bytes::words;
use crate::config::Subnormals;
use crate::obligation::Obligation;
use crate::op::PRIMITIVES;
use crate::tensor::DType;
use crate::witness::fragments;
use crate::witness::generate;
use crate::witness::point::Point;
use crate::witness::subject::{Structure, Subject};
use crate::witness::tape::Tape;

/// Reductions that the bytes may ask for, beside all primitives.
const REDUCTIONS: [&str; 6] = ["dot", "sum", "mean", "softmax", "log_softmax", "layer_norm"];

/// The longest of these reductions.
const MAX_LENGTH: usize = 16;

/// A trial.
#[derive(Debug)]
pub struct Attack {
    /// What is attacked.
    pub subject: Subject,
    /// The graph and its configuration.
    pub structure: Structure,
    /// The inputs and the choices of the execution.
    pub point: Point,
}

/// What can be attacked.
pub fn operations() -> Vec<&'static str> {
    let all = PRIMITIVES.iter().chain(&REDUCTIONS).copied();
    all.filter(|name| fragments::of(name).is_some()).collect()
}

/// The first four bytes name the operation, the obligation, the format and a length; every two
/// bytes after them are a choice. `None` where the operation has no such obligation.
pub fn attack(bytes: &[u8]) -> Option<Attack> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let [operation, obligation, dtype, length] = head.map(usize::from);
    let operations = operations();
    let dtype = DType::FLOATS[dtype % DType::FLOATS.len()];
    let numbers = words(rest);
    let mut tape = Tape::new(&numbers);
    let subnormals = tape.pick(&[Subnormals::Gradual, Subnormals::Flush]);
    let config = generate::config(&mut tape, subnormals, dtype);
    let exact = tape.below(4) == 1;
    let subject = Subject::operation(
        operations[operation % operations.len()],
        Obligation::ALL[obligation % Obligation::ALL.len()],
        dtype,
        Some(config),
        exact,
        1 + length % MAX_LENGTH,
    );
    let subject = subject.ok()?;
    let structure = subject.structure(&mut tape).ok()?;
    let inputs = subject.inputs(&structure, &mut tape);
    let choices = numbers[tape.read().len()..].to_vec();
    Some(Attack {
        subject,
        structure,
        point: Point { inputs, choices },
    })
}
