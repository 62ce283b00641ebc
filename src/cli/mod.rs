//! The command line: one file a command.

mod audit;
mod exhaustive;
mod found;
mod ops;
mod progress;
mod replay;
mod search;

use crate::error::{Error, Result};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Certified error bounds, magnitudes and tolerances for floating-point computation graphs
/// and their gradients.
#[derive(Debug, Parser)]
#[command(name = "gradbound", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Audit(Box<audit::Args>),
    Ops(ops::Args),
    Search(Box<search::Args>),
}

/// Exit statuses that other programs rely on.
pub(crate) mod status {
    /// Every claim holds and every eps is finite.
    pub const HOLDS: u8 = 0;
    /// A claim is violated.
    pub const VIOLATED: u8 = 1;
    /// The command, a file or an operation can't be used.
    pub const MISUSE: u8 = 2;
    /// Undecided, or no claim.
    pub const UNDECIDED: u8 = 3;
}

/// Runs the command line and returns its exit status.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // clap prints help and version to stdout with status 0, errors to stderr with 2.
            let misuse = e.use_stderr();
            let _ = e.print();
            return ExitCode::from(if misuse {
                status::MISUSE
            } else {
                status::HOLDS
            });
        }
    };
    let result = match cli.command {
        Command::Audit(args) => audit::run(*args),
        Command::Ops(args) => ops::run(&args),
        Command::Search(args) => search::run(*args),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(status::MISUSE)
        }
    }
}

/// Prints to stdout; a closed pipe is the reader's choice, not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::new(format!(
            "standard output cannot be written: {e}"
        ))
        .remedy("free some space, or redirect the output elsewhere")),
        _ => Ok(()),
    }
}
