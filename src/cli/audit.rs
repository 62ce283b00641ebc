//! `gradbound audit`: the main job.

use super::progress::Spinner;
use super::{print, status};
use crate::audit::{self, Request};
use crate::config::{Accumulate, Config, Contract, Execution, Granularity, Schedule, Subnormals};
use crate::error::{Error, Result};
use crate::libm::Libm;
use crate::lower::Formulas;
use crate::probable::{DRAWS, Wanted};
use crate::report;
use crate::tensor::DType;
use crate::verdict::Outcome;
use std::path::PathBuf;

/// Certify a model's forward pass and gradients on one run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model: an ONNX file.
    model: PathBuf,
    /// Arrays for the model's inputs (and `seed:NAME` cotangents): .npz or .safetensors.
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// What another program computed: values `NAME` and gradients `grad:NAME`.
    #[arg(long, value_name = "FILE")]
    observed: Option<PathBuf>,
    /// Runtime format of values: f64, f32, f16, bf16, or simulated tf32, e4m3, e5m2, e3m2,
    /// e2m3, e2m1 [default: the model's own].
    #[arg(long, value_parser = float_format)]
    format: Option<DType>,
    /// Accumulator of dot products and sums: same, f32 or f64 [default: f32 for formats
    /// narrower than that, else same].
    #[arg(long, default_value = "default", hide_default_value = true)]
    accumulate: Accumulate,
    /// Executions that the bounds speak for: any, left, pairwise or blocked:N.
    #[arg(long, default_value = "any")]
    schedule: Schedule,
    /// Whether products may be fused into sums: any or off.
    #[arg(long, default_value = "any")]
    contract: Contract,
    /// Assumed accuracy of elementary functions (sigmoid at least 1 ulp, 3 in f64): portable, correct, ulp:K, glibc, cuda,
    /// xla-cpu or core-math.
    #[arg(long, default_value = "portable")]
    libm: Libm,
    /// Below the least normal number: gradual or flush.
    #[arg(long, default_value = "gradual")]
    subnormals: Subnormals,
    /// What this run itself does among the executions that are admitted: plain, fma (products
    /// fused into sums), flush (subnormals to zero) or fma+flush.
    #[arg(long, default_value = "plain")]
    execute: Execution,
    /// The formula of a composite where programs differ; may be given for several. variance:
    /// two-pass or one-pass; deviation: any, reciprocal or rsqrt; batch-norm: any, centred or
    /// folded; softmax: shifted or plain; log-softmax-gradient: quotient or exponential (as
    /// PyTorch); cross-entropy-gradient: any, chain or fused. The first of each is the default.
    #[arg(long, value_name = "NAME=VARIANT")]
    formula: Vec<String>,
    /// The scalar value to differentiate, with cotangent 1.
    #[arg(long, value_name = "NAME")]
    loss: Option<String>,
    /// No gradients.
    #[arg(long)]
    forward_only: bool,
    /// Bound this value (NAME), or every output, from what each node before it may lose, times
    /// the value's derivative, where that is less; may be given for several.
    #[arg(long, value_name = "NAME|outputs")]
    adjoint: Vec<String>,
    /// What eps and scale are kept for: element or tensor.
    #[arg(long, default_value = "element")]
    granularity: Granularity,
    /// Where audit.json and report.html go.
    #[arg(long, value_name = "DIR", default_value = "gradbound-out")]
    out: PathBuf,
    /// Print audit.json on stdout instead of the table.
    #[arg(long)]
    json: bool,
    /// No progress and no warnings.
    #[arg(long)]
    quiet: bool,
    /// Threads to use; results are the same for any number [default: one per core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MOST_THREADS))]
    threads: Option<u16>,
    /// State eps with this probability besides, below 1: what rounding errors stay within if they
    /// behave like random ones. No certificate.
    #[arg(long, value_name = "P", value_parser = probability)]
    confidence: Option<f64>,
    /// Draws that --confidence measures by, each of two runs in f64.
    #[arg(long, value_name = "N", default_value_t = DRAWS, requires = "confidence",
          value_parser = clap::value_parser!(u32).range(8..=1 << 20))]
    draws: u32,
    /// Seed of what --confidence draws; nothing else is random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

fn probability(word: &str) -> std::result::Result<f64, String> {
    let p = word.parse().ok().filter(|p: &f64| *p > 0.0 && *p < 1.0);
    p.ok_or_else(|| "use a number between 0 and 1, such as 0.999999".to_owned())
}

pub(super) fn float_format(word: &str) -> std::result::Result<DType, String> {
    let found = DType::FLOATS.into_iter().find(|d| d.name() == word);
    found.ok_or_else(|| {
        let all: Vec<&str> = DType::FLOATS.iter().map(|d| d.name()).collect();
        format!("use one of: {}", all.join(" "))
    })
}

/// Threads that are started at most: beyond any machine's cores they only take memory.
pub(super) const MOST_THREADS: i64 = 1024;

pub(super) fn use_threads(threads: u16) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads));
    pool.build_global().map_err(|e| {
        Error::new(format!("{threads} threads cannot be started: {e}"))
            .remedy("use fewer with --threads")
    })
}

/// A run that does what its own bounds do not speak for would prove nothing.
fn admitted(args: &Args) -> Result<()> {
    let refused = |what: &str, option: &str| {
        Err(Error::new(format!(
            "--execute {} runs with {what}, which {option} does not admit",
            args.execute
        ))
        .remedy("leave one of the two options out"))
    };
    if args.execute.fused && args.contract == Contract::Off {
        return refused("fused products", "--contract off");
    }
    if args.execute.flushed && args.subnormals == Subnormals::Gradual {
        return refused("flushed subnormals", "--subnormals gradual");
    }
    Ok(())
}

/// Audits, writes the results, and prints the table.
pub fn run(args: Args) -> Result<u8> {
    let ending = args.model.extension().and_then(|e| e.to_str());
    if ending != Some("onnx") {
        return Err(Error::new("is no ONNX file")
            .in_file(&args.model)
            .remedy("give a model that ends in .onnx"));
    }
    admitted(&args)?;
    let formulas = Formulas::choose(args.formula.iter().map(String::as_str))?;
    let confidence = args.confidence.map(|confidence| Wanted {
        confidence,
        draws: args.draws,
        seed: args.seed,
    });
    let request = Request {
        formulas,
        model: args.model,
        inputs: args.inputs,
        observed: args.observed,
        format: args.format,
        loss: args.loss,
        forward_only: args.forward_only,
        adjoint: args.adjoint,
        confidence,
        config: Config {
            accumulate: args.accumulate,
            schedule: args.schedule,
            contract: args.contract,
            libm: args.libm,
            subnormals: args.subnormals,
            granularity: args.granularity,
            execution: args.execute,
        },
    };
    if let Some(threads) = args.threads {
        use_threads(threads)?;
    }
    let spinner = Spinner::new(args.quiet);
    let audited = audit::audit(&request, &|stage| spinner.stage(stage))?;
    drop(spinner);
    audit::write(&audited, &args.out)?;
    if !args.quiet {
        for warning in &audited.audit.warnings {
            eprintln!("warning: {warning}");
        }
    }
    if args.json {
        print(&audit::json(&audited)?)?;
    } else {
        print(&report::table(&audited.audit))?;
    }
    Ok(match audited.audit.verdict {
        Outcome::Holds => status::HOLDS,
        Outcome::Violated => status::VIOLATED,
        Outcome::Undecided => status::UNDECIDED,
    })
}
