//! The main job: a model and a run's inputs in, a verdict for every value and gradient out.

mod adjoint;
pub mod blame;
mod budget;
mod compose;
mod files;
pub mod prepare;
pub mod range;
pub mod record;
pub mod subjects;
mod tolerances;

pub(crate) use files::Whole;
pub use files::{json, write};
pub use record::Audit;

use crate::assumptions;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::graph::Origin;
use crate::interpret::runtime;
use crate::lower::{Formula, Formulas};
use crate::number::gemm::subnormals_are_on;
use crate::obligation::{Checks, Claimed, Run, check_to};
use crate::probable::{self, Certified, Wanted};
use crate::tensor::DType;
use crate::verdict::Outcome;
use blame::Scene;
use prepare::{Prepared, prepare};
use record::{Assumption, Blame, ConfidenceRecord, ConfigRecord, File, Num, Timing, Tool};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;
use subjects::{Subject, attach_observed, read_observed, subjects};

/// What is to be audited, and for which executions.
#[derive(Debug, Clone)]
pub struct Request {
    /// The model's file.
    pub model: PathBuf,
    /// The inputs' file.
    pub inputs: Option<PathBuf>,
    /// The observed values' file.
    pub observed: Option<PathBuf>,
    /// The format to audit in; the model's own without it.
    pub format: Option<DType>,
    /// The scalar value to differentiate.
    pub loss: Option<String>,
    /// No gradients.
    pub forward_only: bool,
    /// Names of values whose eps are taken in adjoint form; `outputs` stands for all of those.
    pub adjoint: Vec<String>,
    /// With which probability eps is stated besides, if it is.
    pub confidence: Option<Wanted>,
    /// What the bounds speak for.
    pub config: Config,
    /// The formulas of composites that have several.
    pub formulas: Formulas,
}

/// An audit and the exact bits of what it found violated.
#[derive(Debug, Clone)]
pub struct Audited {
    /// The record.
    pub audit: Audit,
    /// Files for the folder `witnesses/`, by name.
    pub witnesses: Vec<(String, serde_json::Value)>,
}

/// Called with the name of each stage as it starts.
pub type Progress<'a> = &'a dyn Fn(&str);

/// Audits a model on one run.
pub fn audit(request: &Request, progress: Progress) -> Result<Audited> {
    let start = Instant::now();
    let threads = rayon::broadcast(|_| subnormals_are_on());
    if !subnormals_are_on() || threads.contains(&false) {
        return Err(Error::new("a thread flushes subnormals to zero")
            .remedy("clear FTZ and DAZ before calling gradbound; its bounds need subnormals"));
    }
    progress("reading the model");
    let mut prepared = prepare(request)?;
    let mut subjects = subjects(&prepared);
    let asked = adjoint::asked(&prepared, &subjects, request)?;
    let read = |path: &Path| read_observed(&prepared, &subjects, path);
    let observed = request.observed.as_deref().map(read).transpose()?;
    let claimed = match &observed {
        Some(file) => {
            let (claimed, warnings) = attach_observed(&prepared, &mut subjects, file)?;
            prepared.warnings.extend(warnings);
            claimed
        }
        None => Vec::new(),
    };
    progress("running forward and backward");
    let graph = &prepared.model.graph;
    let in_model = |e: Error| e.in_file(&request.model);
    let plain = Instant::now();
    let nodes = &prepared.model.nodes;
    let name = |at: Origin| Some(nodes.get(at.source as usize)?.name.clone());
    let values = runtime::eval_at(graph, &request.config, &prepared.inputs, name);
    let values = values.map_err(in_model)?;
    let plain_s = plain.elapsed().as_secs_f64();
    progress("bounding every value");
    let bounding = Instant::now();
    let (run, origins) = match asked.is_empty() {
        true => (
            Run::of(graph, &request.config, &prepared.inputs, values),
            BTreeMap::new(),
        ),
        false => Run::refined(graph, &request.config, &prepared.inputs, values, &asked),
    };
    let bounds_s = bounding.elapsed().as_secs_f64();
    let silent = adjoint::silent(&subjects, &run, &asked, &origins);
    let probable = match request.confidence {
        Some(wanted) => {
            progress("drawing roundings");
            let asked: BTreeSet<usize> = subjects.iter().map(|s| s.id.index()).collect();
            let certified = Certified {
                graph,
                config: &request.config,
                run: &run.values,
                known: &run.approx,
            };
            probable::bounds(certified, &asked, wanted).map_err(in_model)?
        }
        None => BTreeMap::new(),
    };
    progress("checking every claim against the reals");
    let checking = Instant::now();
    let sizes = (probable.iter()).map(|(&k, p)| (k, p.eps.largest()));
    let checks = check_to(graph, &run, &prepared.inputs, &claimed, &sizes.collect());
    let check_s = checking.elapsed().as_secs_f64();
    progress("explaining what differs");
    let blames = blames(&prepared, request, &run, &subjects, &claimed, &checks)?;
    let parts = compose::Parts {
        prepared: &prepared,
        request,
        run: &run,
        checks: &checks,
        subjects: &subjects,
        origins: &origins,
        probable: &probable,
        unclaimed: (run.approx.iter()).position(|a| !a.eps.largest().is_finite()),
    };
    let values = parts.values();
    let (obligations, witnesses) = parts.obligations();
    let verdict = values
        .iter()
        .map(|v| v.verdict)
        .chain(obligations.iter().map(|o| o.verdict))
        .chain(
            values
                .iter()
                .filter_map(|v| Some(v.observed.as_ref()?.verdict)),
        )
        .max()
        .unwrap_or(Outcome::Holds);
    let audit = Audit {
        schema: "gradbound-audit/1",
        tool: Tool {
            version: env!("CARGO_PKG_VERSION"),
        },
        model: file(&request.model, &prepared.model.sha256),
        inputs: Some(file(
            &prepared.inputs_file.path,
            &prepared.inputs_file.sha256,
        )),
        observed: observed.map(|f| file(&f.path, &f.sha256)),
        config: config_record(request, &prepared),
        verdict,
        values,
        obligations,
        blame: blames.first().cloned(),
        blames,
        assumptions: assumed(&prepared, request, !origins.is_empty()),
        internals: parts.internals(),
        warnings: [&prepared.warnings[..], &silent].concat(),
        timing: Timing {
            total_s: start.elapsed().as_secs_f64(),
            plain_s,
            bounds_s,
            check_s,
        },
    };
    Ok(Audited { audit, witnesses })
}

