//! Reductions of any length, and what is made of them, by names of their own.

use super::{Builder, Fragment};
use crate::Result;
use crate::graph::ValueId;
use crate::lower::{self, Deviation, InverseRoot, Variance};
use crate::witness::generate::Role;

/// The graphs of this file, by name.
pub fn of(name: &str) -> Option<&'static [Fragment]> {
    Some(match name {
        "dot" => &[dot],
        "sum" => &[sum],
        "mean" => &[mean],
        "softmax" => &[softmax],
        "log_softmax" => &[log_softmax],
        "layer_norm" => &[layer_norm],
        _ => return None,
    })
}

fn dot(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.any([1, b.length]), b.any([b.length, 1]));
    b.graph.matmul(x, y)
}

fn sum(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([b.length]);
    b.graph.sum(x, &[0], false)
}

fn mean(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([b.length]);
    b.graph.mean(x, &[0], false)
}

fn softmax(b: &mut Builder) -> Result<ValueId> {
    let x = b.input([b.length], Role::Moderate);
    lower::softmax(&mut b.graph, x, 0)
}

fn log_softmax(b: &mut Builder) -> Result<ValueId> {
    let x = b.input([b.length], Role::Moderate);
    lower::log_softmax(&mut b.graph, x, 0)
}

fn layer_norm(b: &mut Builder) -> Result<ValueId> {
    let x = b.input([1, b.length], Role::Moderate);
    let deviation = Deviation {
        epsilon: 1e-3,
        inverse: InverseRoot::Any,
    };
    let standard = lower::standardize(&mut b.graph, x, &[1], deviation, Variance::TwoPass)?;
    Ok(standard.value)
}
