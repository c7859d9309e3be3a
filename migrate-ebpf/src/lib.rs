//! The wire format: the one definition of what crosses from the kernel to user space.
//!
//! Both sides compile this file, so that they cannot disagree. Everything is a fixed-size integer
//! with explicit padding; sizes are asserted at compile time; [`wire::VERSION`] changes with the
//! layout, and is compared before anything is attached.
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

pub mod wire;
