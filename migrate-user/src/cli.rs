//! The command line: types and their help, nothing else.

mod filter;
mod mark;
mod merge;
mod stat;

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use filter::Only;
pub use mark::Mark;
pub use merge::Merge;
pub use stat::Stat;

use crate::dashboard::{Tab, Theme};
use crate::export::metrics::{Constant, PerOctave};
use crate::export::{Event, Format};
use crate::recording::Output;
use crate::serve::{Address, Endpoint};
use crate::source::Input;
use crate::trace::{Step, time};

const EXAMPLES: &str = "\
Examples:
  sudo migscope                                  watch this machine
  sudo migscope --pid 1200                       ... or one process, as `migscope live` does
  sudo migscope record --duration 60 -o run.arrow
                                                 record one minute to a file
  sudo migscope stat -- ./train                  only count, while a command runs
  migscope run.arrow                             watch it, as `migscope replay` does
  migscope report run.arrow                      read it as a page of text
  migscope report --pid 1200 --time 10s..20s run.arrow
                                                 ... of one process, in these ten seconds
  ssh gpu1 sudo migscope record -o - | migscope replay -
                                                 watch another machine

A recording is an Arrow IPC stream: polars.read_ipc_stream(FILE), pyarrow and DuckDB open it too.";

/// Shows every migration of memory between the CPU and a device that this Linux kernel makes: how
/// long each step took, which pages were skipped or declined, and which copies were thrown away.
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
    Live(Live),
    /// Record this machine's migrations to a file or pipe. Needs root.
    Record(Record),
    /// Count what migrates while a command runs, as `perf stat` does. Needs root.
    Stat(Stat),
    /// Watch a recording in the dashboard, finished or still being made.
    Replay(Replay),
    /// Print a recording's figures as a page of text, or as JSON.
    Report(Report),
    /// Say what has changed between two recordings, or two groups of them, and whether it got
    /// worse.
    Diff(Diff),
    /// Convert a recording for other tools.
    Export(Export),
    /// Put a recording beside a trace of a GPU profiler, as one trace for Perfetto's viewer.
    Merge(Merge),
    /// Serve this machine's figures, or a recording's, to Prometheus and OpenTelemetry. Needs root
    /// without a recording.
    Serve(Serve),
    /// Say which migrations hang at this moment, and where. Needs root.
    Stuck(Stuck),
    /// Say in which phase this machine is from now on, for recorders with --phases.
    Mark(Mark),
    /// Say what this kernel and this user allow, what is missing, and what to do about it.
    Doctor(Doctor),
    /// Print a manual page, or write all of them to a folder.
    Man(Man),
    /// Print a script by which a shell completes commands and options.
    Completions(Completions),
}

/// Options of `live`.
#[derive(Args, Debug, Default)]
#[command(after_help = "\
Examples:
  sudo migscope                                  everything that migrates
  sudo migscope live --driver amdgpu --slower-than 1ms
  sudo migscope live --totals-only               exact figures at the least cost: leave it running
  sudo migscope live --export json | jq .comm    without a dashboard, for other tools")]
pub struct Live {
    /// Write this format instead of drawing, until Ctrl-C
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub export: Option<Format>,
    /// With --export: the file to write, which appears when it is whole [default: standard output]
    #[arg(short, long, value_name = "FILE", requires = "export")]
    pub output: Option<Output>,
    /// With --export: replace a file that is there, unasked
    #[arg(long, requires = "export")]
    pub force: bool,
    /// With --export: stop after this time: seconds, or such as 500ms or 2m
    #[arg(long, value_name = "TIME", requires = "export")]
    pub duration: Option<Seconds>,
    /// How it looks.
    #[command(flatten)]
    pub look: Look,
    /// What to trace.
    #[command(flatten)]
    pub tracing: Tracing,
}

/// How the dashboard looks: before what the configuration file says.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Dashboard")]
pub struct Look {
    /// Colours [default: dark; monochrome if NO_COLOR is set]
    #[arg(long, value_enum, value_name = "NAME")]
    pub theme: Option<Theme>,
    /// What to show first [default: overview]
    #[arg(long, value_enum, value_name = "NAME")]
    pub tab: Option<Tab>,
    /// How often to draw, such as 1s or 500ms [default: 150ms]. Keys are answered at once
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub refresh: Option<Duration>,
}

