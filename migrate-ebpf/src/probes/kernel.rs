//! What the running kernel's structures look like. The only file that reads them.
//!
//! Linux: `struct migrate_vma` and the `MIGRATE_*` flags of `include/linux/migrate.h`.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_probe_read_kernel};
use migrate_ebpf::wire::{Direction, OFFSET_UNKNOWN, Trigger, UNKNOWN};

use crate::{
    config::{config, names_payer},
    in_flight::{Call, Identity},
};

/// `MIGRATE_PFN_VALID`: a page stands behind the entry.
pub(crate) const VALID: u64 = 1 << 0;
/// `MIGRATE_PFN_MIGRATE`: collected, and later: migrated.
pub(crate) const MIGRATE: u64 = 1 << 1;
/// `MIGRATE_PFN_COMPOUND`: the entry stands for a whole folio. In older kernels the bit is never set.
pub(crate) const COMPOUND: u64 = 1 << 4;

/// `MIGRATE_VMA_SELECT_SYSTEM`
const SELECT_SYSTEM: u64 = 1 << 0;
/// `MIGRATE_VMA_SELECT_COMPOUND`; older kernels have no such bit.
const SELECT_COMPOUND: u64 = 1 << 3;

/// Base pages behind a compound entry.
#[inline(always)]
pub(crate) fn compound_pages() -> u64 {
    u64::from(config!(compound_pages))
}

/// Notes what an eviction by `migrate_device_range` or `migrate_device_pfns` asks for, which knows of no address.
#[inline(always)]
pub(crate) fn plan_eviction(call: &mut Call, src_pfns: u64, npages: u64) {
    call.arrays.src = src_pfns;
    call.arrays.entries = npages;
    call.compound = 1;
    let record = &mut call.record;
    record.address = UNKNOWN;
    record.ledger.requested = npages;
    record.pgmap_owner = 0;
    record.cgroup = UNKNOWN;
    record.direction = Direction::ToSystem as u8;
    record.trigger = Trigger::Eviction as u8;
}

/// `struct migrate_vma *`, however it is read.
pub(crate) trait MigrateVma: Copy {
    /// Where it lies.
    fn address(self) -> u64;

    /// The word at this offset.
    fn word(self, offset: u32) -> u64;

    /// This thread's call.
    #[inline(always)]
    fn identity(self) -> Identity {
        Identity::vma(self.address())
    }

    /// Notes what is asked for. Each field as it is read: what waits for others goes by the stack.
    #[inline(always)]
    fn plan(self, call: &mut Call) {
        call.arrays.src = self.word(config!(vma.src));
        let flags = field(self, config!(vma.flags));
        // Without flags nobody says that entries are pages.
        call.compound = flags.map_or(1, |flags| u32::from(flags & SELECT_COMPOUND != 0));
        let record = &mut call.record;
        record.direction = direction(flags) as u8;
        record.trigger = trigger(field(self, config!(vma.fault_page))) as u8;
        (record.address, record.ledger.requested) = range(self);
        record.pgmap_owner = field(self, config!(vma.pgmap_owner)).unwrap_or(0);
        record.cgroup = if names_payer() { payer() } else { UNKNOWN };
    }

    /// `npages`: how many entries setup filled.
    #[inline(always)]
    fn entries(self) -> u64 {
        self.word(config!(vma.npages))
    }

    /// The array of destinations.
    #[inline(always)]
    fn dst(self) -> u64 {
        self.word(config!(vma.dst))
    }

    /// `cpages`: what setup collected, in entries.
    #[inline(always)]
    fn collected_entries(self) -> u64 {
        self.word(config!(vma.cpages))
    }
}

/// An argument of a function that is hooked with BTF: the verifier knows its type, and makes a load through it safe whatever it
/// points to. A load is a handful of instructions.
#[derive(Clone, Copy)]
pub(crate) struct Typed(pub(crate) *const c_void);

impl MigrateVma for Typed {
    #[inline(always)]
    fn address(self) -> u64 {
        self.0 as u64
    }

    #[inline(always)]
    fn word(self, offset: u32) -> u64 {
        // SAFETY: a load through a pointer that the verifier tracks as `struct migrate_vma *`, at an offset of
        // that structure; were the memory gone, the load would give 0.
        unsafe { *self.0.byte_add(offset as usize).cast::<u64>() }
    }
}

/// An address that nothing is known about, as kprobes give it. A load is a call of a helper.
#[derive(Clone, Copy)]
pub(crate) struct Untyped(pub(crate) u64);

