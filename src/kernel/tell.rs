//! A witness in words: what was claimed, what was computed, and the inputs in exact bits.

use crate::number::Format;
use crate::tensor::{DType, bf16_from_f64, f16_from_f64};
use crate::witness::dyadic;
use crate::witness::point::{Input, Place, Point};
use crate::witness::subject::{Score, Structure};

/// Elements of an input that are shown.
const SHOWN: usize = 48;

/// The bits of a number in its format, in hexadecimal.
pub(super) fn bits(dtype: DType, x: f64) -> String {
    match dtype {
        DType::F32 => format!("{:#010x}", (x as f32).to_bits()),
        DType::F16 => format!("{:#06x}", f16_from_f64(x).to_bits()),
        DType::BF16 => format!("{:#06x}", bf16_from_f64(x).to_bits()),
        DType::F64
        | DType::TF32
        | DType::E4M3
        | DType::E5M2
        | DType::E3M2
        | DType::E2M3
        | DType::E2M1
        | DType::I64
        | DType::Bool => format!("{:#018x}", x.to_bits()),
    }
}

/// Everything that it takes to see what happened.
pub(super) fn tell(structure: &Structure, point: &Point, score: &Score, backward: bool) -> String {
    let what = match (&score.violation, &score.failed) {
        (Some(violation), _) => violation.clone(),
        (None, Some(failed)) => format!("the kernel's code gave {failed}"),
        (None, None) => format!("{:.4} of the bound", score.ratio),
    };
    let mut lines = vec![format!("  {what}")];
    let inputs = point.fitted(&structure.graph, false);
    let count = inputs.inputs.len();
    for (k, (input, value)) in inputs
        .inputs
        .iter()
        .zip(structure.graph.inputs())
        .enumerate()
    {
        let ty = structure.graph.ty(*value);
        let name = if backward && k + 1 == count {
            "cotangent".to_owned()
        } else {
            format!("input {k}")
        };
        lines.push(format!("  {name}: {ty}"));
        lines.extend(elements(input, ty.dtype, |i| ty.shape.index_of(i)));
    }
    lines.join("\n")
}

fn elements(input: &Input, dtype: DType, index: impl Fn(usize) -> Vec<usize>) -> Vec<String> {
    let (mut lines, len) = match input {
        Input::Integers(whole) => {
            let shown = whole.iter().take(SHOWN);
            (
                vec![format!("    {:?}", shown.collect::<Vec<_>>())],
                whole.len(),
            )
        }
        Input::Fixed(tensor) => (vec![format!("    {:?}", tensor.to_f64s())], 0),
        Input::Floats { places, determined } => {
            let format = dtype.format().unwrap_or(Format::F64);
            let shown = places.iter().enumerate().take(SHOWN);
            let line = |(i, place): (usize, &Place)| {
                let place = place.clone().repaired(format, *determined);
                format!("    {:?} {}", index(i), element(dtype, &place))
            };
            (shown.map(line).collect(), places.len())
        }
    };
    if len > SHOWN {
        lines.push(format!("    and {} more, which the file has", len - SHOWN));
    }
    lines
}

fn element(dtype: DType, place: &Place) -> String {
    let (c, used) = (place.c, place.admissible);
    let exactly = |x: f64| format!("{x:e} ({})", bits(dtype, x));
    if place.eps == 0.0 {
        return exactly(c);
    }
    let (m, e) = place.x.parts();
    format!(
        "{}, eps {:e}, real {:e} = {m}*2^{e}, computed from {}",
        exactly(c),
        place.eps,
        dyadic::nearest(Format::F64, &place.x),
        exactly(used)
    )
}
