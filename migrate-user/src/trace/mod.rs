//! The vocabulary: what every other part of the program has words for. It imports none of them.

pub mod filter;
mod time;

pub use filter::{Filter, Run};
pub use time::time;
