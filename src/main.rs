//! The gradbound binary: parses the command line and runs the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    gradbound::cli::main()
}
