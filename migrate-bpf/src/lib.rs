//! What migscope asks of bpf(2) that aya 0.14 does not offer, behind functions that are safe to
//! call. All `unsafe` of user space is here.
//!
//! - [`Mapped`] reads a map as memory. Each system call that reads a map keeps the kernel from
//!   running kprobes' programs on that processor until it is over, so that a tracer which looks
//!   often would make itself blind.
//! - [`multi`] hooks functions by `kprobe.multi` (Linux 5.18), which is made of fprobes.
//! - [`link`] hooks functions by kprobes of their own, and says how often a link did not run its
//!   program.

mod info;
pub mod link;
mod mapped;
pub mod multi;
mod syscall;

pub use mapped::Mapped;
