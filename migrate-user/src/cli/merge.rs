//! Options of `merge`.

use std::path::PathBuf;

use clap::Args;

use crate::recording::Output;
use crate::source::Input;

/// Options of `merge`.
#[derive(Args, Debug)]
#[command(after_help = "\
What the trace can be: an SQLite export of Nsight Systems, an SQLite database of rocprofv3 (rocpd), any Perfetto trace. \
Both have to be of the same boot of the same machine, and have to say so by their clocks: what cannot be put on one clock is refused.

Examples:
  nsys export --type sqlite -o train.sqlite train.nsys-rep
  migscope merge run.arrow train.sqlite -o both.pftrace
  migscope merge run.arrow train_results.db -o both.pftrace
  migscope merge run.arrow perfetto-trace.proto -o both.pftrace
                                                 open any of them at ui.perfetto.dev")]
pub struct Merge {
    /// A recording, - for standard input, or unix:PATH for a socket
    #[arg(value_name = "RECORDING")]
    pub recording: Input,
    /// The trace that the profiler wrote
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,
    /// The file to write, which appears when it is whole [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<Output>,
    /// Replace a file that is there, unasked
    #[arg(long)]
    pub force: bool,
    /// The trace is of the machine and boot of the recording, though it says otherwise, as one from
    /// a container does that has another name
    #[arg(long)]
    pub same_machine: bool,
}
