// SPDX-License-Identifier: GPL-2.0 OR MIT OR Apache-2.0

//! Playing real drivers: a part of `uapi.rs`.

use super::{Ledger, Strike};

/// Which driver [`PLAY`](super::PLAY) plays, and at what. `docs/test-driver.md` says how each goes
/// about it.
pub mod play {
    /// nvidia-uvm: the device faults; its bottom half, a kernel thread, brings the pages.
    pub const UVM_FAULT: u32 = 1;
    /// nvidia-uvm: pages of the range that are on the device go home, each with a setup of its own.
    pub const UVM_EVICT: u32 = 2;
    /// nvidia-uvm, where devices' memory is a node: pages go to system memory of
    /// [`Play::node`](super::Play::node).
    pub const UVM_NUMA: u32 = 3;
    /// amdgpu: the device faults; a work item brings the pages.
    pub const AMDGPU_FAULT: u32 = 4;
    /// amdgpu: the process asks for the pages to be moved ahead.
    pub const AMDGPU_PREFETCH: u32 = 5;
    /// amdgpu: a work item has the range's pages go home.
    pub const AMDGPU_EVICT: u32 = 6;
    /// xe: the device faults; a worker brings all pages or none, from other devices too.
    pub const XE_FAULT: u32 = 7;
    /// xe: the process asks for that.
    pub const XE_PREFETCH: u32 = 8;
    /// xe: a worker touches the range's pages as another device would, which has them go home.
    pub const XE_TOUCH: u32 = 9;
    /// xe: pages of the range that are on the device go home, wherever they are mapped, but for
    /// those that [`Play::skip`](super::Play::skip) strikes: they are collected, and left alone.
    pub const XE_EVICT: u32 = 10;
    /// nouveau: the device faults; a work item brings the pages, call by call with one structure.
    pub const NOUVEAU_FAULT: u32 = 11;
    /// nouveau: the process asks for that.
    pub const NOUVEAU_PREFETCH: u32 = 12;
    /// nouveau: all of the device's memory is cleared, with destinations for large pages that the
    /// kernel does not take. The range says nothing.
    pub const NOUVEAU_EVICT: u32 = 13;
    /// No real driver, but one that breaks a rule: pages go to the device, and positions at which
    /// setup collected nothing are given a destination and marked as collected. (It takes them for
    /// holes, and counts them so.)
    pub const ROGUE_CLAIM: u32 = 14;
    /// The same: pages of the device are collected, and if there were none, pages and finalize are
    /// called with arrays of no entries at address 0.
    pub const ROGUE_VANISH: u32 = 15;
}

/// Bits of [`Play::flags`].
pub mod play_flags {
    /// Finalize without pages: something has changed meanwhile, and all of it will be tried again.
    pub const ROLL_BACK: u32 = 1 << 0;
    /// [`play::UVM_EVICT`](super::play::UVM_EVICT): last page first. Without either of these, first
    /// page first.
    pub const DESCENDING: u32 = 1 << 1;
    /// The same: in an order that [`Play::seed`](super::Play::seed) chooses.
    pub const SHUFFLED: u32 = 1 << 2;
    /// [`play::UVM_FAULT`](super::play::UVM_FAULT): the device will reach the pages in system
    /// memory: those that are on the device go home, the others are collected and stay.
    pub const TO_SYSTEM: u32 = 1 << 3;
    /// Every bit that has a meaning. Others are `EINVAL`.
    pub const ALL: u32 = ROLL_BACK | DESCENDING | SHUFFLED | TO_SYSTEM;
}

/// Most pages that [`play::UVM_EVICT`] takes with one array, as many as a block of nvidia-uvm's
/// has, and that [`play::XE_TOUCH`] touches.
pub const MAX_BLOCK: u64 = 512;

/// Argument of [`PLAY`](super::PLAY): a range, and how a real driver would treat it. It may take
/// several migrations. All their truths are in the log.
///
/// Refused as for [`Migrate`](super::Migrate); `EINVAL` for an unknown mode, and for more pages
/// than [`MAX_BLOCK`] where they limit it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Play {
    /// First address, a multiple of the page size.
    pub address: u64,
    /// Length in base pages.
    pub pages: u64,
    /// One of [`play`].
    pub mode: u32,
    /// Bits of [`play_flags`].
    pub flags: u32,
    /// Most pages in one migration; 0: all.
    pub batch: u64,
    /// Makes choices.
    pub seed: u64,
    /// Positions that are left out. Where it strikes is for the mode to say.
    pub skip: Strike,
    /// The node that pages are to go to.
    pub node: u32,
    /// 0.
    pub reserved: u32,
    /// Time to spend between setup and pages, asleep.
    pub delay_ns: u64,
    /// Out: how many migrations were made.
    pub migrations: u64,
    /// Out: the sum of their ledgers.
    pub ledger: Ledger,
}