impl MigrateVma for Untyped {
    #[inline(always)]
    fn address(self) -> u64 {
        self.0
    }

    #[inline(always)]
    fn word(self, offset: u32) -> u64 {
        // As a typed load would do, it gives 0 where there is no memory.
        read_word(self.0.wrapping_add(u64::from(offset))).unwrap_or(0)
    }
}

/// The range: first address and base pages, counted as setup counts them (it rounds both ends down).
#[inline(always)]
fn range(migrate: impl MigrateVma) -> (u64, u64) {
    let shift = config!(page_shift);
    let start = migrate.word(config!(vma.start)) >> shift;
    let end = migrate.word(config!(vma.end)) >> shift;
    (start << shift, end.saturating_sub(start))
}

#[inline(always)]
fn field(migrate: impl MigrateVma, offset: u32) -> Option<u64> {
    (offset != OFFSET_UNKNOWN).then(|| migrate.word(offset))
}

/// `SELECT_SYSTEM` decides: with it, system pages go to a device, also where the device's own pages are
/// collected along the way.
#[inline(always)]
fn direction(flags: Option<u64>) -> Direction {
    match flags {
        Some(flags) if flags & SELECT_SYSTEM != 0 => Direction::ToDevice,
        Some(_) => Direction::ToSystem,
        None => Direction::Unknown,
    }
}

#[inline(always)]
fn trigger(fault_page: Option<u64>) -> Trigger {
    match fault_page {
        Some(0) => Trigger::Driver,
        Some(_) => Trigger::Fault,
        None => Trigger::Unknown,
    }
}

/// `migrate_vma::cpages` of the structure at this address; `None` if it cannot be read.
#[inline(always)]
pub(crate) fn collected_entries(migrate_vma: u64) -> Option<u64> {
    read_word(migrate_vma.wrapping_add(u64::from(config!(vma.cpages))))
}

/// The id of the memory cgroup that pays for this thread's address space, `UNKNOWN` where this kernel does not tell.
///
/// Linux: `get_mem_cgroup_from_mm` in `mm/memcontrol.c`, which charges the cgroup of `mm->owner`.
#[inline(always)]
pub(crate) fn payer() -> u64 {
    if config!(payer.task_mm) == OFFSET_UNKNOWN {
        return UNKNOWN;
    }
    // SAFETY: the helper takes nothing.
    let mut at = unsafe { bpf_get_current_task_btf() } as *const c_void;
    for offset in [
        config!(payer.task_mm),
        config!(payer.mm_owner),
        config!(payer.task_cgroups),
        config!(payer.css_set_memory),
        config!(payer.css_cgroup),
        config!(payer.cgroup_kn),
    ] {
        // SAFETY: the verifier tracks the type of each of these pointers, and makes loads through them safe.
        at = unsafe { *at.byte_add(offset as usize).cast::<*const c_void>() };
        // Newer verifiers want to see this; and a kernel thread has no address space.
        if at.is_null() {
            return UNKNOWN;
        }
    }
    let offset = config!(payer.kn_id) as usize;
    // SAFETY: as above.
    unsafe { *at.byte_add(offset).cast::<u64>() }
}

/// `task_struct::comm` of this thread: its command name.
#[inline(always)]
pub(crate) fn command() -> [u64; 2] {
    // SAFETY: the helper takes nothing.
    let task = unsafe { bpf_get_current_task_btf() } as *const c_void;
    let offset = config!(task_comm) as usize;
    // SAFETY: loads through a pointer that the verifier tracks as `struct task_struct *`.
    unsafe {
        let comm = task.byte_add(offset).cast::<u64>();
        [*comm, *comm.add(1)]
    }
}

#[inline(always)]
fn read_word(address: u64) -> Option<u64> {
    let mut word = 0;
    // SAFETY: there is room for one word.
    unsafe { read_entries(&raw mut word, address, 1) }.then_some(word)
}

/// Copies `entries` words of an array of the kernel's; false if it cannot be read.
///
/// # Safety
///
/// `to` has room for `entries` words.
#[inline(always)]
pub(crate) unsafe fn read_entries(to: *mut u64, from: u64, entries: u32) -> bool {
    // SAFETY: the helper writes at most the bytes it is told, for which the caller promises room; it fails, and
    // does not fault, on an address that cannot be read.
    unsafe { bpf_probe_read_kernel(to.cast(), entries * 8, from as *const c_void) == 0 }
}