/// What to trace, and how. Shared by the commands that trace.
#[derive(Args, Debug, Default)]
pub struct Tracing {
    /// Write no records, only the kernel's own totals and histograms, which are exact and cost
    /// least
    #[arg(
        long,
        conflicts_with_all = [
            "sample",
            "kernel_stacks",
            "user_stacks",
            "sub_steps",
            "off_cpu",
            "phases",
        ]
    )]
    pub totals_only: bool,
    /// Write a record of every N-th migration only; the totals still count all of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,
    /// The size of the buffer for records in the kernel, such as 64K or 16M: a power of two
    /// [default: 4M]
    #[arg(long, value_name = "SIZE")]
    pub ring_size: Option<RingSize>,
    /// Keep the kernel's stack of every migration: which path of the driver it came from
    #[arg(long)]
    pub kernel_stacks: bool,
    /// Keep the program's stack that led to each migration. Where a thread of the kernel migrates:
    /// that of the program's thread that called the driver last (ioctl)
    #[arg(long)]
    pub user_stacks: bool,
    /// Measure parts of setup (draining the LRU caches, MMU notifiers, reverse mappings, splits)
    /// and of the driver's steps (fences, locks and who holds them, allocation, mapping for DMA).
    /// About 1,000 instructions more per page that is mapped, and some for each page allocated
    #[arg(long)]
    pub sub_steps: bool,
    /// Measure how long the thread slept or waited in each step. About 100 instructions more per
    /// context switch of the machine
    #[arg(long)]
    pub off_cpu: bool,
    /// Do not follow waits: of CPUs that touch a page on a device, or one that somebody is
    /// migrating
    #[arg(long)]
    pub no_waits: bool,
    /// Follow what a device waits for as well, and what waits for it: hmm_range_fault, interval
    /// notifiers, exclusive access, invalidations by reason
    #[arg(long, conflicts_with = "no_waits")]
    pub device_side: bool,
    /// Do not note which mapping of its process a migration is in, and what that is called
    #[arg(long)]
    pub no_mappings: bool,
    /// Note in which phase the program is: where it marks phases by roctx or nvtx, in these
    /// libraries [default: those that processes have loaded, or that the dynamic linker finds], and
    /// where `migscope mark` tells
    #[arg(long, value_name = "FILE", num_args = 0.., value_delimiter = ',', require_equals = true)]
    pub phases: Option<Vec<PathBuf>>,
    /// How to hook the kernel's functions
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub attach: Attach,
    /// Which migrations to count.
    #[command(flatten)]
    pub only: Only,
}

/// How to hook the kernel's functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Attach {
    /// BPF trampolines where the kernel has them, else kprobes.
    #[default]
    Auto,
    /// BPF trampolines.
    Fentry,
    /// Kprobes: slower, on every kernel; all of them as fprobes where those have room for every
    /// call (Linux 6.14).
    Kprobe,
    /// Kprobes, each by itself: calls are lost while many threads sleep in the kernel's functions.
    SingleKprobe,
}

/// Parses one of a few values by its name.
fn named<T: Copy + Send + Sync + 'static>(
    values: &'static [T],
    name: fn(T) -> &'static str,
) -> impl clap::builder::TypedValueParser<Value = T> {
    let names = values.iter().map(|value| name(*value));
    PossibleValuesParser::new(names).map(move |text| {
        let found = values.iter().find(|value| name(**value) == text);
        *found.expect("the parser has checked that it is one of them")
    })
}

/// The size of a ring buffer in bytes: a power of two, and not less than a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSize(pub u32);

impl FromStr for RingSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = match text.find(|letter: char| !letter.is_ascii_digit()) {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let factor = match unit.trim_end_matches("iB") {
            "" => 1,
            "K" | "k" => 1 << 10,
            "M" => 1 << 20,
            _ => 0,
        };
        number
            .parse::<u32>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .filter(|size| size.is_power_of_two() && (4096..=1 << 30).contains(size))
            .map(Self)
            .ok_or("expected a power of two from 4K to 1024M, such as 64K or 16M")
    }
}

/// Options of `record`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sudo migscope record                           until Ctrl-C, to migscope-DATE-TIME.arrow
  sudo migscope record --duration 10 -o run.arrow
  sudo migscope record -o run.arrow -- ./train   while a program runs, as the user who called sudo
  sudo migscope record --rotate 1h --keep 24     the last day, in 24 files
  sudo migscope record -o - | migscope replay -  watch without a file

