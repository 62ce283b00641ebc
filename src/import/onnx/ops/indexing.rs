//! Operations that take tensors apart and put them together.

use super::super::call::{axes_of, axis_of};
use super::{Call, MANY, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::op;
use crate::tensor::Shape;

pub(super) const OPERATIONS: &[Operation] = &[
    op("Concat", "", 1..=MANY, concat),
    op("Gather", "", 2..=2, gather),
    op("GatherElements", "", 2..=2, gather_elements),
    op("Slice", "with constant bounds", 1..=5, slice),
    op("Split", "into constant parts", 1..=2, split),
];

/// The opset from which Slice has its bounds as inputs, and the one from which Split has its
/// parts' extents.
const SLICE_BOUNDS_ARE_INPUTS: i64 = 10;
const SPLIT_IS_AN_INPUT: i64 = 13;
/// The opset from which Split has to say into how many parts it cuts.
const NUM_OUTPUTS: i64 = 18;

fn concat(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let inputs = call.all_inputs()?;
    let rank = call.shape(call.input(0)?).rank();
    let axis = call.attributes.int("axis")?.ok_or_else(|| {
        Error::new("has no attribute `axis`").remedy("say which axis to join along")
    })?;
    let axis = axis_of(axis, rank)?;
    match inputs.as_slice() {
        &[one] => Ok(vec![one]),
        many => Ok(vec![call.builder().push(op::Concat(axis), many)?]),
    }
}

fn gather(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let axis = call.axis(0, call.shape(call.input(0)?).rank())?;
    pick(call, axis, op::Gather::slices(axis))
}

fn gather_elements(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let axis = call.axis(0, call.shape(call.input(0)?).rank())?;
    pick(call, axis, op::Gather::elements(axis))
}

fn pick(call: &mut Call<'_>, axis: usize, op: op::Gather) -> Result<Vec<ValueId>> {
    let (data, indices) = (call.input(0)?, call.input(1)?);
    let extent = call.shape(data).get(axis).copied().unwrap_or(0) as i64;
    let known = call.builder().known(indices).and_then(|t| t.as_i64s());
    let outside = known.and_then(|all| all.iter().find(|&&i| i < -extent || i >= extent));
    if let Some(index) = outside {
        return Err(Error::new(format!(
            "index {index} is out of range for axis {axis} of extent {extent}"
        ))
        .remedy("indices count from -extent to extent - 1"));
    }
    Ok(vec![call.builder().push(op, &[data, indices])?])
}

/// One axis of a slice, clamped to the axis.
#[derive(Debug, PartialEq, Eq)]
struct Cut {
    start: usize,
    step: isize,
    length: usize,
}

impl Cut {
    fn whole(extent: usize) -> Cut {
        Cut {
            start: 0,
            step: 1,
            length: extent,
        }
    }

    /// `start:end:step`, with every bound given; negative bounds count from the end, and
    /// bounds beyond the axis are clamped to it.
    ///
    /// As ONNX has it, a backward start is clamped to the first element; numpy's would stand
    /// before it.
    fn new(start: i64, end: i64, step: i64, extent: usize) -> Option<Cut> {
        let n = i64::try_from(extent).ok()?;
        let from_start = |at: i64| if at < 0 { at.saturating_add(n) } else { at };
        let distance = match step {
            0 => return None,
            _ if n == 0 => 0,
            1.. => from_start(end).clamp(0, n) - from_start(start).clamp(0, n),
            _ => from_start(start).clamp(0, n - 1) - from_start(end).clamp(-1, n - 1),
        };
        let steps = distance.max(0).unsigned_abs().div_ceil(step.unsigned_abs());
        let first = from_start(start).clamp(0, (n - 1).max(0));
        Some(match usize::try_from(steps).ok()? {
            0 => Cut::whole(0),
            // A single element has no next one, however long the step.
            length => Cut {
                start: usize::try_from(first).ok()?,
                step: if length > 1 {
                    isize::try_from(step).ok()?
                } else {
                    1
                },
                length,
            },
        })
    }
}

fn slice(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let since = SLICE_BOUNDS_ARE_INPUTS;
    let starts = call.required_integers_since(since, "starts", 1, "the starts")?;
    let ends = call.required_integers_since(since, "ends", 2, "the ends")?;
    let axes = match call.integers_since(since, "axes", 3, "the axes")? {
        Some(axes) => axes_of(&axes, shape.rank())?,
        None => (0..starts.len()).collect(),
    };
    let steps = call.integers(4, "the steps")?;
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(Error::new("starts, ends, axes and steps differ in number")
            .remedy("give one of each for every axis that is cut"));
    }
    let mut cuts: Vec<Cut> = shape.iter().map(|&n| Cut::whole(n)).collect();
    let bounds = starts.iter().zip(&ends).zip(&steps);
    for (&axis, ((&start, &end), &step)) in axes.iter().zip(bounds) {
        let extent = shape.get(axis).copied().unwrap_or(0);
        let cut = Cut::new(start, end, step, extent);
        match (cuts.get_mut(axis), cut) {
            (Some(slot), Some(cut)) => *slot = cut,
            (None, _) => {
                return Err(Error::new(format!("axis {axis} of the shape {shape}"))
                    .remedy("cut axes that exist"));
            }
            (_, None) => return Err(Error::new("a step is 0").remedy("use another step")),
        }
    }
    Ok(vec![push_cuts(call, x, &cuts)?])
}

