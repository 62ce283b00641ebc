//! Normalizations that a model draws node by node: recognized, and bounded as a whole.

use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::{Conditioned, Normalized, Op};

/// What d is divided by: √s or its reciprocal, of s = mean(d²) + e.
#[derive(Clone, Copy)]
enum Root {
    /// d/√s.
    Divisor,
    /// d·(1/√s).
    Quotient,
    /// d·rsqrt(s).
    Reciprocal,
}

/// A normalization by the root of a mean square.
struct Drawn {
    d: ValueId,
    root: Root,
    mean: Op,
    epsilon: ValueId,
    how: Normalized,
}

/// The value itself; where it is d/√(mean(d²) + e) with a constant e, in any of the ways it is
/// drawn, with what the derivative of the whole says of it (see [`Conditioned`]). A layer
/// normalization is one of d = x − mean x.
pub fn drawn_normalization(graph: &mut Graph, value: ValueId) -> Result<ValueId> {
    let Some(drawn) = Drawn::of(graph, value) else {
        return Ok(value);
    };
    let held = graph.held(drawn.d)?;
    let held = drawn.again(graph, held)?;
    graph.conditioned(Conditioned::Normalized(drawn.how), [value, held, drawn.d])
}

impl Drawn {
    fn of(graph: &Graph, value: ValueId) -> Option<Drawn> {
        let (op, args) = (graph.node(value).op(), graph.node(value).args());
        match (op, args) {
            (Op::Div(_), &[d, root]) => {
                Drawn::by(graph, value, d, Root::Divisor, radicand(graph, root)?)
            }
            (Op::Mul(_), &[x, y]) => {
                let by = |d: ValueId, inverse: ValueId| {
                    let (root, s) = inverse_root(graph, inverse)?;
                    Drawn::by(graph, value, d, root, s)
                };
                by(x, y).or_else(|| by(y, x))
            }
            _ => None,
        }
    }

    /// Where s is mean(d²) + e, in the shape that keeps the axes.
    fn by(graph: &Graph, value: ValueId, d: ValueId, root: Root, s: ValueId) -> Option<Drawn> {
        let (Op::Add(_), &[x, y]) = (graph.node(s).op(), graph.node(s).args()) else {
            return None;
        };
        let of = |mean: ValueId, epsilon: ValueId| {
            let node = graph.node(mean);
            let (Op::Mean(reduction), &[square]) = (node.op(), node.args()) else {
                return None;
            };
            let square = graph.node(square);
            let squared = matches!(square.op(), Op::Square(_)) && square.args()[0] == d;
            let ty = graph.ty(d);
            let kept = graph.ty(s).shape == reduction.axes().kept(&ty.shape);
            let least = least_constant(graph, epsilon)?;
            (squared && kept && graph.ty(value) == ty && least >= 0.0).then(|| Drawn {
                d,
                root,
                mean: node.op().clone(),
                epsilon,
                how: Normalized::by_root_mean_square(reduction.axes(), least),
            })
        };
        of(x, y).or_else(|| of(y, x))
    }

    /// The same formula of another d.
    fn again(&self, graph: &mut Graph, d: ValueId) -> Result<ValueId> {
        let square = graph.square(d)?;
        let mean = graph.push(self.mean.clone(), &[square])?;
        let s = graph.add(mean, self.epsilon)?;
        match self.root {
            Root::Divisor => {
                let root = graph.sqrt(s)?;
                graph.div(d, root)
            }
            Root::Quotient => {
                let root = graph.sqrt(s)?;
                let one = graph.scalar(1.0, graph.ty(d).dtype)?;
                let inverse = graph.div(one, root)?;
                graph.mul(d, inverse)
            }
            Root::Reciprocal => {
                let inverse = graph.rsqrt(s)?;
                graph.mul(d, inverse)
            }
        }
    }
}

/// s of √s.
fn radicand(graph: &Graph, value: ValueId) -> Option<ValueId> {
    let root = graph.node(repeated(graph, value));
    match (root.op(), root.args()) {
        (Op::Sqrt(_), &[s]) => Some(s),
        _ => None,
    }
}

/// s of 1/√s.
fn inverse_root(graph: &Graph, value: ValueId) -> Option<(Root, ValueId)> {
    let inverse = graph.node(repeated(graph, value));
    match (inverse.op(), inverse.args()) {
        (Op::Rsqrt(_), &[s]) => Some((Root::Reciprocal, s)),
        (Op::Div(_), &[one, root]) if is_one(graph, one) => {
            Some((Root::Quotient, radicand(graph, root)?))
        }
        _ => None,
    }
}

/// What is repeated to become a value.
fn repeated(graph: &Graph, value: ValueId) -> ValueId {
    match (graph.node(value).op(), graph.node(value).args()) {
        (Op::Broadcast(_), &[x]) => x,
        _ => value,
    }
}

#[expect(clippy::float_cmp, reason = "one number is meant")]
fn is_one(graph: &Graph, value: ValueId) -> bool {
    constant(graph, value).is_some_and(|all| all.iter().all(|&x| x == 1.0))
}

/// The least element of a constant, where all are finite.
fn least_constant(graph: &Graph, value: ValueId) -> Option<f64> {
    let all = constant(graph, value)?;
    let smaller = |least: f64, x: f64| if x >= least { least } else { x };
    let finite = !all.is_empty() && all.iter().all(|x| x.is_finite());
    finite.then(|| all.into_iter().fold(f64::INFINITY, smaller))
}

/// A constant, as the specification sees it, before it is repeated or rounded.
fn constant(graph: &Graph, value: ValueId) -> Option<Vec<f64>> {
    match (graph.node(value).op(), graph.node(value).args()) {
        (Op::Constant(tensor), _) => Some(tensor.to_f64s()),
        (Op::Broadcast(_) | Op::Reshape(_) | Op::Cast(_), &[x]) if graph.ty(x).dtype.is_float() => {
            constant(graph, x)
        }
        _ => None,
    }
}