The file can be read while it grows. A file that is there is replaced only with --force, or after a question on a terminal. \
Recordings hold names of processes, so only the file's owner can read it.")]
pub struct Record {
    /// The file to write, - for standard output, or unix:PATH for a socket, where the recorder
    /// waits for a reader unless somebody listens there [default: migscope-DATE-TIME.arrow]
    #[arg(short, long, value_name = "FILE|-|unix:PATH")]
    pub output: Option<Output>,
    /// Replace a file that is there, unasked; with --rotate nothing is replaced, and --keep counts
    /// the files that earlier recordings left under this name, too
    #[arg(long)]
    pub force: bool,
    /// Stop after this time: seconds, or such as 500ms or 2m [default: at Ctrl-C or SIGTERM, or
    /// when the command ends]
    #[arg(long, value_name = "TIME")]
    pub duration: Option<Seconds>,
    /// Begin another file, FILE-2 and so on, at this size, such as 64M or 2G, or after this time,
    /// such as 10m or 1h; after the numbers of files that are there already
    #[arg(long, value_name = "SIZE|TIME")]
    pub rotate: Option<Rotate>,
    /// Keep only the last N of these files
    #[arg(long, value_name = "N", requires = "rotate", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// How long a migration waits at most to be written with others, which makes the recording
    /// smaller [default: 5s for a file, 200ms for whoever reads meanwhile]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub write_every: Option<Duration>,
    /// What to trace.
    #[command(flatten)]
    pub tracing: Tracing,
    /// A command to run; its end is that of the recording, and its exit status too
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Options of `replay`.
#[derive(Args, Debug)]
#[command(after_help = "\
A file opens at its end, with everything read: space plays it from the beginning, [ and ] jump, ? tells more.

Examples:
  migscope replay run.arrow
  migscope replay run*.arrow                     all files of a rotation, as one
  migscope replay --comm trainer run.arrow       begin with a filter, which / changes
  ssh gpu1 sudo migscope record -o - | migscope replay -
  migscope replay unix:/run/vm/records.sock")]
pub struct Replay {
    /// A recording, - for standard input, or unix:PATH for a socket; or the files of a rotation,
    /// which are one
    #[arg(value_name = "FILE|-|unix:PATH", required = true, num_args = 1..)]
    pub inputs: Vec<Input>,
    /// What the first line calls what is watched, in place of where it is read from
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// How it looks.
    #[command(flatten)]
    pub look: Look,
    /// Which migrations to show: what `/` changes.
    #[command(flatten)]
    pub only: Only,
}

/// Options of `report`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  migscope report run.arrow
  migscope report run*.arrow                     all files of a rotation, as one
  migscope report --pid 1200 --time 10s..20s run.arrow
                                                 of one process, in these ten seconds
  migscope report --json run.arrow | jq .steps
  migscope report --html run.html run.arrow      one page with plots, which opens without a network
  sudo migscope record --duration 10 -o - | migscope report -")]
pub struct Report {
    /// A recording, - for standard input, or unix:PATH for a socket; or the files of a rotation,
    /// which are one
    #[arg(value_name = "FILE|-|unix:PATH", required = true, num_args = 1..)]
    pub inputs: Vec<Input>,
    /// Print one JSON object with the same figures, unrounded
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    /// Write one page of HTML with the same figures and plots: a file, which appears when it is
    /// whole, or - for standard output
    #[arg(long, value_name = "FILE|-")]
    pub html: Option<Output>,
    /// With --html: replace a file that is there, unasked; never one that is read
    #[arg(long, requires = "html")]
    pub force: bool,
    /// Which migrations it is about.
    #[command(flatten)]
    pub only: Only,
}

/// Options of `diff`.
#[derive(Args, Debug)]
#[command(after_help = "\
Each figure has an interval in which its true change lies, with allowance for how many figures there are. Only what is worse by \
more than the threshold with its whole interval is called worse. Where nothing is, the verdict rests on the typical time of a page in calls that \
are alike: it is inconclusive where that may have got worse by more than the threshold or better by as much, or could not be compared. \
One recording a side tells how much migrations vary within a run, but not how much runs do: better are five or more a side, which \
`--base` and `--new` take. Files of one rotation are one run.

Exit status: 0 if it is the same or better, 1 if it is worse, 2 if something failed, 3 if it is inconclusive or unsure.

Examples:
  migscope diff before.arrow after.arrow
  migscope diff --direction to_device --driver amdgpu before.arrow after.arrow
  migscope diff --base old-*.arrow --new new-*.arrow --threshold 5
  git bisect run sh -c './record-it || exit 125
    migscope diff good.arrow run.arrow; s=$?; [ $s -le 1 ] || s=125; exit $s'
                                                 125: git skips what cannot be told")]
pub struct Diff {
    /// Two recordings: what it was, and what it is
    #[arg(value_names = ["BASE", "NEW"], num_args = 2, required_unless_present = "base", conflicts_with_all = ["base", "new"])]
    pub both: Vec<Input>,
    /// What it was: one or more recordings
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "new")]
    pub base: Vec<Input>,
    /// What it is: one or more recordings
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "base")]
    pub new: Vec<Input>,
    /// A time that is longer by up to so many percent is not worse
    #[arg(long, value_name = "PERCENT", default_value = "10")]
    pub threshold: Percent,
    /// A share of pages or waits that is larger by up to so many percentage points is not worse
    #[arg(long, value_name = "POINTS", default_value = "1")]
    pub share_threshold: Percent,
    /// Print one JSON object with the same figures, unrounded
    #[arg(long)]
    pub json: bool,
    /// Which migrations are compared, on both sides.
    #[command(flatten)]
    pub only: Only,
}

