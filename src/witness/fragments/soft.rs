//! Exponentials that are added up: with a free shift and without one.

use super::{Builder, Fragment};
use crate::Result;
use crate::graph::ValueId;
use crate::lower::{self, Exponentials, LogSoftmax};
use crate::op::Relation;
use crate::witness::generate::Role;

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "LogSumExp" => &[
            log_sum_exp,
            log_softmax,
            log_sum_exp_of_products,
            unshifted_log,
            unshifted_log_softmax,
        ],
        "Settle" => &[log_softmax, log_sum_exp, masked_log],
        "Softmax" => &[softmax, softmax_of_products, masked, unshifted, columns],
        _ => return None,
    })
}

/// Softmax over rows.
pub fn softmax(b: &mut Builder) -> Result<ValueId> {
    let shape = b.tape.pick(&[[2, 3], [1, 2]]);
    let z = b.input(shape, Role::Moderate);
    lower::softmax(&mut b.graph, z, 1)
}

/// Softmax over columns: what is known of the errors of rows is of no use by itself.
fn columns(b: &mut Builder) -> Result<ValueId> {
    let z = b.input([2, 3], Role::Moderate);
    lower::softmax(&mut b.graph, z, 0)
}

/// Log-softmax of three.
pub fn log_softmax(b: &mut Builder) -> Result<ValueId> {
    let z = b.input([3], Role::Moderate);
    lower::log_softmax(&mut b.graph, z, 0)
}

/// Log-sum-exp over two axes.
pub fn log_sum_exp(b: &mut Builder) -> Result<ValueId> {
    let z = b.input([2, 2, 2], Role::Moderate);
    let keep = b.tape.coin();
    lower::log_sum_exp(&mut b.graph, z, &[0, 2], keep)
}

/// Scores that an execution may recompute, in another tree or contracted, next to the shift.
fn scores(b: &mut Builder) -> Result<ValueId> {
    let (x, w) = (
        b.input([1, 2], Role::Moderate),
        b.input([2, 3], Role::Moderate),
    );
    if b.tape.coin() {
        let (bias, product) = (b.input([3], Role::Moderate), b.graph.matmul(x, w)?);
        return b.graph.add(product, bias);
    }
    let y = b.input([1, 2], Role::Moderate);
    b.graph.mul(x, y)
}

fn softmax_of_products(b: &mut Builder) -> Result<ValueId> {
    let z = scores(b)?;
    lower::softmax(&mut b.graph, z, 1)
}

fn log_sum_exp_of_products(b: &mut Builder) -> Result<ValueId> {
    let z = scores(b)?;
    lower::log_sum_exp(&mut b.graph, z, &[1], false)
}

/// A mask that keeps an element of each row or not, decided or not.
fn mask(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.any([2, 3]), b.any([3]));
    b.graph.compare(Relation::LessOrEqual, x, y)
}

/// Softmax with excluded terms.
pub fn masked(b: &mut Builder) -> Result<ValueId> {
    let z = b.input([2, 3], Role::Moderate);
    let kept = mask(b)?;
    lower::masked_softmax(&mut b.graph, z, kept, 1)
}

/// Log-softmax with excluded terms.
pub fn masked_log(b: &mut Builder) -> Result<ValueId> {
    let z = b.input([2, 3], Role::Moderate);
    let kept = mask(b)?;
    lower::masked_log_softmax(&mut b.graph, z, kept, 1)
}

/// Softmax without subtracting the maximum.
pub fn unshifted(b: &mut Builder) -> Result<ValueId> {
    let shape = b.tape.pick(&[[2, 3], [1, 2]]);
    let x = b.input(shape, Role::Moderate);
    lower::softmax_without_shift(&mut b.graph, x, 1)
}

/// Log-softmax without subtracting the maximum.
pub fn unshifted_log_softmax(b: &mut Builder) -> Result<ValueId> {
    let x = b.input([2, 3], Role::Moderate);
    let how = LogSoftmax {
        exponentials: Exponentials::Plain,
        ..LogSoftmax::default()
    };
    how.append(&mut b.graph, x, 1)
}

/// Log-sum-exp without subtracting the maximum.
pub fn unshifted_log(b: &mut Builder) -> Result<ValueId> {
    let x = b.input([2, 3], Role::Moderate);
    let keep = b.tape.coin();
    lower::log_sum_exp_without_shift(&mut b.graph, x, &[1], keep)
}
