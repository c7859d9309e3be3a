//! Drives `/dev/migrate_test`: makes the driver migrate memory in the ways that its scenarios
//! describe, checks that every byte survives, and writes down what the driver says it did (the
//! truth file).

pub mod area;
pub mod askers;
pub mod bench;
pub mod blind;
pub mod churn;
pub mod cli;
pub mod clock;
pub mod control;
pub mod crowd;
pub mod device;
pub mod fuzz;
pub mod held;
pub mod maps;
pub mod memory;
pub mod pagemap;
pub mod pattern;
pub mod phases;
pub mod process;
pub mod processor;
pub mod reach;
pub mod request;
pub mod rng;
pub mod round_trips;
pub mod run;
pub mod scenario;
pub mod shared;
pub mod signals;
pub mod stack;
pub mod swap;
pub mod truth;
#[path = "../../uapi.rs"]
pub mod uapi;
pub mod userfault;
pub mod worker;
