//! `workload`: see `workload --help`.

use std::process::ExitCode;

use clap::Parser as _;
use workload::{
    bench, blind, churn,
    cli::{Cli, Command},
    crowd, fuzz, phases, reach, round_trips, run, scenario,
};

/// The status of bad use, as clap has it.
const BAD_USE: u8 = 2;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::List => {
            print!("{}", scenario::list());
            Ok(())
        }
        Command::Run(options) => match scenario::named(&options.scenario) {
            Some(scenarios) => run::run(&scenarios, &options),
            None => {
                eprintln!(
                    "workload: there is no scenario '{}'; known scenarios: {}",
                    options.scenario,
                    scenario::names(),
                );
                return ExitCode::from(BAD_USE);
            }
        },
        Command::RoundTrips(options) => round_trips::run(&options),
        Command::Crowd(options) => crowd::run(&options),
        Command::Churn(options) => churn::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Blind(options) => blind::run(&options),
        Command::Phases(options) => phases::run(&options),
        Command::Reach(options) => reach::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("workload: {error:#}");
            ExitCode::FAILURE
        }
    }
}
