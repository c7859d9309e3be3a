//! What `migscope` is made of.
//!
//! Data flows one way, and nothing upstream knows what is downstream of it:
//!
//! - [`trace`] is the vocabulary of everything here: migrations, totals, statuses, facts, filters.
//! - [`recording`] turns batches into an Arrow IPC stream and back.
//! - [`kernel`] traces this machine's own kernel; [`machine`] says what that is.
//! - [`doctor`] looks at the machine, and says what stands in the way of tracing it.
//! - [`privilege`] is given up once tracing has begun.
//! - [`source`] yields batches, from the kernel or from a recording.
//! - [`model`] turns batches into state. It is pure: no input or output, no clock, no terminal.
//! - [`insight`] says what the model's figures mean, and [`compare`] how those of two runs differ.
//! - [`report`], [`dashboard`] and [`export`] read the model or the batches and never change them;
//!   the first two say the same, by `figures`.
//! - [`merge`] puts a recording beside the trace of a GPU's profiler.
//! - [`serve`] answers monitoring systems with what [`export`] writes, over HTTP.
//! - [`config`] is the configuration file.
//! - [`cli`] is the command line, [`shorthand`] what it means without a command, and [`command`]
//!   puts the others together for each command.
#![forbid(unsafe_code)]

pub mod cli;
pub mod command;
pub mod compare;
pub mod config;
pub mod dashboard;
mod error;
pub mod export;
mod figures;
pub mod insight;
pub mod merge;
pub mod model;
pub mod report;
pub mod serve;
pub mod shorthand;
mod signals;
pub mod source;
mod tell;
pub mod text;

pub use error::Error;
pub use migscope_recording::{recording, trace};
pub use migscope_tracer::{doctor, kernel, machine, privilege, threads};
pub use tell::{tell, tell_lines};