impl Diff {
    /// What it was, and what it is.
    pub fn sides(self) -> (Vec<Input>, Vec<Input>) {
        match <[Input; 2]>::try_from(self.both) {
            Ok([base, new]) => (vec![base], vec![new]),
            Err(_) => (self.base, self.new),
        }
    }
}

/// A number of percent, 0 or more; held as a share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .ok()
            .filter(|percent: &f64| percent.is_finite() && *percent >= 0.0)
            .map(|percent| Self(percent / 100.0))
            .ok_or("expected a number of 0 or more, such as 10 or 2.5")
    }
}

/// Options of `export`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  migscope export run.arrow --format json | jq 'select(.wasted_copy > 0)'
  migscope export run.arrow --format parquet -o run.parquet
  migscope export run.arrow --format perfetto -o run.pftrace
  migscope export run.arrow --format hgrm --step pages --direction to_device
  migscope export run.arrow --format flamegraph -o migrations.svg
  migscope export run.arrow --format csv --event wait")]
pub struct Export {
    /// A recording, - for standard input, or unix:PATH for a socket; or the files of a rotation,
    /// which are one
    #[arg(value_name = "FILE|-|unix:PATH", required = true, num_args = 1..)]
    pub inputs: Vec<Input>,
    /// The format to write
    #[arg(short, long, value_enum)]
    pub format: Format,
    /// With json, csv, parquet, folded and flamegraph: what a line or row is about
    #[arg(long, value_enum, value_name = "EVENT", default_value_t)]
    pub event: Event,
    /// With hgrm: of this step [default: of all together]
    #[arg(long, value_name = "STEP", value_parser = named(&Step::ALL, Step::name))]
    pub step: Option<Step>,
    /// The file to write, which appears when it is whole [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<Output>,
    /// Replace a file that is there, unasked; never one that is read
    #[arg(long)]
    pub force: bool,
    /// Which migrations are exported.
    #[command(flatten)]
    pub only: Only,
}

/// Options of `serve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Paths:
  /metrics     as text, OpenMetrics, or protocol buffers with native histograms, whichever is asked for
  /-/healthy   200 as long as it runs
  /-/ready     200 when there are figures, 503 before

Figures are the kernel's own totals: exact, whatever becomes of the records, and added up at a constant cost in memory. Counters \
and histograms begin at 0 when this starts. Every metric, an alert for each trouble and a dashboard: docs/metrics.md.

Examples:
  sudo migscope serve                            watch this machine from a Prometheus on it
  sudo migscope serve --listen 0.0.0.0:10469     ... from others: there is no password
  sudo migscope serve --listen unix:/run/migscope.sock
                                                 ... behind a proxy that asks for one
  sudo migscope serve --otlp http://localhost:4318
                                                 push to an OpenTelemetry collector, too
  sudo migscope serve --phases --top-mappings 10 tell phases of programs apart, and the arrays that
                                                 migrate most
  ssh gpu1 sudo migscope record -o - | migscope serve -
                                                 another machine's figures")]
