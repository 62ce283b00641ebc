//! What an execution may lose at one node: its own rounding, apart from what its arguments bring.

use super::role::{Role, absorbs, is_copied, line, role};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::config::{Config, Contract, Schedule};
use crate::graph::Graph;
use crate::number::Up;
use crate::op::{Op, Primitive, RuleCx};
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::sync::Arc;

/// What may be lost where a value is made.
#[derive(Debug, Clone, Default)]
pub(super) struct Loss {
    /// Once, whatever uses the value.
    pub once: Bound,
    /// At every use, of which each may have a copy of its own.
    pub copied: Bound,
    /// The same, of a sum's rounding, but for the uses that take its leaves into a larger sum.
    pub stored: Bound,
    /// True where errors of the arguments are followed.
    pub follows: bool,
}

impl Loss {
    /// True where nothing is lost.
    pub fn is_none(&self) -> bool {
        self.once.is_zero() && self.copied.is_zero() && self.stored.is_zero()
    }
}

/// A run up to some value, as an adjoint sees it.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub graph: &'a Graph,
    pub config: &'a Config,
    pub values: &'a [Tensor],
    /// What is known of every value.
    pub known: &'a [Approx],
}

impl Scene<'_> {
    pub(super) fn operand(&self, k: usize) -> Operand<'_> {
        Operand {
            value: &self.values[k],
            approx: &self.known[k],
        }
    }

    /// What an execution may lose at a node.
    ///
    /// # Statement
    /// Let ŷ = fl(f(x̂)). Then |ŷ − f(x̂)| is at most the result, for the execution's own x̂; and
    /// f(x̂) is the exact sum of the leaves where the node is the root of a nest.
    /// # Derivation
    /// A root's rounding is `Nest::lost`. Any other rule is asked for arguments that carry no
    /// error and drift by their reach, which is what it owes for [`Held`](crate::op::Held) values;
    /// a rule that does not follow drift leaves the whole ε here. A value that jumps is off by its
    /// ε, and by its leaves' errors where a larger sum takes those.
    pub(super) fn loss(&self, k: usize) -> Loss {
        let node = &self.graph.nodes()[k];
        let (op, known) = (node.op(), &self.known[k]);
        if known.eps.is_zero() {
            return Loss::default();
        }
        let args: SmallVec<[_; 3]> = (node.args().iter())
            .map(|a| (self.graph.ty(*a), &self.known[a.index()]))
            .collect();
        let role = role(op, &args);
        let lost = match role {
            Role::Source => None,
            Role::Exact => Some(Bound::Zero),
            Role::Kink => Some(self.beside_the_line(k)),
            Role::Rounded if known.nest.is_some() => Some(Bound::Zero),
            Role::Rounded | Role::AnyOf => self.held(k, role),
        };
        let follows = lost.is_some();
        let lost = lost.unwrap_or_else(|| self.whole(k));
        let rounded = match &known.nest {
            Some(nest) if follows => nest.lost(&self.cx(k), &self.values[k], &known.drift),
            _ => Bound::Zero,
        };
        let (once, copied, stored) = match self.has_copies(op) {
            true => (Bound::Zero, lost, rounded),
            false => {
                let all = lost.plus(&rounded, self.values[k].len());
                (all, Bound::Zero, Bound::Zero)
            }
        };
        Loss {
            once,
            copied,
            stored,
            follows,
        }
    }

    /// Whether uses of an operation's result may each have a copy: not where trees and
    /// contraction are declared.
    pub(super) fn has_copies(&self, op: &Op) -> bool {
        let declared =
            self.config.schedule != Schedule::Any && self.config.contract == Contract::Off;
        is_copied(op) && !declared
    }

    /// How much a kinked function differs from the line that it is followed on.
    ///
    /// # Statement
    /// With f(t) = g·t + r(t), |r(x̂) − r(x)| is at most the result.
    /// # Derivation
    /// At [`line`]. A node r keeps the specification's value until its turn, as what jumps does; until
    /// then f is x's own line, on which nothing lies further from f(x) than |x̂ − x|·|g|, which f's ε
    /// allows.
    fn beside_the_line(&self, k: usize) -> Bound {
        let node = &self.graph.nodes()[k];
        let x = self.operand(node.args()[0].index());
        x.bound(|i| line(node.op(), &x, i).apart)
    }

    /// ε, and the leaves' errors where a larger sum may take them instead.
    fn whole(&self, k: usize) -> Bound {
        let known = &self.known[k];
        match &known.nest {
            Some(nest) => (known.eps).zip(nest.propagated(), self.values[k].len(), Up::max),
            None => known.eps.clone(),
        }
    }

    fn cx(&self, k: usize) -> RuleCx<'_> {
        RuleCx {
            config: self.config,
            ty: self.graph.type_at(k),
        }
    }

    /// ε of a node whose arguments are what the execution has; of several formulas, what the
    /// others than the first add.
    fn held(&self, k: usize, role: Role) -> Option<Bound> {
        let node = &self.graph.nodes()[k];
        let ids = node.args();
        let hold = |j: usize| match role {
            Role::AnyOf => j == 0,
            Role::Exact | Role::Kink | Role::Rounded | Role::Source => true,
        };
        let args: SmallVec<[Approx; 3]> = (ids.iter().enumerate())
            .map(|(j, a)| {
                let own = self.operand(a.index());
                if hold(j) {
                    held(&own)
                } else {
                    own.approx.clone()
                }
            })
            .collect();
        let operands: SmallVec<[Operand; 3]> = (ids.iter().zip(&args))
            .map(|(a, approx)| Operand {
                value: &self.values[a.index()],
                approx,
            })
            .collect();
        let open = args.iter().any(|a| a.drift.is_open());
        let approx = node.op().error(&self.cx(k), &operands, &self.values[k]);
        (!open || approx.drift != Drift::None).then_some(approx.eps)
    }

    /// Whether a use keeps no copy of its own: the leaves go into a larger sum.
    pub(super) fn absorbs(&self, consumer: usize) -> bool {
        absorbs(self.graph.nodes()[consumer].op(), &self.known[consumer])
    }
}

/// What is known of a value as the execution has it.
fn held(x: &Operand) -> Approx {
    let reach = x.bound(|i| x.approx.reach(i));
    let nest = x.approx.nest.as_ref();
    Approx {
        eps: Bound::Zero,
        drift: match reach.is_zero() {
            true => Drift::None,
            false => Drift::Within(reach),
        },
        determined: x.approx.determined,
        constant: x.approx.constant,
        nest: nest.map(|n| Arc::new(n.without_propagation())),
        range: x.approx.range,
        ..Approx::default()
    }
}
