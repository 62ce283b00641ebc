//! What a kernel takes: shapes that may be drawn, and what its elements may be.

use crate::error::{Error, Result};
use crate::tensor::{DType, Shape, Ty};
use crate::witness::generate::Given;
pub use crate::witness::generate::Role;
use crate::witness::tape::Tape;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// An extent: fixed, or drawn for every trial; extents of one name are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dim {
    name: Option<&'static str>,
    least: usize,
    largest: usize,
}

impl Dim {
    /// Always n.
    pub fn fixed(n: usize) -> Dim {
        Dim::between(n..=n)
    }

    /// From 1 to n; 1 where n is 0.
    pub fn up_to(n: usize) -> Dim {
        Dim::between(1..=n)
    }

    /// Any extent of a range; the larger of its ends alone where it is empty.
    pub fn between(range: RangeInclusive<usize>) -> Dim {
        let (least, largest) = (*range.start(), *range.end());
        let largest = largest.max(least);
        Dim {
            name: None,
            least,
            largest,
        }
    }

    /// Equal to every other extent of that name; the first one's range counts.
    #[must_use]
    pub fn named(self, name: &'static str) -> Dim {
        Dim {
            name: Some(name),
            ..self
        }
    }

    /// Any extent; the least and the largest, and lengths at which vector loops end or have a
    /// remainder, more often than others.
    fn draw(&self, tape: &mut Tape) -> usize {
        let (kind, n) = (tape.below(8), tape.draw() as usize);
        let span = (self.largest - self.least).saturating_add(1);
        match kind {
            4 | 5 => self.beside_blocks(n),
            6 => self.least,
            7 => self.largest,
            _ => self.least + n % span,
        }
    }

    /// A power of two, a multiple of 8 or of 16, or what is one more or one less.
    fn beside_blocks(&self, n: usize) -> usize {
        let (kind, beside, n) = (n % 4, n / 4 % 3, n / 12);
        let block = match kind {
            0 | 1 => 1_usize.checked_shl((n as u32) % (self.largest.max(1).ilog2() + 1)),
            _ => {
                let block = 8 * (kind - 1);
                let (first, last) = (self.least / block, self.largest / block);
                block.checked_mul(first + n % (last - first).saturating_add(1))
            }
        };
        let near = block.unwrap_or(self.largest).saturating_add(beside);
        near.saturating_sub(1).clamp(self.least, self.largest)
    }
}

impl From<usize> for Dim {
    fn from(n: usize) -> Dim {
        Dim::fixed(n)
    }
}

impl From<RangeInclusive<usize>> for Dim {
    fn from(range: RangeInclusive<usize>) -> Dim {
        Dim::between(range)
    }
}

