//! `gradbound search`: inputs and executions on which a claim fails, or comes nearest to
//! failing.

use super::audit::{MOST_THREADS, float_format, use_threads};
use super::exhaustive;
use super::found::{Found, name_of, per_second, table};
use super::progress::Spinner;
use super::{print, replay, status};
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
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Trials where no budget is given.
const TRIALS: u64 = 20_000;
/// Seconds for each obligation of a model where no budget is given.
const SECONDS: u32 = 10;
/// How often it is written how far a search went.
const SAVED: Duration = Duration::from_millis(500);
/// Trials that making a witness simpler may take; never more than finding it took.
const SHRINKING: u64 = 4_000;

/// Search for inputs and executions on which a claim fails, or comes nearest to failing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model whose values are searched over its inputs: an ONNX file.
    #[arg(required_unless_present_any = ["op", "replay", "exhaustive"], conflicts_with = "op")]
    pub(super) model: Option<PathBuf>,
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
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MOST_THREADS))]
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

/// Searches, keeps what was found, and prints it.
pub fn run(args: Args) -> Result<u8> {
    if let Some(threads) = args.threads {
        use_threads(threads)?;
    }
    if args.every.exhaustive {
        return exhaustive::run(every(args));
    }
    args.every.only_exhaustive()?;
    for (option, given) in [
        ("--inputs", args.inputs.is_some()),
        ("--loss", args.loss.is_some()),
    ] {
        if given && args.model.is_none() {
            return Err(Error::new(format!("{option} needs a MODEL"))
                .remedy("give the model's file, or leave the option out"));
        }
    }
    if let Some(path) = &args.replay {
        return replay::run(path, &args);
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

/// No value is there that the obligations are about.
fn nothing(args: &Args, offered: &[Obligation]) -> Error {
    let asked = args.obligation.map_or("an obligation".to_owned(), name_of);
    let offered: Vec<String> = offered.iter().map(|o| name_of(*o)).collect();
    let others = match (&args.model, offered.iter().any(|o| o == "vjp_sound")) {
        (Some(_), false) => "; its gradients have some with --loss NAME",
        (Some(_), true) => "; it accumulates gradients where a value is used more than once",
        (None, _) => "",
    };
    let subject = match (&args.model, &args.op) {
        (Some(model), _) => model.display().to_string(),
        (None, op) => op.clone().unwrap_or_default(),
    };
    Error::new(format!("`{subject}` has no value that {asked} is about")).remedy(
        match offered.is_empty() {
            true => format!("search another operation or model{others}"),
            false => format!("use one of: {}{others}", offered.join(" ")),
        },
    )
}

/// The obligations that are searched, one at least.
pub(super) fn subjects(args: &Args) -> Result<Vec<Subject>> {
    if let Some(model) = &args.model {
        let request = Request {
            model: model.clone(),
            inputs: args.inputs.clone(),
            observed: None,
            format: args.format,
            loss: args.loss.clone(),
            forward_only: false,
            adjoint: Vec::new(),
            confidence: None,
            config: config(args),
            formulas: Formulas::default(),
        };
        let mut subjects = model::subjects(&request)?;
        let offered: Vec<Obligation> = subjects.iter().map(|s| s.obligation).collect();
        subjects.retain(|s| args.obligation.is_none_or(|o| o == s.obligation));
        return match subjects.is_empty() {
            true => Err(nothing(args, &offered)),
            false => Ok(subjects),
        };
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
    let all: Vec<Subject> = all?.into_iter().filter(Subject::has_targets).collect();
    if all.is_empty() {
        return Err(nothing(args, &[]));
    }
    Ok(all)
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
    let (begun, before) = (Instant::now(), start.made());
    let rate = |trials: u64| per_second(trials - before, begun.elapsed());
    let keep = |best: &Best| corpus.keep(subject, best);
    let search = Search {
        subject,
        strategies,
        seed: args.seed,
        rules: Rules::TRUE,
        live: &keep,
    };
    let (mut failed, mut saved) = (None, begun);
    let state = search.run(start, budget, &mut |state| {
        let ratio = state.best.as_ref().map_or(-1.0, |b| b.score.ratio);
        spinner.stage(&format!(
            "{} {}: {} trials, {:.0}/s, best {ratio:.4}",
            subject.name(),
            name_of(subject.obligation),
            state.made(),
            rate(state.made())
        ));
        if failed.is_none() && saved.elapsed() >= SAVED {
            failed = corpus.save(state).err();
            saved = Instant::now();
        }
        failed.is_none()
    });
    if let Some(error) = failed {
        return Err(error);
    }
    corpus.save(&state)?;
    let trials_per_second = rate(state.made());
    let (trials, undecided) = (state.made(), state.open());
    let best = (state.best).filter(|b| b.score.ratio >= 0.0);
    let best = best.map(|best| {
        spinner.stage("making the witness simpler");
        shrink(subject, &Rules::TRUE, best, SHRINKING.min(trials - before))
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
        trials,
        trials_per_second,
        ratio: best
            .as_ref()
            .map(|b| b.score.ratio)
            .filter(|r| r.is_finite()),
        verdict: match (&best, violated) {
            (_, true) => "violated",
            (Some(_), false) => "holds",
            (None, false) if undecided > 0 => "undecided",
            (None, false) => "no claim",
        },
        undecided,
        strategy: best.as_ref().map(|b| b.strategy.name()),
        witness,
    })
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
