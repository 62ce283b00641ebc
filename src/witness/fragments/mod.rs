//! For every primitive, the smallest graphs that contain it.

pub mod basic;
pub mod conditioned;
pub mod elementary;
mod formulas;
pub mod kernel;
mod ranges;
mod select;
mod sized;
pub mod soft;
pub mod windows;

use crate::Result;
use crate::graph::grad::{Gradients, append_backward};
use crate::graph::{Graph, ValueId};
use crate::tensor::{DType, Shape, Ty};
use crate::witness::generate::Role;
use crate::witness::tape::Tape;

/// A graph in the making, with the roles of its inputs and the values that it is about.
pub struct Builder<'a, 't> {
    /// The graph so far.
    pub graph: Graph,
    /// What each input may be.
    pub roles: Vec<Role>,
    /// The values that the graph is about.
    pub outputs: Vec<ValueId>,
    /// Where choices of shapes and attributes come from.
    pub tape: &'a mut Tape<'t>,
    /// The type of its floats.
    pub dtype: DType,
    /// Of reductions that are of any length.
    pub length: usize,
}

/// Builds a fragment and returns the value that it is about.
pub type Fragment = fn(&mut Builder) -> Result<ValueId>;

impl<'a, 't> Builder<'a, 't> {
    /// Nothing yet.
    pub fn new(tape: &'a mut Tape<'t>, dtype: DType) -> Builder<'a, 't> {
        Builder {
            graph: Graph::new(),
            roles: Vec::new(),
            outputs: Vec::new(),
            tape,
            dtype,
            length: 3,
        }
    }

    /// An input of a type.
    pub fn of_type(&mut self, ty: Ty, role: Role) -> ValueId {
        self.roles.push(role);
        self.graph.input(ty)
    }

    /// An input of floats.
    pub fn input(&mut self, shape: impl Into<Shape>, role: Role) -> ValueId {
        let ty = Ty::new(shape, self.dtype);
        self.of_type(ty, role)
    }

    /// An input of any floats.
    pub fn any(&mut self, shape: impl Into<Shape>) -> ValueId {
        self.input(shape, Role::Any)
    }

    /// An input of indices below n.
    pub fn indices(&mut self, shape: impl Into<Shape>, n: usize) -> ValueId {
        self.of_type(Ty::new(shape, DType::I64), Role::Index(n))
    }

    /// A constant scalar.
    pub fn constant(&mut self, x: f64) -> Result<ValueId> {
        self.graph.scalar(x, self.dtype)
    }

    /// Appends the backward pass from `output` with a cotangent of its own as input; the
    /// gradients of all inputs are what the fragment is about then. `fanned`: every input has
    /// another use, whose cotangent is one more input and joins its gradient.
    pub fn differentiate(&mut self, output: ValueId, fanned: bool) -> Result<Gradients> {
        let ty = self.graph.ty(output).clone();
        if !ty.dtype.is_float() {
            return Ok(Gradients::default()); // what is no float has no gradient
        }
        let forward: Vec<ValueId> = self.graph.inputs().to_vec();
        let mut seeds = vec![(output, self.of_type(ty, Role::Moderate))];
        for input in forward.iter().filter(|_| fanned) {
            let ty = self.graph.ty(*input).clone();
            if ty.dtype.is_float() {
                seeds.push((*input, self.of_type(ty, Role::Moderate)));
            }
        }
        let gradients = append_backward(&mut self.graph, &seeds, None)?;
        self.outputs = forward.iter().filter_map(|v| gradients.of(*v)).collect();
        Ok(gradients)
    }

    /// Two inputs whose shapes broadcast.
    pub fn pair(&mut self) -> (ValueId, ValueId) {
        let shapes: [(&[usize], &[usize]); 3] = [(&[3], &[3]), (&[2, 2], &[2]), (&[], &[])];
        let (a, b) = self.tape.pick(&shapes);
        (self.any(a), self.any(b))
    }
}

/// f of one input.
fn of_one(
    b: &mut Builder,
    role: Role,
    f: fn(&mut Graph, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
    let x = b.input([3], role);
    f(&mut b.graph, x)
}

/// f of two inputs.
fn of_two(
    b: &mut Builder,
    f: fn(&mut Graph, ValueId, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
    let (x, y) = b.pair();
    f(&mut b.graph, x, y)
}

/// What a file of fragments has for a primitive.
type File = fn(&str) -> Option<&'static [Fragment]>;

/// Every file of fragments.
const FILES: &[File] = &[
    basic::of,
    conditioned::of,
    elementary::of,
    formulas::of,
    ranges::of,
    select::of,
    sized::of,
    soft::of,
    windows::of,
];

/// The fragments of a primitive, by its name; those of a given length have small letters.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    FILES.iter().find_map(|file| file(primitive))
}
