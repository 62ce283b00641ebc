//! Running a case: import, runtime, bounds, specification, and what must hold of them.

use crate::backward;
use crate::case::{Case, DataSet, Tolerance};
use crate::reason::{Reason, reason};
use gradbound::Config;
use gradbound::import::Model;
use gradbound::import::onnx::{DATA_DEPENDENT, ImportOptions, import, read_tensor};
use gradbound::interpret::spec;
use gradbound::lower::Formulas;
use gradbound::number::double_double::Ball;
use gradbound::number::precise::{Places, Precise};
use gradbound::number::{Enclosure, SpecNumber};
use gradbound::obligation::{Run, check, failures};
use gradbound::op::real;
use gradbound::tensor::{DType, Tensor};
use gradbound::verdict::Outcome;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What became of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    Passed {
        /// The gradients with respect to the float inputs that are reached, at least one, were
        /// certified too.
        gradients: bool,
    },
    Skipped(Reason),
    Failed(Failure),
}

/// In which respect a case failed, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub stage: Stage,
    pub message: String,
}

/// What a case has to get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The model is understood.
    Import,
    /// The runtime executes it.
    Run,
    /// The results have the expected types and shapes.
    Type,
    /// Every expected number is within the tolerance of the specification.
    Expected,
    /// Every result of the runtime is within eps of the specification.
    Sound,
    /// There is a finite eps for every finite number.
    NoClaim,
    /// The gradients of the outputs hold their obligations.
    Backward,
    /// Nothing panics.
    Panic,
}

impl Stage {
    /// The stage in words, as a failure of it is listed.
    pub fn describe(self) -> &'static str {
        match self {
            Stage::Import => "not imported",
            Stage::Run => "not executed",
            Stage::Type => "another type or shape",
            Stage::Expected => "expected value not near the specification",
            Stage::Sound => "obligation not proven",
            Stage::NoClaim => "no claim",
            Stage::Backward => "gradient",
            Stage::Panic => "panic",
        }
    }
}

fn failed(stage: Stage, message: impl Into<String>) -> Failure {
    Failure {
        stage,
        message: message.into(),
    }
}

/// Runs a case; a panic is a failure like any other.
pub fn judge(case: &Case) -> Fate {
    let outcome = catch_unwind(AssertUnwindSafe(|| run_case(case)));
    outcome.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Fate::Failed(failed(Stage::Panic, text.unwrap_or_default()))
    })
}

fn run_case(case: &Case) -> Fate {
    let sets = case.data_sets();
    if let Some(reason) = reason(&case.proto, &|name| scalar(case, &sets, name)) {
        return Fate::Skipped(reason);
    }
    if sets.is_empty() {
        return Fate::Failed(failed(Stage::Run, "no data set"));
    }
    let mut gradients = true;
    for set in &sets {
        match run_set(case, set) {
            Ok(certified) => gradients &= certified,
            Err(failure) if failure.message.contains(DATA_DEPENDENT) => {
                return Fate::Skipped(Reason::DataDependent);
            }
            Err(failure) => return Fate::Failed(failure),
        }
    }
    Fate::Passed { gradients }
}

/// A scalar among the inputs of the first data set.
fn scalar(case: &Case, sets: &[DataSet], name: &str) -> Option<f64> {
    let graph = case.proto.graph.as_ref()?;
    let position = graph.input.iter().position(|i| i.name == name)?;
    let tensor = read_tensor(sets.first()?.inputs.get(position)?).ok()?;
    (tensor.len() == 1).then(|| tensor.get(0))
}

fn read_all(paths: &[std::path::PathBuf]) -> Result<Vec<Tensor>, Failure> {
    let read = |path: &std::path::PathBuf| {
        read_tensor(path).map_err(|e| failed(Stage::Import, e.to_string()))
    };
    paths.iter().map(read).collect()
}

/// Runs one data set; whether its gradients are certified.
fn run_set(case: &Case, set: &DataSet) -> Result<bool, Failure> {
    let given = read_all(&set.inputs)?;
    let expected = read_all(&set.outputs)?;
    // The data follow the inputs that are no initializers, in their order.
    let graph = case.proto.graph.as_ref();
    let names = graph.map(|g| {
        let is_open = |name: &str| g.initializer.iter().all(|i| i.name != name);
        let names = g.input.iter().map(|i| i.name.clone());
        names.filter(|name| is_open(name)).collect::<Vec<_>>()
    });
    let values: BTreeMap<String, Tensor> =
        names.unwrap_or_default().into_iter().zip(given).collect();
    let config = Config::default();
    let options = ImportOptions {
        input_shapes: (values.iter())
            .map(|(name, value)| (name.clone(), value.shape().to_vec()))
            .collect(),
        values: values.clone(),
        format: None,
        formulas: Formulas::default(),
        config,
    };
    let model = import(&case.folder.join("model.onnx"), &options)
        .map_err(|e| failed(Stage::Import, e.to_string()))?;
    let inputs: Vec<Tensor> = (model.inputs.iter())
        .filter_map(|input| values.get(&input.name).cloned())
        .collect();
    let run =
        Run::new(&model.graph, &config, &inputs).map_err(|e| failed(Stage::Run, e.to_string()))?;
    same_types(&model, &run, &expected)?;
    let checks = check(&model.graph, &run, &inputs, &[]);
    let violated = failures(&model.graph, &checks)
        .into_iter()
        .find(|f| f.verdict.outcome() == Outcome::Violated);
    if let Some(f) = violated {
        let message = format!(
            "{:?} of {} is violated: {:?}",
            f.obligation, f.op, f.verdict
        );
        return Err(failed(Stage::Sound, message));
    }
    Outputs {
        model: &model,
        run: &run,
        inputs: &inputs,
        expected: &expected,
        tolerance: case.tolerance,
    }
    .hold()?;
    backward::certified(&model, &config, &inputs).map_err(|e| failed(Stage::Backward, e))
}

