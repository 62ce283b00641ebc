//! `gradbound search`: inputs and executions on which a claim fails, or comes nearest to
//! failing.

use super::audit::{float_format, use_threads};
use super::exhaustive;
use super::progress::Spinner;
use super::{print, status};
use crate::audit::Request;
use crate::config::{Accumulate, Config, Contract, Execution, Granularity, Schedule, Subnormals};
use crate::error::{Error, Result};
use crate::libm::Libm;
use crate::lower::Formulas;
use crate::obligation::Obligation;
use crate::tensor::DType;
use crate::witness::case::Rules;
use crate::witness::corpus::Corpus;
use crate::witness::record::{MAX_LENGTH, Record};
use crate::witness::search::{Best, Budget, Search, State, Strategy};
use crate::witness::shrink::shrink;
use crate::witness::subject::Subject;
use crate::witness::subject::model;
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Trials where no budget is given.
const TRIALS: u64 = 20_000;
/// Seconds for each obligation of a model where no budget is given.
const SECONDS: u32 = 10;
/// Trials that making a witness simpler may take; never more than finding it took.
const SHRINKING: u64 = 4_000;

/// Search for inputs and executions on which a claim fails, or comes nearest to failing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model whose values are searched over its inputs: an ONNX file.
    #[arg(required_unless_present_any = ["op", "replay", "exhaustive"], conflicts_with = "op")]
    model: Option<PathBuf>,
    /// Arrays for the model's inputs: .npz or .safetensors.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// The operation whose obligations are searched, by its name in `gradbound ops`.
    #[arg(long, value_name = "NAME")]
    op: Option<String>,
    /// Only this obligation: sound, fwd_scale_sound, vjp_sound, vjp_scale_sound, add_sound or
    /// add_scale_sound [default: all six, one after another].
    #[arg(long, value_name = "NAME", value_parser = obligation)]
    obligation: Option<Obligation>,
    /// Format of floats [default: f32; a model's own].
    #[arg(long, value_parser = float_format)]
    format: Option<DType>,
    /// Only inputs that are known exactly, so that only roundings are left.
    #[arg(long)]
    exact: bool,
    /// The length of dot, sum, mean, softmax, log_softmax and layer_norm.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = length)]
    length: usize,
    /// Draw a configuration for every graph, instead of the one that the options below say.
    #[arg(long)]
    any_config: bool,
    /// Accumulator of dot products and sums: same, f32 or f64.
    #[arg(long, default_value = "default", hide_default_value = true)]
    accumulate: Accumulate,
    /// Executions that the bounds speak for: any, left, pairwise or blocked:N.
    #[arg(long, default_value = "any")]
    schedule: Schedule,
    /// Whether products may be fused into sums: any or off.
    #[arg(long, default_value = "any")]
    contract: Contract,
    /// Assumed accuracy of elementary functions [default: portable; with --exhaustive,
    /// portable and correct].
    #[arg(long)]
    libm: Option<Libm>,
    /// Below the least normal number: gradual or flush [default: gradual; with --exhaustive,
    /// both].
    #[arg(long)]
    subnormals: Option<Subnormals>,
    /// The scalar value of the model to differentiate, with cotangent 1.
    #[arg(long, value_name = "NAME")]
    loss: Option<String>,
    /// Strategies to take turns: random, corner, climb, schedule, stairs, sweep [default: all].
    #[arg(long, value_name = "NAME")]
    strategy: Vec<Strategy>,
    /// Seconds for each obligation.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    time: Option<u32>,
    /// Trials for each obligation, [default: 20000 for an
    /// operation, 10 seconds for a model].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    trials: Option<u64>,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Threads to use; with --trials results are the same for any number [default: one per
    /// core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// The folder that keeps what was found.
    #[arg(long, value_name = "DIR", default_value = "gradbound-out/corpus")]
    corpus: PathBuf,
    /// Go on where an earlier search in the same folder was.
    #[arg(long)]
    resume: bool,
    /// Judge a witness again, and search nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["op", "resume"])]
    replay: Option<PathBuf>,
    #[command(flatten)]
    every: exhaustive::Options,
    /// Print what was found as JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// No progress and no warnings.
    #[arg(long)]
    quiet: bool,
}

fn obligation(word: &str) -> std::result::Result<Obligation, String> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).map_err(|_| {
        "use one of: sound fwd_scale_sound vjp_sound vjp_scale_sound add_sound add_scale_sound"
            .to_owned()
    })
}

fn length(word: &str) -> std::result::Result<usize, String> {
    let n = word.parse().ok().filter(|n| (1..=MAX_LENGTH).contains(n));
    n.ok_or_else(|| format!("use a whole number from 1 to {MAX_LENGTH}"))
}

