//! What a developer or a first-time user types: set-up, build, the test VM, the tests.

mod arch;
mod build;
mod cache;
mod cli;
mod commands;
mod driver;
mod errors;
mod fuzz;
mod interrupt;
mod lab;
mod metrics;
mod number;
mod options;
mod process;
mod progress;
mod scratch;
mod sections;
mod setup;
mod soak;
mod test;
mod tracer;
mod vm;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Action, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match interrupt::install().and_then(|()| run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (status, message) = errors::conclude(&error);
            if let Some(message) = message {
                anstream::eprintln!("error: {message}");
            }
            ExitCode::from(status)
        }
    }
}

fn run(Cli { command, options }: Cli) -> Result<()> {
    match command {
        Action::Run(arguments) => commands::run::run(arguments, options),
        Action::Test(arguments) => test::run(&arguments, options),
        Action::Bench(arguments) => commands::bench::run(arguments, options),
        Action::FuzzModule(arguments) => commands::fuzz_module::run(&arguments, options),
        Action::Soak(arguments) => commands::soak::run(&arguments, options),
        Action::Pictures => commands::pictures::run(),
        Action::Vm(arguments) => commands::vm::run(arguments, options),
        Action::Kernel(arguments) => commands::build::kernel(&arguments, options),
        Action::Build => commands::build::everything(options),
        Action::Dist => commands::dist::run(options),
        Action::Clippy => commands::clippy::run(options),
    }
}