fn same_types(model: &Model, run: &Run, expected: &[Tensor]) -> Result<(), Failure> {
    if expected.len() != model.outputs.len() {
        return Err(failed(
            Stage::Type,
            format!(
                "{} outputs, {} expected",
                model.outputs.len(),
                expected.len()
            ),
        ));
    }
    for (output, expected) in model.outputs.iter().zip(expected) {
        let (ours, theirs) = (run.values[output.id.index()].ty(), expected.ty());
        if ours != theirs {
            let message = format!("`{}` is {ours}, {theirs} expected", output.name);
            return Err(failed(Stage::Type, message));
        }
    }
    Ok(())
}

/// Two units of bf16, 2^-6.
const BF16_RTOL: f64 = 0.015625;

/// The outputs of a run with what is expected of them.
struct Outputs<'a> {
    model: &'a Model,
    run: &'a Run,
    inputs: &'a [Tensor],
    expected: &'a [Tensor],
    tolerance: Tolerance,
}

impl Outputs<'_> {
    /// Every element, with specifications of growing precision until all are decided.
    fn hold(&self) -> Result<(), Failure> {
        let first = self.rung::<Enclosure>(&());
        let second = first.or_else(|_| self.rung::<Ball>(&()));
        second.or_else(|_| self.rung::<Precise>(&Places(192)))
    }

    fn rung<N: SpecNumber>(&self, env: &N::Env) -> Result<(), Failure> {
        let inputs: Vec<_> = self.inputs.iter().map(|t| real::<N>(env, t)).collect();
        let specs = spec::eval(&self.model.graph, env, &inputs, Some(&self.run.values));
        for (output, expected) in self.model.outputs.iter().zip(self.expected) {
            let v = output.id.index();
            for (position, spec) in specs[v].data.iter().enumerate() {
                let place = || format!("`{}`[{position}]", output.name);
                let element = Element {
                    c: self.run.values[v].get(position),
                    expected: expected.get(position),
                    eps: self.run.approx[v].eps.at(position).get(),
                    tolerance: self.allowed(expected.dtype(), expected.get(position)),
                };
                element
                    .holds(spec)
                    .map_err(|f| failed(f.stage, format!("{}: {}", place(), f.message)))?;
            }
        }
        Ok(())
    }

    /// What the suite allows; bf16 gets two units of its own, as in the suite's runner.
    fn allowed(&self, dtype: DType, expected: f64) -> f64 {
        let Tolerance { rtol, atol } = self.tolerance;
        let narrow = dtype == DType::BF16 && rtol < BF16_RTOL;
        let rtol = if narrow { BF16_RTOL } else { rtol };
        atol + rtol * expected.abs()
    }
}

/// One number of an output.
struct Element {
    /// The runtime's.
    c: f64,
    expected: f64,
    eps: f64,
    tolerance: f64,
}

impl Element {
    fn holds<N: SpecNumber>(&self, spec: &N) -> Result<(), Failure> {
        let Element {
            c,
            expected,
            eps,
            tolerance,
        } = *self;
        if !expected.is_finite() {
            // No real: the runtime must agree, and nothing may be claimed of it.
            let same = c == expected || (c.is_nan() && expected.is_nan());
            return match (same, eps.is_finite()) {
                (false, _) => Err(failed(
                    Stage::Expected,
                    format!("{expected} expected, runtime {c}"),
                )),
                (true, true) => Err(failed(Stage::Sound, format!("eps {eps:e} of {c}"))),
                (true, false) => Ok(()),
            };
        }
        let (from_expected, from_c) = (spec.distance(expected), spec.distance(c));
        if from_expected.hi() > tolerance {
            let (where_, hi) = (spec.enclose(), from_expected.hi());
            let message = format!(
                "{expected:e} expected, specification in [{:e}, {:e}], {hi:e} apart, {tolerance:e} allowed",
                where_.lo(),
                where_.hi()
            );
            // An unbounded specification claims nothing; a bounded one is elsewhere.
            let stage = if hi.is_finite() || eps.is_finite() {
                Stage::Expected
            } else {
                Stage::NoClaim
            };
            return Err(failed(stage, message));
        }
        if !eps.is_finite() {
            return Err(failed(Stage::NoClaim, format!("no finite eps for {c:e}")));
        }
        if from_c.hi() > eps {
            let message = format!("runtime {c:e} within {:e}, eps {eps:e}", from_c.hi());
            return Err(failed(Stage::Sound, message));
        }
        Ok(())
    }
}
