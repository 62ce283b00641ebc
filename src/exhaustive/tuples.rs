//! All tuples of values of a format, and what lies around each of them.

use super::admissible::sorted;
use super::patterns::{Patterns, patterns};
use crate::error::{Error, Result};
use crate::number::format::exponent;
use crate::number::{Enclosure, Format, Up};
use crate::tensor::DType;
use smallvec::SmallVec;

/// The tuple of an operation's operands.
pub type Tuple = SmallVec<[f64; 3]>;

/// The tuples of values of a format, numbered by their bits, the last operand changing first.
pub struct Tuples {
    /// The values' bits.
    pub patterns: Patterns,
    /// The format.
    pub format: Format,
    inputs: usize,
    /// The operands' errors, in ulp of each.
    ulps: u32,
    /// The finite values in order, and their patterns.
    sorted: Vec<f64>,
    order: Vec<u64>,
}

impl Tuples {
    /// Of so many operands, each off by a number of ulp; fails for a format with more than
    /// 2^32 values.
    pub fn new(dtype: DType, inputs: usize, ulps: u32) -> Result<Tuples> {
        let large = || Error::new(format!("{dtype} has too many values to try all"));
        let patterns = patterns(dtype).ok_or_else(large)?;
        let finite = |n: &u64| patterns.value(*n).is_finite();
        let mut order: Vec<u64> = (0..patterns.count).filter(finite).collect();
        order.sort_by(|a, b| patterns.value(*a).total_cmp(&patterns.value(*b)));
        Ok(Tuples {
            patterns,
            format: dtype.format().ok_or_else(large)?,
            inputs,
            ulps,
            sorted: sorted(patterns),
            order,
        })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        (0..self.inputs).fold(1, |all, _| all * self.patterns.count)
    }

    /// The n-th.
    pub fn get(&self, n: u64) -> Tuple {
        let mut rest = n;
        let mut tuple = Tuple::from_elem(0.0, self.inputs);
        for x in tuple.iter_mut().rev() {
            *x = self.patterns.value(rest % self.patterns.count);
            rest /= self.patterns.count;
        }
        tuple
    }

    /// ε of an operand at c.
    pub fn eps(&self, c: f64) -> Up {
        if self.ulps == 0 || !c.is_finite() {
            return Up::ZERO;
        }
        let e = exponent(c.abs()).max(self.format.e_min);
        Up::count(self.ulps as usize) * Up::power_of_two(e - self.format.precision + 1)
    }

    /// Where the specification takes its operands: at c (0) or at an end of c ± ε (−1, 1).
    pub fn corners(&self) -> Vec<Tuple> {
        let places: &[f64] = if self.ulps == 0 {
            &[0.0]
        } else {
            &[0.0, -1.0, 1.0]
        };
        let mut all = vec![Tuple::new()];
        for _ in 0..self.inputs {
            let longer = |corner: &Tuple| {
                let corner = corner.clone();
                places.iter().map(move |&place| {
                    let mut longer = corner.clone();
                    longer.push(place);
                    longer
                })
            };
            all = all.iter().flat_map(longer).collect();
        }
        all
    }

    /// c moved to a corner of its box.
    #[expect(clippy::float_arithmetic, reason = "few bits: exact in f64")]
    pub fn moved(&self, tuple: &Tuple, corner: &Tuple) -> Tuple {
        let all = tuple.iter().zip(corner);
        all.map(|(&x, at)| x + at * self.eps(x).get()).collect()
    }

    /// The numbers of the tuples that an execution may have where the n-th is c and the
    /// specification has `reals`: every value within ε of each.
    pub fn executions(&self, n: u64, tuple: &Tuple, reals: &Tuple) -> Vec<u64> {
        if self.ulps == 0 {
            return vec![n];
        }
        let mut all = vec![0];
        for (&c, &x) in tuple.iter().zip(reals) {
            let ball = Enclosure::around(x, self.eps(c));
            let from = self.sorted.partition_point(|&v| v < ball.lo());
            let to = self.sorted.partition_point(|&v| v <= ball.hi());
            let near = &self.order[from..to];
            let longer = |before: &u64| {
                let first = before * self.patterns.count;
                near.iter().map(move |digit| first + digit)
            };
            all = all.iter().flat_map(longer).collect();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_the_values_within_the_error() {
        let tuples = Tuples::new(DType::E2M1, 2, 1).unwrap();
        let n = 16 * 4 + 2; // (2, 1): ulps of 1 and ½
        let c = tuples.get(n);
        assert_eq!(c.as_slice(), [2.0, 1.0]);
        let x = tuples.moved(&c, &Tuple::from_slice(&[1.0, -1.0]));
        assert_eq!(x.as_slice(), [3.0, 0.5]);
        let all = tuples.executions(n, &c, &x);
        let values: Vec<Tuple> = all.iter().map(|&n| tuples.get(n)).collect();
        assert_eq!(
            values.len(),
            3 * 4,
            "2, 3, 4 by both zeros, ½ and 1: {values:?}"
        );
        assert!(
            values
                .iter()
                .all(|v| (v[0] - 3.0).abs() <= 1.0 && (v[1] - 0.5).abs() <= 0.5)
        );
        assert_eq!(tuples.corners().len(), 9);
    }
}