/// The extents of one trial that have names.
#[derive(Debug, Default)]
pub(super) struct Extents(BTreeMap<&'static str, usize>);

impl Extents {
    fn of(&mut self, dim: &Dim, tape: &mut Tape) -> usize {
        match dim.name {
            None => dim.draw(tape),
            Some(name) => match self.0.get(name) {
                Some(n) => *n,
                None => {
                    let n = dim.draw(tape);
                    self.0.insert(name, n);
                    n
                }
            },
        }
    }
}

/// The extents of all inputs that have names, as they are drawn: the first one's range counts.
#[derive(Debug)]
pub(super) struct Ranges<'k>(BTreeMap<&'static str, &'k Dim>);

impl<'k> Ranges<'k> {
    pub fn of(inputs: &'k [Input]) -> Ranges<'k> {
        let mut named = BTreeMap::new();
        for dim in inputs.iter().flat_map(|i| i.dims.iter().chain(&i.below)) {
            if let Some(name) = dim.name {
                named.entry(name).or_insert(dim);
            }
        }
        Ranges(named)
    }

    fn range<'d>(&'d self, dim: &'d Dim) -> &'d Dim {
        dim.name
            .and_then(|name| self.0.get(name))
            .copied()
            .unwrap_or(dim)
    }
}

/// One input of a kernel.
#[derive(Debug, Clone)]
pub struct Input {
    dims: Vec<Dim>,
    role: Role,
    /// Indices are below this.
    below: Option<Dim>,
    dtype: Option<DType>,
    exact: bool,
}

impl Input {
    /// Floats of the format that is attacked, any of them.
    pub fn floats<D: Into<Dim>, const N: usize>(dims: [D; N]) -> Input {
        Input {
            dims: dims.into_iter().map(Into::into).collect(),
            role: Role::Any,
            below: None,
            dtype: None,
            exact: false,
        }
    }

    /// Indices (i64) below an extent, which may be a named one.
    pub fn indices<D: Into<Dim>, const N: usize>(dims: [D; N], below: impl Into<Dim>) -> Input {
        Input {
            below: Some(below.into()),
            dtype: Some(DType::I64),
            exact: true,
            ..Input::floats(dims)
        }
    }

    /// What the kernel is meant for. [`Role::Any`], [`Role::Moderate`] and [`Role::Small`] say
    /// only what is drawn; of the others no trial leaves the domain, not in the run's value, the
    /// real one or the one that the kernel gets.
    #[must_use]
    pub fn role(self, role: Role) -> Input {
        Input { role, ..self }
    }

    /// A float type of its own, whatever format is attacked.
    #[must_use]
    pub fn dtype(self, dtype: DType) -> Input {
        Input {
            dtype: Some(dtype),
            ..self
        }
    }

    /// Known exactly: never off by an ε.
    #[must_use]
    pub fn exact(self) -> Input {
        Input {
            exact: true,
            ..self
        }
    }

    /// The most elements that it may have; `None` where that is no number.
    pub(super) fn most(&self, ranges: &Ranges) -> Option<usize> {
        let mut each = self.dims.iter().map(|d| ranges.range(d).largest);
        each.try_fold(1, usize::checked_mul)
    }

    /// Whether it may have elements while no index is below its extent.
    pub(super) fn may_lack_indices(&self, ranges: &Ranges) -> bool {
        let none = match &self.below {
            None => self.role == Role::Index(0),
            Some(below) => {
                let as_many = |d: &Dim| d.name.is_some() && d.name == below.name;
                ranges.range(below).least == 0 && !self.dims.iter().any(as_many)
            }
        };
        none && self.most(ranges) != Some(0)
    }

    pub(super) fn is_exact(&self) -> bool {
        self.exact
    }

    /// Its type and role in one trial.
    pub(super) fn draw(
        &self,
        extents: &mut Extents,
        dtype: DType,
        tape: &mut Tape,
    ) -> Result<(Ty, Role)> {
        let shape: Vec<usize> = self.dims.iter().map(|d| extents.of(d, tape)).collect();
        let role = match &self.below {
            Some(dim) => Role::Index(extents.of(dim, tape)),
            None => self.role,
        };
        let ty = Ty::new(Shape::from(shape), self.dtype.unwrap_or(dtype));
        match role == Role::Index(0) && !ty.shape.is_empty() {
            true => Err(no_index()),
            false => Ok((ty, role)),
        }
    }
}

/// An input has elements, and none of them can be filled.
pub(super) fn no_index() -> Error {
    Error::new("an input may have indices below an extent of 0, and none exists")
        .remedy("draw the extent from 1, or name it as an extent of the indices themselves")
}

impl<D: Into<Dim>, const N: usize> From<[D; N]> for Input {
    fn from(dims: [D; N]) -> Input {
        Input::floats(dims)
    }
}

/// Whether a trial's input is one that the kernel is meant for.
pub(super) fn admits(role: Role, exact: bool, given: &Given) -> bool {
    let known = !exact || given.approx.eps.is_zero();
    known
        && (0..given.c.len()).all(|i| {
            let real = given.x[i].enclose();
            let hull = [
                given.c.get(i),
                given.admissible.get(i),
                real.lo(),
                real.hi(),
            ];
            hull.into_iter().all(|x| in_domain(role, x))
        })
}

fn in_domain(role: Role, x: f64) -> bool {
    match role {
        Role::Any | Role::Moderate | Role::Small | Role::Index(_) => true,
        Role::Positive => x > 0.0,
        Role::Unit => x.abs() <= 1.0,
        Role::AboveOne => x >= 1.0,
        Role::NonZero => x.abs() > 0.0,
        Role::Within(r) => x.abs() <= r,
        Role::Probability => (0.0..=1.0).contains(&x),
    }
}
