//! The gradients of a case's outputs.

use gradbound::Config;
use gradbound::graph::ValueId;
use gradbound::graph::grad::append_backward;
use gradbound::import::Model;
use gradbound::obligation::{Run, check, failures};
use gradbound::tensor::Tensor;
use gradbound::verdict::Outcome;

/// Cases with more elements than this are differentiated in the tests of their operations.
const MAX_ELEMENTS: usize = 1 << 17;

/// Whether the gradients with respect to all float inputs that are reached, at least one, are
/// certified; fails where an obligation is violated.
pub fn certified(model: &Model, config: &Config, inputs: &[Tensor]) -> Result<bool, String> {
    let mut graph = model.graph.clone();
    let all_finite = |t: &Tensor| t.to_f64s().iter().all(|x| x.is_finite());
    let elements = graph
        .values()
        .map(|v| graph.ty(v).shape.len())
        .sum::<usize>();
    if elements > MAX_ELEMENTS || !inputs.iter().all(all_finite) {
        return Ok(false);
    }
    let mut seeds: Vec<(ValueId, ValueId)> = Vec::new();
    for output in &model.outputs {
        let ty = graph.ty(output.id).clone();
        if ty.dtype.is_float() {
            // Cotangents of both signs that every format represents.
            let values: Vec<f64> = (0..ty.shape.len())
                .map(|k| [1.0, -0.5, 0.25][k % 3])
                .collect();
            let seed = Tensor::from_f64s(ty.shape, ty.dtype, &values).map_err(|e| e.to_string())?;
            seeds.push((output.id, graph.constant(seed)));
        }
    }
    let gradients = append_backward(&mut graph, &seeds, None).map_err(|e| e.to_string())?;
    let run = Run::new(&graph, config, inputs).map_err(|e| e.to_string())?;
    let checks = check(&graph, &run, inputs, &[]);
    let violated = failures(&graph, &checks)
        .into_iter()
        .find(|f| f.verdict.outcome() == Outcome::Violated);
    if let Some(f) = violated {
        return Err(format!(
            "{:?} of {} is violated: {:?}",
            f.obligation, f.op, f.verdict
        ));
    }
    let reached: Vec<usize> = (model.inputs.iter())
        .filter_map(|input| Some(gradients.of(input.id)?.index()))
        .collect();
    let holds = |&v: &usize| checks.error[v].verdict.holds();
    Ok(!reached.is_empty() && reached.iter().all(holds))
}
