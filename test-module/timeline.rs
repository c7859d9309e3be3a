// SPDX-License-Identifier: GPL-2.0

//! When the kernel was called.

use crate::clock::{Stamp, now};

/// Right before and right after a call.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) from: Stamp,
    pub(crate) to: Stamp,
}

impl Span {
    /// Nothing comes between the stamps but the call.
    #[inline(always)]
    pub(crate) fn of<T>(call: impl FnOnce() -> T) -> (Self, T) {
        let from = now();
        let result = call();
        let to = now();
        (Self { from, to }, result)
    }
}

/// The calls that were made.
#[derive(Clone, Copy, Default)]
pub(crate) struct Timeline {
    /// From the first setup to the last, where there are several.
    pub(crate) setup: Option<Span>,
    /// What passed between them, nanoseconds.
    pub(crate) pauses: u64,
    pub(crate) pages: Option<Span>,
    pub(crate) finalize: Option<Span>,
}