pub struct Serve {
    /// A recording, - for standard input, or unix:PATH for a socket, to be served instead of this
    /// kernel
    #[arg(value_name = "FILE|-|unix:PATH", conflicts_with_all = ["records", "attach"])]
    pub input: Option<Input>,
    /// The address and port to listen on, where port 0 takes any that is free; or a socket in the
    /// file system
    #[arg(
        long,
        value_name = "ADDRESS:PORT|unix:PATH",
        default_value = "127.0.0.1:10469"
    )]
    pub listen: Address,
    /// Push to this OpenTelemetry collector (OTLP over HTTP), too
    #[arg(long, value_name = "URL")]
    pub otlp: Option<Endpoint>,
    /// Push this often: seconds, or such as 500ms or 2m
    #[arg(long, value_name = "TIME", default_value = "15", requires = "otlp")]
    pub otlp_interval: Seconds,
    /// Buckets of classic histograms in each power of two: 1, 2, 4 ... 64. Each is a series of its
    /// own for each step, direction and cause; native histograms are as exact as 64 of them at less
    /// cost
    #[arg(long, value_name = "N", default_value = "2")]
    pub buckets: PerOctave,
    /// Have the kernel write records as well, which tell drivers apart
    #[arg(long)]
    pub records: bool,
    /// Have series of the K processes, at most 100, whose migrations take most time; they come from
    /// records
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    pub processes: u8,
    /// Follow phases of programs, as `record --phases` does, and have series of those in which
    /// migrations take most time; they come from records. Of a recording: of the phases in it
    #[arg(long, value_name = "FILE", num_args = 0.., value_delimiter = ',', require_equals = true)]
    pub phases: Option<Vec<PathBuf>>,
    /// With --phases: of how many phases there are series, at most 100. All others are one more
    #[arg(long, value_name = "K", default_value_t = 20, requires = "phases", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub top_phases: u8,
    /// Have series of the K mappings of processes, at most 100, in which migrations take most time,
    /// and of all others together; they come from records
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    pub top_mappings: u8,
    /// Give every series this label; may be said several times, each with a name of its own
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<Constant>,
    /// How to hook the kernel's functions
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub attach: Attach,
    /// Which migrations to count.
    #[command(flatten)]
    pub only: Only,
}

/// Options of `stuck`.
#[derive(Args, Debug)]
#[command(after_help = "\
It attaches the probes, watches for as long as --older-than says and a little longer, and tells which calls are under way for \
longer than that: in which step, for whom, and what their threads are in. A call that began before it came is told if its thread is \
in one of the kernel's functions all the time; how long it has been there is unknown. A driver that hangs between those functions since \
before then is not seen: have it wait for the next one with --wait, or leave 'migscope serve' running, whose metric \
migscope_oldest_in_flight_seconds tells of any.

Exit status: 0 if nothing hangs, 1 if something does, 2 if it could not look.

Examples:
  sudo migscope stuck
  sudo migscope stuck --wait 1h                  until something hangs, an hour at most
  sudo migscope stuck --older-than 10s --json | jq '.calls[].stack'
  sudo migscope stuck || systemctl restart trainer")]
pub struct Stuck {
    /// Calls that are under way for longer than this: seconds, or such as 500ms or 2m
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub older_than: Seconds,
    /// Go on watching until something hangs, for this time at most
    #[arg(long, value_name = "TIME")]
    pub wait: Option<Seconds>,
    /// Print one JSON object with the same, times in nanoseconds
    #[arg(long)]
    pub json: bool,
}

/// Options of `doctor`.
#[derive(Args, Debug)]
#[command(after_help = "\
It looks at the kernel's version, BPF compiler and function tracer; capabilities, symbols and lockdown; every function \
that is hooked and every field that is read; the clock and its smallest step; the memory controller's cgroups; and the \
drivers that migrate. All of it is read from /proc, /sys and the files of loaded modules; with the permission to do so, the \
tracer is then loaded, attached and removed again.

Exit status: 0 if this machine can be traced, perhaps with limits; 1 if it cannot; 2 if it could not be found out.

Examples:
  sudo migscope doctor
  sudo migscope doctor --json | jq '.checks[] | select(.state != \"good\")'")]
pub struct Doctor {
    /// Print one JSON object: `verdict`, and `checks` with `group`, `name`, `state`, `found` and
    /// `advice`. States are good, limited, missing and unknown
    #[arg(long)]
    pub json: bool,
}

/// Options of `man`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  migscope man record | man -l -
  sudo migscope man -o /usr/local/share/man/man1")]
