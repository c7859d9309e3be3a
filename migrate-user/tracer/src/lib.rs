//! This machine's kernel, traced.
//!
//! - [`kernel`] loads the probes, attaches them, and decodes what they report.
//! - [`machine`] tells of this machine's clocks, and what else a recording has to say of it.
//! - [`doctor`] looks at the machine, and says what stands in the way of tracing it.
//! - [`threads`] tells which threads are in a migration, by their stacks.
//! - [`privilege`] is given up once tracing has begun.
//!
//! It prints nothing: what is to be told is returned, or given to whoever asked for it. The probes
//! are built in; without them this crate is built all the same, and tracing says what is missing.
#![forbid(unsafe_code)]

pub mod doctor;
pub mod kernel;
pub mod machine;
mod memory_cgroups;
pub mod privilege;
pub mod threads;
