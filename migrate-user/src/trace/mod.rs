//! The vocabulary: what every other part of the program has words for. It imports none of them.

pub mod filter;

pub use filter::{Filter, Run};