/// What the audit rests on.
fn assumed(prepared: &Prepared, request: &Request, adjoints: bool) -> Vec<Assumption> {
    let mut all = assumptions::ledger(&request.config, &prepared.model, &prepared.gradients);
    if adjoints {
        all.push(assumptions::of_adjoints());
    }
    if request.confidence.is_some() {
        all.extend(assumptions::of_probabilities());
    }
    all
}

fn file(path: &Path, sha256: &str) -> File {
    File {
        path: path.display().to_string(),
        sha256: sha256.to_string(),
    }
}

fn config_record(request: &Request, prepared: &Prepared) -> ConfigRecord {
    let config = &request.config;
    let format = prepared.model.format;
    let accumulate = format
        .format()
        .map(|storage| config.accumulator(storage))
        .map_or("same", |acc| match acc.precision {
            53 => "f64",
            24 => "f32",
            _ => "same",
        });
    ConfigRecord {
        format: format.to_string(),
        accumulate: accumulate.to_string(),
        schedule: config.schedule.to_string(),
        contract: config.contract.to_string(),
        libm: config.libm.to_string(),
        subnormals: config.subnormals.to_string(),
        granularity: config.granularity.to_string(),
        execute: config.execution.to_string(),
        adjoint: request.adjoint.clone(),
        confidence: request.confidence.map(|wanted| ConfidenceRecord {
            confidence: Num(wanted.confidence),
            draws: wanted.draws,
            seed: wanted.seed,
            strength: "probabilistic: no certificate",
        }),
        formulas: words(&request.formulas),
        loss: request.loss.clone(),
        seeds: prepared.seeds.clone(),
        region: None,
        spec: "the reals of the inputs, initializers and seeds as rounded to the format",
    }
}

/// What is chosen of every formula, by name.
fn words(formulas: &Formulas) -> BTreeMap<&'static str, &'static str> {
    let all = Formula::ALL.iter();
    all.map(|&f| (f.name(), formulas.chosen(f).0)).collect()
}

/// The violated observed values that their own inputs do not explain, in order; all of them
/// explained, the first violated one.
fn blames(
    prepared: &Prepared,
    request: &Request,
    run: &Run,
    subjects: &[Subject],
    claimed: &[Claimed],
    checks: &Checks,
) -> Result<Vec<Blame>> {
    let violated: Vec<(&Subject, usize)> = subjects
        .iter()
        .filter_map(|s| Some((s, s.observed?)))
        .filter(|(_, k)| checks.claimed[*k].verdict.outcome() == Outcome::Violated)
        .collect();
    let scene = Scene::new(
        &prepared.model.graph,
        &request.config,
        run,
        subjects,
        claimed,
    );
    let mut blames = Vec::new();
    for (position, (subject, k)) in violated.iter().enumerate() {
        // Several names may share one value; a copy of what is blamed already is no culprit.
        let earlier = violated[..position].iter();
        let mut same = earlier.filter(|(s, _)| s.id == subject.id);
        if same.any(|(_, j)| claimed[*j].tensor == claimed[*k].tensor) {
            continue;
        }
        let factor = scene.unexplained(subject.id, &claimed[*k].tensor)?;
        if factor > 1.0 {
            blames.push(Blame {
                value: subject.name.clone(),
                why: unexplained(factor, checks.claimed[*k].tightness),
            });
        }
    }
    if let (true, Some((first, k))) = (blames.is_empty(), violated.first()) {
        blames.push(Blame {
            value: first.name.clone(),
            why: format!(
                "the first observed value beyond its eps ({} times); each step by itself is \
                 explained by rounding",
                times(checks.claimed[*k].tightness)
            ),
        });
    }
    Ok(blames)
}

/// Why a value is blamed that leaves what its inputs give by these factors of what rounding
/// explains, and of its own eps.
fn unexplained(factor: f64, of_eps: f64) -> String {
    if factor.is_finite() {
        format!(
            "observed {} times farther from what its own observed inputs give than rounding \
             explains ({} times its eps from the reals)",
            times(factor),
            times(of_eps)
        )
    } else {
        "observed to differ where its own observed inputs leave no room for any error".to_string()
    }
}

/// A factor as people read it.
fn times(factor: f64) -> String {
    if factor < 1e4 {
        format!("{factor:.1}")
    } else {
        format!("{factor:.1e}")
    }
}
