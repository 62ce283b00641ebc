//! Wrong VJPs: every node of every backward pass is left out, negated, not transposed, or a gate that
//! decides a tie the other way, and
//! ⟨δ, J·v⟩ = ⟨Jᵀδ, v⟩ has to notice.

use gradbound::Result;
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, Node, ValueId};
use gradbound::number::precise::{Places, Precise};
use gradbound::number::spec::Steps;
use gradbound::number::{Enclosure, SpecNumber};
use gradbound::op::{Neg, Op, PRIMITIVES, Primitive, Step};
use gradbound::tensor::DType;
use gradbound::witness::derivative::{Pullback, formulas_apart};
use gradbound::witness::fragments::{self, Builder, Fragment};
use gradbound::witness::generate::Role;
use gradbound::witness::tape::Tape;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What is wrong with a node of the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// It is this argument: a factor, a gate, a term or a division is missing.
    Missing(usize),
    /// Its sign is.
    Negated,
    /// It is a transpose that only changes the shape.
    Untransposed,
    /// It is a gate that decides a tie the other way.
    OtherTie,
}

/// A fault: the first node of this name in the pullback of an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub of: &'static str,
    pub node: String,
    pub wrong: Wrong,
}

/// Operations of which forward mode knows what their derivative is where all inputs are 0.
const TIED: &[&str] = &["Abs", "Max", "MaxOver", "Min"];

/// Trials until a wrong pullback counts as not found.
const TRIALS: u64 = 60;

/// Pullbacks that are right with the change as well.
const SAME: &[(&str, &str, Wrong, &str)] = &[
    ("Compare", "Broadcast", Wrong::Negated, "it is 0"),
    ("Compare", "Constant", Wrong::Negated, "it is 0"),
    (
        "MaxOver",
        "Constant",
        Wrong::Negated,
        "a count is above −1 as above 1",
    ),
    (
        "MaxOver",
        "Max",
        Wrong::Missing(0),
        "one element at least attains it",
    ),
    ("Pow", "Select", Wrong::Missing(2), "the base is not 0"),
    ("Select", "Constant", Wrong::Negated, "it is 0"),
    ("Settle", "Constant", Wrong::Negated, "it is 0"),
    ("Winner", "Constant", Wrong::Negated, "it is 0"),
];

/// A function with its pullback, and what its inputs may be.
struct Drawn {
    pullback: Pullback,
    roles: Vec<Role>,
    forward_len: usize,
}

fn draw(fragment: Fragment, seed: u64) -> Result<Option<Drawn>> {
    let mut tape = Tape::fresh(seed);
    let mut b = Builder::new(&mut tape, DType::F64);
    let output = fragment(&mut b)?;
    let Builder {
        mut graph, roles, ..
    } = b;
    let ty = graph.ty(output).clone();
    if !ty.dtype.is_float() {
        return Ok(None);
    }
    let forward = graph.clone();
    let cotangent = graph.input(ty);
    let gradients = append_backward(&mut graph, &[(output, cotangent)], None)?;
    let of_input = |input: &ValueId| Some((*input, gradients.of(*input)?));
    let gradients = forward.inputs().iter().filter_map(of_input).collect();
    Ok(Some(Drawn {
        roles,
        forward_len: forward.values().count(),
        pullback: Pullback {
            forward,
            output,
            graph,
            gradients,
        },
    }))
}

/// Operations that change nothing where they do not change the type.
fn is_identity(op: &Op) -> bool {
    matches!(
        op,
        Op::Reshape(_) | Op::Slice(_) | Op::Sum(_) | Op::Broadcast(_) | Op::AnyOf(_) | Op::Held(_)
    )
}

