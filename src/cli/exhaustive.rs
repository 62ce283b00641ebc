//! `gradbound search --exhaustive`: claims that are checked on every input there is.

use super::progress::Spinner;
use super::{print, status};
use crate::config::Subnormals;
use crate::error::{Error, Result};
use crate::exhaustive::{self, Glance, Routine, Selection};
use crate::libm::Libm;
use crate::tensor::DType;
use crate::verdict::Outcome;
use std::path::PathBuf;

/// Options that only an exhaustive search has.
#[derive(Debug, clap::Args)]
#[group(id = "every")]
pub struct Options {
    /// Try every input there is, of operations (Exp, Add, MatMul, …) and formats that have few
    /// enough; --op and --format choose among them.
    #[arg(long, conflicts_with_all = [
        "model", "inputs", "loss", "replay", "obligation", "exact", "length", "any_config",
        "accumulate", "schedule", "contract", "strategy", "time", "trials", "seed", "corpus",
    ])]
    pub exhaustive: bool,
    /// With --exhaustive: only operands that are off by so many ulp, 0, 1 or 3 [default: all
    /// three].
    #[arg(long, value_name = "K", requires = "exhaustive", value_parser = ulps)]
    ulps: Option<u32>,
    /// With --exhaustive: whose f32 functions are measured on all 2^32 arguments, own (this
    /// program's runtime) or system (this machine's C library) [default: own].
    #[arg(long, value_name = "WHOSE")]
    routine: Option<Routine>,
    /// With --exhaustive: where exhaustive.json and the state of the search go [default:
    /// gradbound-out].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// With --exhaustive: also write the record as a page of Markdown.
    #[arg(long, value_name = "FILE", requires = "exhaustive")]
    write: Option<PathBuf>,
}

fn ulps(word: &str) -> std::result::Result<u32, String> {
    let known = ["0", "1", "3"].contains(&word);
    let k = word.parse().ok().filter(|_| known);
    k.ok_or_else(|| "use 0, 1 or 3".to_owned())
}

impl Options {
    /// Fails where an option was given that another search does nothing with.
    pub fn only_exhaustive(&self) -> Result<()> {
        let given = [
            ("--ulps", self.ulps.is_some()),
            ("--routine", self.routine.is_some()),
            ("--out", self.out.is_some()),
            ("--write", self.write.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Error::new(format!("{option} needs --exhaustive"))
                .remedy("search exhaustively, or leave the option out")),
            None => Ok(()),
        }
    }
}

/// What is searched, with the options that all searches have.
#[derive(Debug)]
pub struct Request {
    /// Only this operation.
    pub op: Option<String>,
    /// Only this format.
    pub format: Option<DType>,
    /// Only this table.
    pub libm: Option<Libm>,
    /// Only this.
    pub subnormals: Option<Subnormals>,
    /// The others.
    pub options: Options,
    /// Go on where an earlier search in the folder was.
    pub resume: bool,
    /// JSON instead of the table.
    pub json: bool,
    /// No progress.
    pub quiet: bool,
}

/// Searches, writes the record, and prints the table.
pub fn run(args: Request) -> Result<u8> {
    let options = args.options;
    let selection = Selection {
        op: args.op,
        format: args.format,
        libm: args.libm,
        subnormals: args.subnormals,
        ulps: options.ulps,
        routine: options.routine.unwrap_or(Routine::Own),
    };
    let checks = exhaustive::checks(&selection)?;
    let spinner = Spinner::new(args.quiet);
    let out = options
        .out
        .unwrap_or_else(|| PathBuf::from("gradbound-out"));
    let found = exhaustive::search(checks, &out, args.resume, &|glance| {
        spinner.stage(&line(glance));
    })?;
    drop(spinner);
    if let Some(page) = &options.write {
        exhaustive::write_page(&found, page)?;
    }
    if args.json {
        print(&exhaustive::json(&found)?)?;
    } else {
        print(&exhaustive::table(&found))?;
    }
    Ok(match found.verdict() {
        Outcome::Holds => status::HOLDS,
        Outcome::Violated => status::VIOLATED,
        Outcome::Undecided => status::UNDECIDED,
    })
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn line(glance: &Glance) -> String {
    format!(
        "{}: {:.1} %, {:.1} million inputs a second",
        glance.name,
        glance.share * 100.0,
        glance.rate / 1e6
    )
}
