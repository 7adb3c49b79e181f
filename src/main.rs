//! The program `pipe`. All of it is in the library, so that tests and fuzzers can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    pipe::main()
}