/// What a search found.
#[derive(Debug, Serialize)]
struct Found {
    subject: String,
    obligation: Obligation,
    format: &'static str,
    trials: u64,
    trials_per_second: f64,
    /// error / bound of the best witness; null where nothing is claimed.
    ratio: Option<f64>,
    verdict: &'static str,
    strategy: Option<&'static str>,
    witness: Option<PathBuf>,
}

/// Searches, keeps what was found, and prints it.
pub fn run(args: Args) -> Result<u8> {
    if let Some(threads) = args.threads {
        use_threads(threads)?;
    }
    if args.every.exhaustive {
        return exhaustive::run(every(args));
    }
    if args.replay.is_some() {
        return replay(&args);
    }
    let mut all = Vec::new();
    for subject in subjects(&args)? {
        all.push(search(&args, &subject)?);
    }
    if args.json {
        let text = serde_json::to_string_pretty(&all)
            .map_err(|e| Error::new(format!("the result cannot be written as JSON: {e}")))?;
        print(&(text + "\n"))?;
    } else {
        print(&table(&all))?;
    }
    Ok(if all.iter().any(|f| f.verdict == "violated") {
        status::VIOLATED
    } else if all.iter().any(|f| f.ratio.is_none()) {
        status::UNDECIDED
    } else {
        status::HOLDS
    })
}

/// What an exhaustive search takes of the options.
fn every(args: Args) -> exhaustive::Request {
    exhaustive::Request {
        op: args.op,
        format: args.format,
        libm: args.libm,
        subnormals: args.subnormals,
        options: args.every,
        resume: args.resume,
        json: args.json,
        quiet: args.quiet,
    }
}

fn config(args: &Args) -> Config {
    Config {
        accumulate: args.accumulate,
        schedule: args.schedule,
        contract: args.contract,
        libm: args.libm.unwrap_or(Libm::Portable),
        subnormals: args.subnormals.unwrap_or(Subnormals::Gradual),
        granularity: Granularity::Element,
        execution: Execution::default(),
    }
}

/// The obligations that are searched.
fn subjects(args: &Args) -> Result<Vec<Subject>> {
    if let Some(model) = &args.model {
        let request = Request {
            model: model.clone(),
            inputs: args.inputs.clone(),
            observed: None,
            format: args.format,
            loss: args.loss.clone(),
            forward_only: false,
            adjoint: Vec::new(),
            config: config(args),
            formulas: Formulas::default(),
        };
        let mut subjects = model::subjects(&request)?;
        subjects.retain(|s| args.obligation.is_none_or(|o| o == s.obligation));
        return Ok(subjects);
    }
    use Obligation::*;
    let obligations = match args.obligation {
        Some(one) => vec![one],
        None => vec![
            Sound,
            FwdScaleSound,
            VjpSound,
            VjpScaleSound,
            AddSound,
            AddScaleSound,
        ],
    };
    let name = args.op.as_deref().unwrap_or_default();
    let dtype = args.format.unwrap_or(DType::F32);
    let config = (!args.any_config).then(|| config(args));
    let each = obligations.into_iter();
    let all: Result<Vec<Subject>> = each
        .map(|o| Subject::operation(name, o, dtype, config, args.exact, args.length))
        .collect();
    Ok(all?.into_iter().filter(Subject::has_targets).collect())
}

