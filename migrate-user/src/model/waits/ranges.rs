//! Ranges that a device asks about again and again.

use std::cmp::Reverse;

use super::super::sets::{Entry, Sets};
use super::WaitSums;
use crate::trace::{Wait, WaitKind, WaitResult};

/// What a device asked about one range of a process: `hmm_range_fault`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The process.
    pub pid: u32,
    /// Where the range begins.
    pub address: u64,
    /// Pages that the last call asked about. Unit: base pages.
    pub pages: Option<u64>,
    /// All calls.
    pub sums: WaitSums,
    /// The most calls in a row that had to be tried again.
    pub longest: u64,
    /// Such calls in a row, now.
    now: u64,
}

impl Entry for Range {
    type Key = (u32, u64);

    fn key(&self) -> Self::Key {
        (self.pid, self.address)
    }

    fn weight(&self) -> (u64, u64) {
        (self.sums.retries, self.sums.total_ns)
    }
}

/// All that were told apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(Sets<Range>);

impl Ranges {
    /// Adds one wait, if it is of this kind.
    pub(super) fn count(&mut self, wait: &Wait) {
        let (WaitKind::RangeFault, Some(pid), Some(address)) = (wait.kind, wait.pid, wait.address)
        else {
            return;
        };
        let hash = address >> 12 ^ u64::from(pid) << 40;
        let range = self.0.entry((pid, address), hash, || Range {
            pid,
            address,
            pages: None,
            sums: WaitSums::default(),
            longest: 0,
            now: 0,
        });
        range.pages = wait.pages;
        range.sums.count(wait);
        let is_retry = wait.result == WaitResult::Retry;
        range.now = if is_retry { range.now + 1 } else { 0 };
        range.longest = range.longest.max(range.now);
    }

    /// Those with calls in vain, those that took most time so first.
    pub(super) fn sorted(&self) -> Vec<&Range> {
        let mut all: Vec<_> = self.0.iter().filter(|of| of.sums.retries > 0).collect();
        all.sort_by_key(|of| (Reverse(of.sums.retries_ns), of.pid, of.address));
        all
    }
}
