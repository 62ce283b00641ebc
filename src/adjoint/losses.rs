//! What an execution may lose at one node: its own rounding, apart from what its arguments bring.

use super::role::{Role, absorbs, line, role};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::config::Config;
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
    /// At every use that has a copy of its own: a sum's rounding, which is none inside a larger
    /// sum, and that of a product that may be contracted.
    pub each_use: Bound,
    /// True where errors of the arguments are followed.
    pub follows: bool,
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
        let all = || Loss {
            once: self.whole(k),
            ..Loss::default()
        };
        if known.eps.is_zero() {
            return Loss::default();
        }
        let args: SmallVec<[_; 3]> = (node.args().iter())
            .map(|a| (self.graph.ty(*a), &self.known[a.index()]))
            .collect();
        let role = role(op, &args);
        let of_nest = || match &known.nest {
            Some(nest) => nest.lost(&self.cx(k), &self.values[k], &known.drift),
            None => Bound::Zero,
        };
        let once = match role {
            Role::Source => return all(),
            Role::Exact => Bound::Zero,
            Role::Kink => self.beside_the_line(k),
            Role::Rounded if known.nest.is_some() => Bound::Zero,
            Role::Rounded | Role::AnyOf => match self.held(k, role) {
                Some(bound) => bound,
                None => return all(),
            },
        };
        let contracted = matches!(op, Op::Mul(_) | Op::Square(_));
        let (once, each_use) = match contracted {
            true => (Bound::Zero, once),
            false => (once, of_nest()),
        };
        Loss {
            once,
            each_use,
            follows: true,
        }
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