fn search(args: &Args, subject: &Subject) -> Result<Found> {
    let spinner = Spinner::new(args.quiet);
    let corpus = Corpus::open(&args.corpus, subject, args.seed)?;
    let start = if args.resume {
        corpus.resume(subject)?
    } else {
        State::default()
    };
    let strategies = if args.strategy.is_empty() {
        &Strategy::ALL[..]
    } else {
        &args.strategy
    };
    let budget = budget(args);
    let (begun, before) = (Instant::now(), start.trials);
    let rate = |trials: u64| per_second(trials - before, begun.elapsed());
    let keep = |best: &Best| corpus.keep(subject, best);
    let search = Search {
        subject,
        strategies,
        seed: args.seed,
        rules: Rules::TRUE,
        live: &keep,
    };
    let mut failed = None;
    let state = search.run(start, budget, &mut |state| {
        let ratio = state.best.as_ref().map_or(-1.0, |b| b.score.ratio);
        spinner.stage(&format!(
            "{} {}: {} trials, {:.0}/s, best {ratio:.4}",
            subject.name(),
            name_of(subject.obligation),
            state.trials,
            rate(state.trials)
        ));
        failed = corpus.save(state).err();
        failed.is_none()
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let trials_per_second = rate(state.trials);
    let made = state.trials - before;
    let best = (state.best).filter(|b| b.score.ratio >= 0.0);
    let best = best.map(|best| {
        spinner.stage("making the witness simpler");
        shrink(subject, &Rules::TRUE, best, SHRINKING.min(made))
    });
    let witness = match &best {
        Some(best) => Some(corpus.write(&Record::of(subject, best))?),
        None => None,
    };
    let violated = (best.as_ref()).is_some_and(|b| b.score.violation.is_some());
    Ok(Found {
        subject: subject.name().to_owned(),
        obligation: subject.obligation,
        format: subject.dtype().map_or("none", DType::name),
        trials: state.trials,
        trials_per_second,
        ratio: best
            .as_ref()
            .map(|b| b.score.ratio)
            .filter(|r| r.is_finite()),
        verdict: match (&best, violated) {
            (_, true) => "violated",
            (Some(_), false) => "holds",
            (None, false) => "no claim",
        },
        strategy: best.as_ref().map(|b| b.strategy.name()),
        witness,
    })
}

#[expect(clippy::float_arithmetic, reason = "a figure for people, no bound")]
fn per_second(trials: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 {
        trials as f64 / seconds
    } else {
        0.0
    }
}

fn budget(args: &Args) -> Budget {
    let seconds = |s: u32| Duration::from_secs(u64::from(s));
    let (trials, time) = match (args.trials, args.time, &args.model) {
        (None, None, None) => (Some(TRIALS), None),
        (None, None, Some(_)) => (None, Some(seconds(SECONDS))),
        (trials, time, _) => (trials, time.map(seconds)),
    };
    Budget {
        trials,
        time,
        first: true,
    }
}

fn name_of(obligation: Obligation) -> String {
    let value = serde_json::to_value(obligation).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn table(all: &[Found]) -> String {
    let mut lines = vec![format!(
        "{:<16} {:<16} {:<6} {:>10} {:>9} {:>8} {:<9} {}",
        "subject", "obligation", "format", "trials", "trials/s", "ratio", "verdict", "by"
    )];
    for f in all {
        let ratio = f.ratio.map_or("-".to_owned(), |r| format!("{r:.4}"));
        lines.push(format!(
            "{:<16} {:<16} {:<6} {:>10} {:>9.0} {:>8} {:<9} {}",
            f.subject,
            name_of(f.obligation),
            f.format,
            f.trials,
            f.trials_per_second,
            ratio,
            f.verdict,
            f.strategy.unwrap_or("-"),
        ));
        if let (Some(witness), "violated") = (&f.witness, f.verdict) {
            lines.push(format!("  witness: {}", witness.display()));
        }
    }
    lines.join("\n") + "\n"
}

/// Judges a witness again.
fn replay(args: &Args) -> Result<u8> {
    let Some(path) = &args.replay else {
        return Ok(status::MISUSE);
    };
    let record = Record::read(path)?;
    let subject = match (&record.model, &args.model) {
        (None, _) => record.subject().map_err(|e| e.in_file(path))?,
        (Some(_), None) => {
            return Err(Error::new("the witness is about a model")
                .in_file(path)
                .remedy("give the model and its --inputs as well"));
        }
        (Some(hash), Some(_)) => {
            let all = subjects(args)?;
            let same = |s: &Subject| {
                s.name() == record.op
                    && s.obligation == record.obligation
                    && s.model() == Some(hash.as_str())
            };
            all.into_iter().find(same).ok_or_else(|| {
                Error::new("the witness is about another model, value or format")
                    .in_file(path)
                    .remedy("give the model and the options of the search that found it")
            })?
        }
    };
    let score = record.replay(&subject).map_err(|e| e.in_file(path))?;
    let Some(score) = score else {
        print("not defined for its arguments\n")?;
        return Ok(status::UNDECIDED);
    };
    let verdict = if score.violation.is_some() {
        "violated"
    } else if score.ratio < 0.0 {
        "no claim"
    } else {
        "holds"
    };
    let what = score.violation.as_deref().unwrap_or("");
    print(&format!(
        "{} {} {}: {verdict}, ratio {} (the file says {})\n{what}{}",
        record.op,
        name_of(record.obligation),
        record.format,
        score.ratio,
        record.ratio,
        if what.is_empty() { "" } else { "\n" }
    ))?;
    Ok(match verdict {
        "violated" => status::VIOLATED,
        "holds" => status::HOLDS,
        _ => status::UNDECIDED,
    })
}
