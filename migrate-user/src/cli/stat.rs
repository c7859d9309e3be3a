//! Options of `stat`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::{Attach, Only, RingSize};
use crate::recording::Output;

/// Options of `stat`.
#[derive(Args, Debug)]
#[command(after_help = "\
It runs the command as 'record -- COMMAND' does, as the user who called sudo, and prints what became of the memory that migrated \
meanwhile, on standard error: pages by row of the ledger, steps, waits, losses, and how long the command took. No migration is \
recorded; the kernel's own totals are read before and after each run, which are exact and cost least. They count every migration of \
this machine while the command runs, whoever makes it: a filter (--comm, --cgroup, --driver) chooses.

With --per-phase, a table says in which phase of the program how much migrated: 'train/forward' is forward, opened in train. 'no phase' \
is what was outside of all, 'unknown' what nobody can tell, with whatever left no record; so all rows together are the totals. It \
writes a record of each migration, as 'record --phases --no-mappings' does, and is not to be had with -I.

With -r, each figure is the mean of the runs ± their standard deviation, also in percent of the mean. A run that does not end with \
exit status 0 is the last one. With -x, a line is VALUE,UNIT,NAME, with -r VALUE,UNIT,NAME,DEVIATION,PERCENT; times are in nanoseconds. \
With -x and -I together there are only the lines of intervals, below a line of names.

Exit status: that of the last run of the command; 2 if it could not be traced, or not be run. Ctrl-C ends the command, and what was \
counted until then is printed.

Examples:
  sudo migscope stat -- ./train                  what one run migrates
  sudo migscope stat -r 10 -- ./bench            ... the mean of ten, and how much they vary
  sudo migscope stat -I 1000 -- ./train          ... second by second, and in all
  sudo migscope stat --per-phase -- ./train      ... in which phase, by roctx or nvtx
  sudo migscope stat --per-phase=./libmarks.so -r 5 -- ./train
                                                 ... marked by this library, as a mean of five
  sudo migscope stat --comm train -- sleep 60    what others do in a minute
  sudo migscope stat --json -r 5 -o stat.json -- ./bench
                                                 unrounded, each run by itself
  sudo migscope stat -x, -o stat.csv -- ./bench  for spreadsheets")]
pub struct Stat {
    /// Run the command N times, and print means and standard deviations
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Print every so many milliseconds what was added since the last line: a number, or a time
    /// such as 500ms or 2s, of 100 ms at least
    #[arg(short = 'I', long, value_name = "MS")]
    pub interval: Option<Interval>,
    /// Tell apart in which phase the program was: where it marks phases by roctx or nvtx, in these
    /// libraries [default: those that processes have loaded, or that the dynamic linker finds], and
    /// where `migscope mark` tells. Writes records, which costs more
    #[arg(
        long,
        // What the tracer says of it calls it so, as `record` does.
        visible_alias = "phases",
        value_name = "FILE",
        num_args = 0..,
        value_delimiter = ',',
        require_equals = true,
        conflicts_with = "interval"
    )]
    pub per_phase: Option<Vec<PathBuf>>,
    /// With --per-phase: the size of the buffer for records in the kernel, such as 64K or 16M: a
    /// power of two [default: 4M]
    #[arg(long, value_name = "SIZE", requires = "per_phase")]
    pub ring_size: Option<RingSize>,
    /// Print one JSON object with the same figures, unrounded, and those of each run
    #[arg(long, conflicts_with = "separator")]
    pub json: bool,
    /// Print values with this character between them, \t for a tab
    #[arg(short = 'x', long = "field-separator", value_name = "SEP")]
    pub separator: Option<Separator>,
    /// The file to write, - for standard output [default: standard error]
    #[arg(short, long, value_name = "FILE|-", value_parser = page)]
    pub output: Option<Output>,
    /// Replace a file that is there, unasked
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Do not follow waits: of CPUs that touch a page on a device, or one that somebody is
    /// migrating
    #[arg(long)]
    pub no_waits: bool,
    /// Follow what a device waits for as well, and what waits for it
    #[arg(long, conflicts_with = "no_waits")]
    pub device_side: bool,
    /// How to hook the kernel's functions
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub attach: Attach,
    /// Which migrations to count.
    #[command(flatten)]
    pub only: Only,
    /// The command to run
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// The time from one line to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(pub Duration);

/// The shortest: the tracer looks every 50 ms.
const SHORTEST: Duration = Duration::from_millis(100);

impl FromStr for Interval {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().map(Duration::from_millis);
        let time = number.or_else(|_| humantime::parse_duration(text));
        time.ok().filter(|time| *time >= SHORTEST).map(Self).ok_or(
            "expected a number of milliseconds, or a time such as 500ms or 2s, of 100 ms at least",
        )
    }
}

/// What stands between values: one ASCII character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Separator(pub u8);

impl FromStr for Separator {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            br"\t" => Ok(Self(b'\t')),
            // What is in numbers and names, and what ends lines and fields, cannot be it.
            [one]
                if one.is_ascii()
                    && !one.is_ascii_alphanumeric()
                    && !b"\"\r\n.-_".contains(one) =>
            {
                Ok(Self(*one))
            }
            _ => Err(
                r"expected one character that is in no number and no name, such as , or ; or \t",
            ),
        }
    }
}

/// Where a page can go.
fn page(text: &str) -> Result<Output, &'static str> {
    match text.parse() {
        Ok(Output::Socket(_)) => Err("expected a file, or - for standard output"),
        Ok(output) => Ok(output),
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_milliseconds_unless_they_say_otherwise() {
        let is = |text: &str, ms| {
            let expected = Interval(Duration::from_millis(ms));
            assert_eq!(text.parse(), Ok(expected), "{text}");
        };
        is("100", 100);
        is("1000", 1000);
        is("2s", 2000);
        is("500ms", 500);
        for wrong in ["", "99", "0", "-1", "10ms", "x", "1.5"] {
            assert!(wrong.parse::<Interval>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn separators_are_in_no_number() {
        for (text, byte) in [(",", b','), (";", b';'), (r"\t", b'\t'), (" ", b' ')] {
            assert_eq!(text.parse(), Ok(Separator(byte)));
        }
        for wrong in ["", "::", "7", ".", "-", "a", "\"", "\n", "ä"] {
            assert!(wrong.parse::<Separator>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_page_goes_to_a_file_or_to_standard_output() {
        assert_eq!(page("-"), Ok(Output::Stdout));
        assert_eq!(page("x"), Ok(Output::File("x".into())));
        assert!(page("unix:x").is_err());
    }
}
