//! The command line.

use std::{num::NonZeroU64, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::uapi::MAX_DELAY_NS;

/// Makes the driver behind /dev/migrate_test migrate memory, and checks that every byte survives.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Explain every scenario
    List,
    /// Run a scenario until Ctrl-C, or as long as asked
    Run(RunOptions),
    /// Move patterned memory to the device and back, and check every byte each time
    RoundTrips(RoundTripOptions),
    /// Make one call from each of many threads, which find nothing to do, or whose driver sleeps
    Crowd(CrowdOptions),
    /// Make calls from threads that come and go, of which many leave a call without its end
    Churn(ChurnOptions),
    /// Measure what one call of the driver takes, by pages and direction, and a touch of a page
    /// that is on the device or in swap space
    Bench(BenchOptions),
    /// Read a map of BPF's on each processor: meanwhile the kernel runs no kprobe's program there
    Blind(BlindOptions),
    /// Open and close phases as fast as it goes, and print how many were opened
    Phases(PhasesOptions),
    /// Have the kernel's own test driver read memory that is on the device
    Reach(ReachOptions),
    /// Attack the driver at random from several processes, and see that nothing is left
    Fuzz(FuzzOptions),
}

/// Options of `workload run`.
#[derive(Clone, Debug, Args)]
pub struct RunOptions {
    /// Which scenario (see `workload list`)
    pub scenario: String,
    /// Stop after this time
    #[arg(long, value_name = "SECONDS")]
    pub duration: Option<NonZeroU64>,
    /// Stop after this number of calls of the driver, over all threads
    #[arg(long, value_name = "N")]
    pub calls: Option<u64>,
    /// Makes the choices: the same seed gives each thread the same sequence
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// At most this many calls per second, over all threads
    #[arg(long, value_name = "CALLS_PER_SECOND")]
    pub rate: Option<NonZeroU64>,
    /// Threads in each process that calls; what is usual depends on the scenario
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub threads: Option<u16>,
    /// Write what the driver says it did here, one JSON object per migration, and its totals at the
    /// end
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Write each call in which a thread may have waited here, as the driver timed it, one JSON
    /// object per call, and their totals at the end
    #[arg(long, value_name = "FILE")]
    pub waits: Option<PathBuf>,
    /// Write what processes say of their own memory here at their end, one JSON object per mapping;
    /// the scenario `arrays` has some
    #[arg(long, value_name = "FILE")]
    pub mappings: Option<PathBuf>,
    /// Write which thread is in which phase of the program here, one JSON object whenever one
    /// changes
    #[arg(long, value_name = "FILE")]
    pub phases: Option<PathBuf>,
}

/// Options of `workload round-trips`.
#[derive(Clone, Debug, Args)]
pub struct RoundTripOptions {
    /// How many times
    pub count: u64,
    /// Pages that travel together
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub pages: u32,
    /// How long the driver is to spend on each page of a call besides
    #[arg(long, value_name = "NANOSECONDS", default_value_t = 0)]
    pub delay: u64,
    /// At most this many per second
    #[arg(long, value_name = "TRIPS_PER_SECOND", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
}

/// Options of `workload crowd`.
#[derive(Clone, Debug, Args)]
pub struct CrowdOptions {
    /// How many threads
    #[arg(value_parser = clap::value_parser!(u16).range(1..=20_000))]
    pub threads: u16,
    /// The driver sleeps between setup and pages, and again before finalize; otherwise it finds
    /// nothing to do and leaves it at setup
    #[arg(long)]
    pub asleep: bool,
    /// How long it sleeps each time
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1000, requires = "asleep",
        value_parser = clap::value_parser!(u64).range(..=MAX_DELAY_NS / 1_000_000))]
    pub sleep: u64,
    /// How long each thread stays after its call
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    pub stay: u64,
    /// Write what the driver says it did here, as `run` does
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}

/// Options of `workload churn`.
#[derive(Clone, Debug, Args)]
pub struct ChurnOptions {
    /// How many calls, over all threads
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub calls: u64,
    /// How many of them a thread makes before it ends
    #[arg(long, value_name = "N", default_value_t = 3,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub each: u64,
    /// How many threads there are at a time
    #[arg(long, value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub at_once: u16,
    /// Makes the choices
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Write the driver's own sums, as `run` does at the end of its truth
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}

/// Options of `workload blind`.
#[derive(Clone, Debug, Args)]
pub struct BlindOptions {
    /// How many times, on each processor
    pub reads: u32,
}

/// Options of `workload phases`.
#[derive(Clone, Copy, Debug, Args)]
pub struct PhasesOptions {
    /// How many, in each thread
    pub count: u64,
    /// How many threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub threads: u16,
    /// How many are open at a time, one in the other
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub nested: u32,
    /// How many different names they have
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub names: u32,
    /// Time each by itself in one thread, and print the medians, one JSON object for opening and
    /// one for closing
    #[arg(long, conflicts_with_all = ["threads", "nested"])]
    pub timed: bool,
}

/// Options of `workload reach`.
#[derive(Clone, Copy, Debug, Args)]
pub struct ReachOptions {
    /// How many times
    pub times: u32,
}

/// Options of `workload bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchOptions {
    /// How many pages a call moves; several sizes, separated by commas, are measured one after the
    /// other
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 8, 64, 512, 4096],
        value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub pages: Vec<u32>,
    /// Round trips of each size that are timed, and touches, of which the median counts [default:
    /// more for small sizes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub calls: Option<u32>,
}

/// Options of `workload fuzz`.
#[derive(Clone, Debug, Args)]
pub struct FuzzOptions {
    /// Stop after this time
    #[arg(long, value_name = "N")]
    pub seconds: Option<NonZeroU64>,
    /// Stop after this number of calls of the driver [default: 200000 unless --seconds is given]
    #[arg(long, value_name = "N")]
    pub calls: Option<u64>,
    /// Makes the choices
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Processes at any time; some of them are killed and replaced
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub processes: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_options(arguments: &[&str]) -> Result<RunOptions, clap::Error> {
        let line = ["workload", "run"].iter().chain(arguments);
        match Cli::try_parse_from(line)?.command {
            Command::Run(options) => Ok(options),
            other => panic!("parsed as {other:?}"),
        }
    }

    #[test]
    fn a_run_goes_on_by_default() {
        let options = run_options(&["mixed"]).unwrap();
        assert_eq!(
            (options.duration, options.calls, options.rate),
            (None, None, None)
        );
        assert_eq!(
            (options.seed, options.threads, options.truth),
            (1, None, None)
        );
    }

    #[test]
    fn every_option_is_taken() {
        let line = "mixed --duration 3 --calls 40 --seed 5 --rate 600 --threads 7 --truth t.jsonl \
                    --waits w.jsonl";
        let options = run_options(&line.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(options.duration.map(NonZeroU64::get), Some(3));
        assert_eq!(options.calls, Some(40));
        assert_eq!(options.seed, 5);
        assert_eq!(options.rate.map(NonZeroU64::get), Some(600));
        assert_eq!(options.threads, Some(7));
        assert_eq!(options.truth, Some(PathBuf::from("t.jsonl")));
        assert_eq!(options.waits, Some(PathBuf::from("w.jsonl")));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "mixed --rate 0",
            "mixed --threads 0",
            "mixed --duration -1",
            "",
            "mixed more",
        ] {
            let arguments: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
            assert!(run_options(&arguments).is_err(), "{line}");
        }
    }
}
