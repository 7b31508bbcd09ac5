//! The program `londiste`: commands and worker.

use std::process::ExitCode;

fn main() -> ExitCode {
    londiste::cli::main(std::env::args_os())
}