/// What the backward pass computes of the gradients.
fn backward_nodes(drawn: &Drawn) -> Vec<ValueId> {
    let Pullback {
        graph, gradients, ..
    } = &drawn.pullback;
    let mut used = vec![false; graph.values().count()];
    let mut open: Vec<ValueId> = gradients.iter().map(|(_, g)| *g).collect();
    while let Some(v) = open.pop() {
        if !std::mem::replace(&mut used[v.index()], true) {
            open.extend(graph.node(v).args());
        }
    }
    let backward = graph.values().skip(drawn.forward_len + 1);
    backward.filter(|v| used[v.index()]).collect()
}

/// The same graph with one node changed; `None` where it cannot be.
fn with(pullback: &Pullback, at: ValueId, wrong: Wrong) -> Option<Pullback> {
    let mut graph = Graph::new();
    let mut now: Vec<ValueId> = Vec::new();
    for v in pullback.graph.values() {
        let (node, ty) = (pullback.graph.node(v), pullback.graph.ty(v).clone());
        let args: Vec<ValueId> = node.args().iter().map(|a| now[a.index()]).collect();
        let copy = match node.op() {
            Op::Input => graph.input(ty.clone()),
            Op::Constant(value) => graph.constant(value.as_ref().clone()),
            op => graph.push(op.clone(), &args).ok()?,
        };
        now.push(match wrong {
            _ if v != at => copy,
            Wrong::Missing(_) if is_identity(node.op()) => return None,
            Wrong::Missing(k) => *args.get(k).filter(|a| *graph.ty(**a) == ty)?,
            Wrong::Negated => graph.push(Neg, &[copy]).ok()?,
            Wrong::Untransposed => {
                let transposes = matches!(node.op(), Op::Transpose(_));
                let reshaped = graph.reshape(args.first().copied()?, ty.shape.clone());
                reshaped.ok().filter(|_| transposes)?
            }
            Wrong::OtherTie => {
                let Op::Step(Step(steps)) = node.op() else {
                    return None;
                };
                let at = steps.below;
                graph
                    .step(args.first().copied()?, Steps { at, ..*steps })
                    .ok()?
            }
        });
    }
    let gradients = pullback.gradients.iter();
    Some(Pullback {
        graph,
        gradients: gradients.map(|(i, g)| (*i, now[g.index()])).collect(),
        ..pullback.clone()
    })
}

/// The two sides, decided to differ; at a point without kinks or ties, or at 0.
fn differs(drawn: &Drawn, pullback: &Pullback, seed: u64, tied: bool) -> bool {
    let env = Places(256);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut odd = |k: usize| {
        let sign = if rng.bool() { -1 } else { 1 };
        sign * (1 + 2 * (16 * (k as i64 % 8) + rng.i64(0..16)))
    };
    let part = |n: i64, of: i64| Precise::from_i64(&env, n).div(&Precise::from_i64(&env, of));
    let number = |role: Role, n: i64| match role {
        _ if tied => part(0, 1),
        Role::Index(below) => Precise::from_i64(&env, n.abs() / 2 % below as i64),
        Role::Positive => part(n.abs(), 64),
        Role::AboveOne => part(64 + n.abs(), 64),
        Role::Unit => part(n, 512),
        _ => part(n, 64),
    };
    let forward = &pullback.forward;
    let (mut x, mut v) = (Vec::new(), Vec::new());
    for (input, role) in forward.inputs().iter().zip(&drawn.roles) {
        let ty = forward.ty(*input);
        // Along this direction what is tied stays tied.
        let along = |n: i64| match ty.dtype.is_float() {
            true if tied => part(1, 64),
            true => part(n, 64),
            false => part(0, 1),
        };
        x.push((0..ty.shape.len()).map(|k| number(*role, odd(k))).collect());
        v.push((0..ty.shape.len()).map(|k| along(odd(k))).collect());
    }
    let len = forward.ty(pullback.output).shape.len();
    let delta: Vec<Precise> = (0..len).map(|k| part(odd(k), 64)).collect();
    let sides = pullback.sides(&env, &x, &v, &delta);
    let difference = sides.forward.sub(&sides.back).enclose();
    let defined = sides.forward.endpoints().is_some();
    let undefined = defined && sides.back.endpoints().is_none();
    let mut all = formulas_apart(&pullback.graph, &sides.values).into_iter();
    let apart =
        |apart: Enclosure| !apart.contains_zero() || (defined && !apart.width().is_finite());
    undefined || !difference.contains_zero() || all.any(apart)
}

