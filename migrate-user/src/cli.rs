//! The command line: types and their help, nothing else.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::recording::Output;
use crate::source::Input;

const EXAMPLES: &str = "\
Examples:
  sudo migscope                                  watch this machine
  sudo migscope record --duration 60 -o run.arrow
                                                 record one minute to a file
  migscope report run.arrow                      read it as a page of text
  ssh gpu1 sudo migscope record -o - | migscope replay -
                                                 watch another machine

A recording is an Arrow IPC stream: polars.read_ipc_stream(FILE), pyarrow and DuckDB open it too.";

/// Shows every migration of memory between the CPU and a device that this Linux kernel makes: how long each
/// step took, which pages were skipped or declined, and which copies were thrown away.
#[derive(Debug, Parser)]
#[command(name = "migscope", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do; `live` if none is named.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch this machine's migrations in a dashboard (the default). Needs root.
    Live,
    /// Record this machine's migrations to a file or pipe. Needs root.
    Record(Record),
    /// Watch a recording in the dashboard, finished or still being made.
    Replay(Replay),
    /// Print a recording's figures as a page of text, or as JSON.
    Report(Report),
    /// Convert a recording for other tools.
    Export(Export),
    /// Say what this kernel and this user allow, what is missing, and what to do about it.
    Doctor(Doctor),
}

/// Options of `record`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sudo migscope record                           until Ctrl-C, to migscope-DATE-TIME.arrow
  sudo migscope record --duration 10 -o run.arrow
  sudo migscope record -o - | migscope replay -  watch without a file

The file can be read while it grows. An existing file is never overwritten. Recordings hold names of processes, so \
only the file's owner can read it.")]
pub struct Record {
    /// The file to write, or - for standard output [default: migscope-DATE-TIME.arrow]
    #[arg(short, long, value_name = "FILE|-")]
    pub output: Option<Output>,
    /// Stop after this many seconds [default: at Ctrl-C or SIGTERM]
    #[arg(long, value_name = "SECONDS")]
    pub duration: Option<Seconds>,
}

/// Options of `replay`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  migscope replay run.arrow
  ssh gpu1 sudo migscope record -o - | migscope replay -
  migscope replay unix:/run/vm/records.sock")]
pub struct Replay {
    /// A recording, - for standard input, or unix:PATH for a socket
    #[arg(value_name = "FILE|-|unix:PATH")]
    pub input: Input,
}

/// Options of `report`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  migscope report run.arrow
  migscope report --json run.arrow | jq .steps
  sudo migscope record --duration 10 -o - | migscope report -")]
pub struct Report {
    /// A recording, - for standard input, or unix:PATH for a socket
    #[arg(value_name = "FILE|-|unix:PATH")]
    pub input: Input,
    /// Print one JSON object with the same figures, unrounded
    #[arg(long)]
    pub json: bool,
}

/// Options of `export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Formats:
  json   one object per line and migration; unknown is null
  hlog   HdrHistogram interval log (V2): per second, one histogram of each step and direction, in nanoseconds

Examples:
  migscope export run.arrow --format json | jq 'select(.wasted_copy > 0)'
  migscope export run.arrow --format hlog -o run.hlog")]
pub struct Export {
    /// A recording, - for standard input, or unix:PATH for a socket
    #[arg(value_name = "FILE|-|unix:PATH")]
    pub input: Input,
    /// The format to write
    #[arg(short, long, value_enum)]
    pub format: Format,
    /// The file to write, which appears when it is whole [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
Everything is read from /proc and /sys; with the permission to do so, the tracer is then loaded, attached and removed \
again.

Exit status: 0 if this machine can be traced, perhaps with limits; 1 if it cannot; 2 if it could not be found out.

Examples:
  sudo migscope doctor
  sudo migscope doctor --json | jq '.checks[] | select(.state != \"good\")'")]
pub struct Doctor {
    /// Print one JSON object: `verdict`, and `checks` with `group`, `name`, `state`, `found` and `advice`
    #[arg(long)]
    pub json: bool,
}

/// What `export` can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// HdrHistogram interval log.
    Hlog,
}

/// A number of seconds above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seconds(pub Duration);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .ok()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|duration| !duration.is_zero())
            .map(Self)
            .ok_or("expected a number of seconds above 0, such as 10 or 0.5")
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_types_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seconds() {
        assert_eq!("0.5".parse(), Ok(Seconds(Duration::from_millis(500))));
        for wrong in ["0", "-1", "nan", "inf", "1e30", "ten", ""] {
            assert!(wrong.parse::<Seconds>().is_err(), "{wrong}");
        }
    }
}
