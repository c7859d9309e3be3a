//! The commands, each with its options; the tests have a folder of their own.

pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod clippy;
pub(crate) mod dist;
pub(crate) mod fuzz_module;
pub(crate) mod pictures;
pub(crate) mod run;
pub(crate) mod soak;
pub(crate) mod vm;