fn push_cuts(call: &mut Call<'_>, x: ValueId, cuts: &[Cut]) -> Result<ValueId> {
    let starts: Vec<usize> = cuts.iter().map(|c| c.start).collect();
    let steps: Vec<isize> = cuts.iter().map(|c| c.step).collect();
    let lengths: Vec<usize> = cuts.iter().map(|c| c.length).collect();
    call.builder()
        .push(op::Slice::new(&starts, &steps, &lengths), &[x])
}

fn split(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let axis = call.axis(0, shape.rank())?;
    let extent = shape.get(axis).copied().unwrap_or(0);
    let lengths = split_lengths(call, extent, &shape)?;
    let mut start = 0;
    let mut parts = Vec::with_capacity(lengths.len());
    for length in lengths {
        let mut cuts: Vec<Cut> = shape.iter().map(|&n| Cut::whole(n)).collect();
        if let Some(cut) = cuts.get_mut(axis) {
            cut.start = if length > 0 { start } else { 0 };
            cut.length = length;
        }
        parts.push(push_cuts(call, x, &cuts)?);
        start += length;
    }
    Ok(parts)
}

/// The parts' extents: given, or equal but for a smaller last one.
fn split_lengths(call: &mut Call<'_>, extent: usize, shape: &Shape) -> Result<Vec<usize>> {
    let misfit = || {
        Error::new(format!("the shape {shape} cannot be split as asked"))
            .remedy("the parts' extents must add up to the axis, one part an output")
    };
    let outputs = call.outputs.max(1);
    let number = match call.scope.opset {
        NUM_OUTPUTS.. => call.attributes.int("num_outputs")?,
        _ => None,
    };
    let given = call.integers_since(SPLIT_IS_AN_INPUT, "split", 1, "the parts' extents")?;
    if given.is_some() == number.is_some() && call.scope.opset >= NUM_OUTPUTS {
        return Err(
            Error::new("Split needs either the parts' extents or num_outputs")
                .remedy("give one of them"),
        );
    }
    let lengths: Vec<usize> = match given {
        Some(lengths) => (lengths.iter())
            .map(|&n| usize::try_from(n).map_err(|_| misfit()))
            .collect::<Result<_>>()?,
        None if number.is_some_and(|n| n != outputs as i64) => return Err(misfit()),
        None if number.is_none() && !extent.is_multiple_of(outputs) => return Err(misfit()),
        None => {
            let part = extent.div_ceil(outputs);
            // The parts before the last are full; for what 5 in 4 leaves there is no rule.
            if part.saturating_mul(outputs - 1) > extent {
                return Err(misfit());
            }
            let left = |k: usize| extent.saturating_sub(k.saturating_mul(part));
            (0..outputs).map(|k| left(k).min(part)).collect()
        }
    };
    let total = lengths
        .iter()
        .try_fold(0_usize, |sum, &n| sum.checked_add(n));
    if total != Some(extent) || lengths.len() != outputs {
        return Err(misfit());
    }
    Ok(lengths)
}

#[cfg(test)]
mod tests {
    use super::Cut;

    #[test]
    fn cuts_follow_onnx() {
        for extent in 0..5_usize {
            for start in -7..8_i64 {
                for end in -7..8_i64 {
                    for step in [-3_i64, -2, -1, 1, 2, 3] {
                        let picked = Cut::new(start, end, step, extent).map(|cut| {
                            let at = |k| cut.start as i64 + k * cut.step as i64;
                            (0..cut.length as i64).map(at).collect::<Vec<i64>>()
                        });
                        let walked = by_walking(start, end, step, extent as i64);
                        assert_eq!(picked, Some(walked), "{start}:{end}:{step} of {extent}");
                    }
                }
            }
        }
    }

    /// The rule, an element at a time.
    fn by_walking(start: i64, end: i64, step: i64, n: i64) -> Vec<i64> {
        let wrap = |at: i64| if at < 0 { at + n } else { at };
        let (start, end) = (wrap(start).max(0), wrap(end));
        let mut at = if step > 0 { start } else { start.min(n - 1) };
        let mut picked = Vec::new();
        while (step > 0 && at < end.min(n)) || (step < 0 && at > end.max(-1)) {
            picked.push(at);
            at += step;
        }
        picked
    }

    #[test]
    fn extreme_bounds_do_not_overflow() {
        let bounds = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
        for start in bounds {
            for end in bounds {
                for step in bounds {
                    assert_eq!(Cut::new(start, end, step, 3).is_none(), step == 0);
                }
            }
        }
    }
}
