//! Every result that an admissible execution of one operation may give, or the extreme ones
//! where a table of accuracies leaves a range.

use super::operations::{Freedom, Operation, Subject};
use super::patterns::Patterns;
use crate::config::{Config, Contract, Execution, Subnormals};
use crate::error::Result;
use crate::interpret::runtime;
use crate::libm::Libm;
use crate::number::format::exponent;
use crate::number::{Enclosure, Format, SpecNumber, Up};
use crate::tensor::{DType, Shape, Tensor};
use smallvec::SmallVec;

/// The results at one tuple of operands.
pub type Results = SmallVec<[f64; 3]>;

/// The runs that a configuration admits.
fn executions(config: &Config) -> Vec<Execution> {
    let mut all = vec![Execution::default()];
    if config.contract == Contract::Any {
        all.push(Execution {
            fused: true,
            flushed: false,
        });
    }
    if config.subnormals == Subnormals::Flush {
        let flushed = all.iter().map(|e| Execution {
            flushed: true,
            ..*e
        });
        all.extend(flushed.collect::<Vec<_>>());
    }
    all
}

/// The results of a graph over columns of operands: those of its own runs.
pub fn runs(
    subject: &Subject,
    config: &Config,
    dtype: DType,
    operands: &[Vec<f64>],
) -> Result<Vec<Results>> {
    let shape = Shape::from([operands[0].len()]);
    let column = |x: &Vec<f64>| Tensor::from_f64s(shape.clone(), dtype, x);
    let inputs: Vec<Tensor> = operands.iter().map(column).collect::<Result<_>>()?;
    let mut all = vec![Results::new(); shape.len()];
    for execution in executions(config) {
        let config = Config {
            execution,
            ..*config
        };
        let values = runtime::eval(&subject.graph, &config, &inputs)?;
        let output = &values[subject.output.index()];
        for (i, results) in all.iter_mut().enumerate() {
            insert(results, output.get(i));
        }
    }
    Ok(all)
}

fn insert(results: &mut Results, y: f64) {
    let known = |old: &f64| old.to_bits() == y.to_bits() || (old.is_nan() && y.is_nan());
    if !results.iter().any(known) {
        results.push(y);
    }
}

/// What a table of accuracies adds to the results of an operation.
pub struct Extremes {
    freedom: Freedom,
    libm: Libm,
    dtype: DType,
    format: Format,
    /// The finite values of the format, in order.
    sorted: Vec<f64>,
}

impl Extremes {
    /// `None` where the operation leaves nothing open.
    pub fn new(
        operation: &Operation,
        config: &Config,
        patterns: Patterns,
        dtype: DType,
    ) -> Option<Extremes> {
        let format = dtype.format()?;
        (operation.freedom != Freedom::None).then(|| Extremes {
            freedom: operation.freedom,
            libm: config.libm,
            dtype,
            format,
            sorted: sorted(patterns),
        })
    }

    /// Adds the least and the largest result that the table admits at the operands.
    ///
    /// The table speaks of the f32 routine, whose result is rounded once more, and of some
    /// routines of the narrow format itself; the sign is that of the exact result. Both extremes are taken from inside: no result
    /// that is added here is one that the table excludes.
    pub fn add(&self, operands: &[f64], results: &mut Results) -> Result<()> {
        let points: Vec<Enclosure> = operands.iter().map(|&x| Enclosure::point(x)).collect();
        let (z, k, narrow) = match self.freedom {
            Freedom::None => return Ok(()),
            Freedom::Function(f) => (
                points[0].function(f),
                self.libm.assumed(f, Format::F32),
                self.libm.narrow_ulps(f, self.format),
            ),
            Freedom::Power => (points[0].pow(&points[1]), self.libm.power_ulps(), None),
        };
        let ends = [z.lo(), z.hi()];
        if !operands.iter().chain(&ends).all(|x| x.is_finite()) {
            return Ok(());
        }
        let mut wide = Vec::new();
        let [low, high] = reach(Format::F32, z, k);
        if k > 0.5 {
            wide.extend([ceil_f32(low), floor_f32(high)]);
        }
        for x in Tensor::from_f64s(Shape::from([wide.len()]), self.dtype, &wide)?.to_f64s() {
            if has_sign_of(x, z) {
                insert(results, x);
            }
        }
        if let Some(k) = narrow {
            let [low, high] = reach(self.format, z, k);
            let least = self.sorted.partition_point(|&x| x < low);
            let beyond = self.sorted.partition_point(|&x| x <= high);
            let within = self.sorted[least..beyond]
                .iter()
                .filter(|x| has_sign_of(**x, z));
            let within: Vec<f64> = within.copied().collect();
            for &x in within.first().into_iter().chain(within.last()) {
                insert(results, x);
            }
        }
        Ok(())
    }
}

/// The finite values of a format in order, both zeros among them.
pub fn sorted(patterns: Patterns) -> Vec<f64> {
    let all = (0..patterns.count).map(|n| patterns.value(n));
    let mut all: Vec<f64> = all.filter(|x| x.is_finite()).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// [z − k ulp, z + k ulp], from inside.
fn reach(format: Format, z: Enclosure, k: f64) -> [f64; 2] {
    let e = exponent(z.abs().lo()).max(format.e_min);
    let ulp = Up::power_of_two(e - format.precision + 1).get();
    let by = Enclosure::point(k).mul(&Enclosure::point(ulp));
    let low = Enclosure::point(z.hi()).sub(&by).hi();
    let high = Enclosure::point(z.lo()).add(&by).lo();
    [low, high]
}

/// A computed function is assumed to have the sign of the exact result (A5).
fn has_sign_of(y: f64, z: Enclosure) -> bool {
    let too_low = z.lo() >= 0.0 && y < 0.0;
    let too_high = z.hi() <= 0.0 && y > 0.0;
    !too_low && !too_high
}

/// The least f32 that is not below.
fn ceil_f32(x: f64) -> f64 {
    let near = x as f32;
    f64::from(if f64::from(near) < x {
        near.next_up()
    } else {
        near
    })
}

/// The largest f32 that is not above.
fn floor_f32(x: f64) -> f64 {
    let near = x as f32;
    f64::from(if f64::from(near) > x {
        near.next_down()
    } else {
        near
    })
}

/// Adds 0 where a result is subnormal.
pub fn flush(results: &mut Results, format: Format) {
    let subnormal = |y: &f64| *y != 0.0 && y.abs() < format.lambda().get();
    if results.iter().any(subnormal) {
        insert(results, 0.0);
    }
}
