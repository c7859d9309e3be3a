//! What the host and the test VM's init say to each other.
//!
//! The host puts a [`job::Job`] into the initramfs; the guest answers on its console with one
//! [`verdict::Verdict`]; in between, [`control`] lines go through a port of their own.
#![forbid(unsafe_code)]

pub mod control;
pub mod job;
pub mod verdict;
