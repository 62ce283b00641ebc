//! A run in f64 beside the run itself, every node of which may be moved a little.

use super::noise::Noise;
use crate::config::{Accumulate, Config};
use crate::error::Result;
use crate::graph::Graph;
use crate::interpret::live::Uses;
use crate::op::{Op, Primitive, RuleCx};
use crate::tensor::{DType, Tensor, Ty};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Values by their position.
type Values = BTreeMap<usize, Vec<f64>>;

/// 2²⁹: roundings of f64 drown in the shadow's own, so that those of f32's size stand for them.
const AMPLIFIED: f64 = 536_870_912.0;

/// The graph in f64, with what jumps as the run has it.
pub(super) struct Shadow<'a> {
    graph: &'a Graph,
    run: &'a [Tensor],
    tracked: &'a BTreeSet<usize>,
    config: Config,
    amplified: f64,
}

/// Noise to move values by, and in which direction.
pub(super) struct Moved<'a> {
    noise: &'a [Noise],
    draws: fastrand::Rng,
    by: f64,
}

impl<'a> Shadow<'a> {
    pub fn new(graph: &'a Graph, run: &'a [Tensor], tracked: &'a BTreeSet<usize>) -> Shadow<'a> {
        let is_f64 = |t: &Tensor| t.dtype() == DType::F64;
        Shadow {
            graph,
            run,
            tracked,
            config: Config {
                accumulate: Accumulate::F64,
                ..Config::default()
            },
            amplified: if run.iter().any(is_f64) {
                AMPLIFIED
            } else {
                1.0
            },
        }
    }

    /// How many times the roundings' size values are moved.
    pub fn amplified(&self) -> f64 {
        self.amplified
    }

    /// The same draw added and subtracted.
    pub fn both(&self, noise: &[Noise], seed: u64) -> Result<[Values; 2]> {
        let moved = |sign: f64| Moved {
            noise,
            draws: fastrand::Rng::with_seed(seed),
            by: sign * self.amplified,
        };
        Ok([self.eval(Some(moved(1.0)))?, self.eval(Some(moved(-1.0)))?])
    }

    /// The tracked values.
    pub fn eval(&self, moved: Option<Moved>) -> Result<Values> {
        let (graph, mut moved) = (self.graph, moved);
        let wanted: Vec<bool> = (0..graph.len())
            .map(|k| self.tracked.contains(&k))
            .collect();
        let mut uses = Uses::of(graph, &wanted);
        let mut values: Vec<Option<Tensor>> = vec![None; graph.len()];
        let mut tracked = Values::new();
        for k in 0..graph.len() {
            if !uses.is_needed(k) {
                continue;
            }
            let mut value = self.next(k, &values, &mut moved)?;
            if let Some(moved) = &mut moved {
                value = moved.own(k, value)?;
            }
            if self.tracked.contains(&k) {
                tracked.insert(k, value.to_f64s());
            }
            values[k] = Some(value);
            uses.finish(graph, k, |done| values[done] = None);
        }
        Ok(tracked)
    }

    fn next(
        &self,
        k: usize,
        values: &[Option<Tensor>],
        moved: &mut Option<Moved>,
    ) -> Result<Tensor> {
        let node = &self.graph.nodes()[k];
        let (op, ty) = (node.op(), self.graph.type_at(k));
        let given = matches!(op, Op::Input | Op::Constant(_));
        if given || keeps(op, ty) {
            return wide(&self.run[k]);
        }
        let mut args: SmallVec<[Tensor; 3]> = SmallVec::new();
        for a in node.args() {
            let a = a.index();
            let value = values[a].clone().map_or_else(|| wide(&self.run[a]), Ok)?;
            args.push(match moved {
                Some(moved) => moved.copy(a, value)?,
                None => value,
            });
        }
        if matches!(op, Op::Cast(_)) {
            // To another float: the rounding is noise.
            return args[0].cast(DType::F64);
        }
        let ty = &Ty::new(ty.shape.clone(), DType::F64);
        let cx = RuleCx {
            config: &self.config,
            ty,
        };
        // A number that has a type of its own is rounded to it.
        wide(&op.run(&cx, &args.iter().collect::<SmallVec<[&Tensor; 3]>>())?)
    }
}

/// True for what stays as the run has it: integers, booleans, and floats that jump.
pub(super) fn keeps(op: &Op, ty: &Ty) -> bool {
    !ty.dtype.is_float() || matches!(op, Op::Step(_) | Op::Round(_))
}

/// Floats as f64; integers and booleans as they are.
fn wide(value: &Tensor) -> Result<Tensor> {
    match value.dtype().is_float() {
        true => value.cast(DType::F64),
        false => Ok(value.clone()),
    }
}

impl Moved<'_> {
    /// A value with what is lost where it is made.
    fn own(&mut self, k: usize, value: Tensor) -> Result<Tensor> {
        match &self.noise[k].own {
            Some(noise) => self.move_by(noise, value),
            None => Ok(value),
        }
    }

    /// What a use has of a value of which each use may have a copy.
    fn copy(&mut self, k: usize, value: Tensor) -> Result<Tensor> {
        match &self.noise[k].of_copies {
            Some(noise) => self.move_by(noise, value),
            None => Ok(value),
        }
    }

    fn move_by(&mut self, noise: &[f64], value: Tensor) -> Result<Tensor> {
        let each = value.to_f64s().into_iter().zip(noise);
        let moved: Vec<f64> = each.map(|(x, b)| x + self.by * b * self.normal()).collect();
        Tensor::f64s(value.shape().clone(), moved)
    }

    /// A standard normal number (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.draws.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.draws.f64()).cos()
    }
}
