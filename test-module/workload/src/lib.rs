//! Drives `/dev/migrate_test`: makes the driver migrate memory in the ways that its scenarios describe, checks that
//! every byte survives, and writes down what the driver says it did (the truth file).

pub mod area;
pub mod cli;
pub mod device;
pub mod pattern;
pub mod rng;
pub mod round_trips;
pub mod run;
pub mod scenario;
pub mod signals;
pub mod truth;
#[path = "../../uapi.rs"]
pub mod uapi;
pub mod worker;
