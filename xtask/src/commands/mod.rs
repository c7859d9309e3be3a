//! The commands, except for the tests, which have a folder of their own.

pub(crate) mod build;
pub(crate) mod clippy;
mod dashboard;
pub(crate) mod dist;
pub(crate) mod fuzz;
mod licences;
pub(crate) mod list;
pub(crate) mod pictures;
pub(crate) mod run;
pub(crate) mod vm;