pub struct Man {
    /// The command whose page is printed [default: the page of all]
    #[arg(conflicts_with = "output")]
    pub command: Option<String>,
    /// Write every page to this folder
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// Options of `completions`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  source <(migscope completions bash)
  migscope completions zsh > ~/.zfunc/_migscope
  migscope completions fish > ~/.config/fish/completions/migscope.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// A time above 0: a number of seconds, or a number with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seconds(pub Duration);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = time(text).ok().filter(|time| !time.is_zero());
        time.map(Self)
            .ok_or("expected a number of seconds above 0, such as 10 or 0.5, or a time such as 500ms or 2m")
    }
}

/// When a recording goes on in another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// At so many bytes.
    Size(u64),
    /// After this time.
    Time(Duration),
}

impl FromStr for Rotate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unit = |letter: &str, shift: u32| {
            let number = text.trim_end_matches("iB").strip_suffix(letter)?;
            number.parse::<u64>().ok()?.checked_mul(1 << shift)
        };
        let size = unit("K", 10).or(unit("M", 20)).or(unit("G", 30));
        let time = || humantime::parse_duration(text).ok().map(Self::Time);
        size.map(Self::Size)
            .or_else(time)
            .filter(|rotate| !matches!(rotate, Self::Size(0) | Self::Time(Duration::ZERO)))
            .ok_or("expected a size such as 64M or 2G, or a time such as 10m or 1h")
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
    fn ring_sizes() {
        assert_eq!("64K".parse(), Ok(RingSize(65_536)));
        assert_eq!("1MiB".parse(), Ok(RingSize(1 << 20)));
        for wrong in ["63K", "1K", "0", "4G", "99999999M", "K", ""] {
            assert!(wrong.parse::<RingSize>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_times_of_rotation() {
        assert_eq!("64M".parse(), Ok(Rotate::Size(64 << 20)));
        assert_eq!("2GiB".parse(), Ok(Rotate::Size(2 << 30)));
        assert_eq!("10m".parse(), Ok(Rotate::Time(Duration::from_secs(600))));
        for wrong in ["0M", "0s", "64", "M", "99999999999999999999G", ""] {
            assert!(wrong.parse::<Rotate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sides_of_a_comparison() {
        let sides = |arguments: &str| {
            let arguments = arguments.split_whitespace();
            let cli = Cli::try_parse_from(["migscope", "diff"].into_iter().chain(arguments))?;
            let Some(Command::Diff(diff)) = cli.command else {
                panic!("it is a diff");
            };
            let names =
                |inputs: Vec<Input>| inputs.iter().map(Input::to_string).collect::<Vec<_>>();
            let (base, new) = diff.sides();
            Ok::<_, clap::Error>([names(base), names(new)])
        };
        let expected: [Vec<String>; 2] = [vec!["a".into()], vec!["b".into()]];
        assert_eq!(sides("a b").unwrap(), expected);
        let expected: [Vec<String>; 2] = [vec!["a".into(), "b".into()], vec!["c".into()]];
        assert_eq!(sides("--base a b --new c --json").unwrap(), expected);
        for wrong in [
            "",
            "a",
            "a b c",
            "--base a",
            "a b --base c --new d",
            "a b --threshold x",
        ] {
            assert!(sides(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_time_may_be_a_number_of_seconds() {
        let live = "live --pid 1 --refresh 0.5 --slower-than 2";
        let cli = Cli::try_parse_from(format!("migscope {live}").split(' ')).unwrap();
        let Some(Command::Live(live)) = cli.command else {
            panic!("it is live");
        };
        assert_eq!(live.look.refresh, Some(Duration::from_millis(500)));
        assert_eq!(time("2"), Ok(Duration::from_secs(2)));
        assert_eq!(time("500us"), Ok(Duration::from_micros(500)));
        assert!(
            ["", "-1", "5x", "nan"]
                .iter()
                .all(|wrong| time(wrong).is_err())
        );
    }

    #[test]
    fn seconds() {
        assert_eq!("0.5".parse(), Ok(Seconds(Duration::from_millis(500))));
        for (text, ms) in [("5s", 5000), ("500ms", 500), ("2m", 120_000), ("7", 7000)] {
            assert_eq!(text.parse(), Ok(Seconds(Duration::from_millis(ms))));
        }
        for wrong in [
            "0",
            "0s",
            "-1",
            "nan",
            "inf",
            "1e30",
            "ten",
            "5 parsecs",
            "",
        ] {
            assert!(wrong.parse::<Seconds>().is_err(), "{wrong}");
        }
    }
}
