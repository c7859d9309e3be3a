//! A recording beside traces of other tools: in the right order, and what does not fit is refused.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/program.rs"]
mod program;

mod broken;
mod nsys;
mod perfetto;
mod played;
mod rocpd;
mod scene;