/// What is tried at a node.
fn wrongs(node: &Node, tied: bool) -> Vec<Wrong> {
    let missing = (0..node.args().len().min(3)).map(Wrong::Missing);
    let plain = missing.chain([Wrong::Negated, Wrong::Untransposed]);
    plain.chain(tied.then_some(Wrong::OtherTie)).collect()
}

/// Every fault of an operation's pullbacks, with the trial that found it.
fn attack(of: &'static str, fragments: &'static [Fragment]) -> BTreeMap<Fault, Option<u64>> {
    let mut found = BTreeMap::new();
    let places: &[bool] = if TIED.contains(&of) {
        &[false, true]
    } else {
        &[false]
    };
    for trial in 1..=TRIALS {
        let fragment = fragments[(trial % fragments.len() as u64) as usize];
        let Ok(Some(drawn)) = draw(fragment, trial) else {
            continue;
        };
        for &tied in places {
            attack_at(of, &drawn, trial, tied, &mut found);
        }
    }
    found
}

/// Every fault of one pullback, at one point.
fn attack_at(
    of: &'static str,
    drawn: &Drawn,
    trial: u64,
    tied: bool,
    found: &mut BTreeMap<Fault, Option<u64>>,
) {
    let right = &drawn.pullback;
    assert!(
        !differs(drawn, right, trial, tied),
        "{of}: a true pullback, seed {trial}, tied: {tied}"
    );
    for at in backward_nodes(drawn) {
        let node = right.graph.node(at);
        for wrong in wrongs(node, tied) {
            let fault = Fault {
                of,
                node: node.op().name().to_owned(),
                wrong,
            };
            if found.get(&fault).is_some_and(Option::is_some) {
                continue;
            }
            if let Some(changed) = with(right, at, wrong) {
                let seen = differs(drawn, &changed, trial, tied).then_some(trial);
                found.insert(fault, seen);
            }
        }
    }
}

/// Every wrong pullback of every primitive, with the trial that found it.
pub fn all() -> BTreeMap<Fault, Option<u64>> {
    // A free shift has no derivative: what comes of it does not depend on it.
    let differentiable = PRIMITIVES.par_iter().filter(|of| **of != "FreeMax");
    let each = differentiable.filter_map(|of| {
        let fragments = fragments::of(of)?;
        Some(attack(of, fragments))
    });
    each.flatten_iter().collect()
}

/// Why a change is none, where it is none.
pub fn same(fault: &Fault) -> Option<&'static str> {
    let is_it = |(of, node, wrong, _): &&(&str, &str, Wrong, &str)| {
        *of == fault.of && *node == fault.node && *wrong == fault.wrong
    };
    SAME.iter().find(is_it).map(|(.., why)| *why)
}

#[test]
fn no_wrong_pullback_passes() {
    let all = all();
    let named = |fault: &Fault| format!("{}: {} {:?}", fault.of, fault.node, fault.wrong);
    let (found, missed): (Vec<_>, Vec<_>) = all.iter().partition(|(_, trial)| trial.is_some());
    assert!(found.len() >= 200, "only {} wrong pullbacks", found.len());
    let missed: Vec<&Fault> = missed.into_iter().map(|(fault, _)| fault).collect();
    let unknown = missed.iter().filter(|f| same(f).is_none());
    let unknown: Vec<String> = unknown.map(|f| named(f)).collect();
    assert!(unknown.is_empty(), "missed:\n{}", unknown.join("\n"));
    assert_eq!(missed.len(), SAME.len(), "an exception that is none");
}
