//! Two runs, or two groups of runs: what has changed, how sure that is, and whether it got worse.
//! `docs/diff.md` says how.

mod alike;
mod bootstrap;
mod durations;
mod figure;
mod interval;
mod parts;
mod sample;
mod verdict;
mod waits;
mod why;

pub use figure::{Figure, part_name, wait_name};
pub use interval::{FEWEST, Unit};
pub use sample::Sample;
pub use verdict::{Comparison, Figures, Limits, Verdict, compare};

#[cfg(test)]
mod tests;
