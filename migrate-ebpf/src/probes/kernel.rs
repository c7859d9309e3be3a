//! What the running kernel's structures look like. The only file that reads them.
//!
//! Linux: `struct migrate_vma` and the `MIGRATE_*` flags of `include/linux/migrate.h`.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use migrate_ebpf::wire::{Config, Direction, OFFSET_UNKNOWN, Trigger, UNKNOWN};

use crate::in_flight::{Arrays, Identity};

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

/// Set by user space before loading; zero would make every field alias the first.
#[unsafe(no_mangle)]
static CONFIG: Config = Config {
    src: OFFSET_UNKNOWN,
    dst: OFFSET_UNKNOWN,
    npages: OFFSET_UNKNOWN,
    cpages: OFFSET_UNKNOWN,
    start: OFFSET_UNKNOWN,
    end: OFFSET_UNKNOWN,
    pgmap_owner: OFFSET_UNKNOWN,
    flags: OFFSET_UNKNOWN,
    fault_page: OFFSET_UNKNOWN,
    compound_pages: 1,
    page_shift: 12,
};

/// One value of [`CONFIG`]. Volatile, or the compiler would use what stands in the source.
macro_rules! config {
    ($field:ident) => {
        // SAFETY: a field of a static.
        unsafe { core::ptr::read_volatile(&raw const CONFIG.$field) }
    };
}

/// Base pages behind a compound entry.
#[inline(always)]
pub(crate) fn compound_pages() -> u64 {
    u64::from(config!(compound_pages))
}

/// What a driver asks for.
pub(crate) struct Plan {
    /// First address, or `UNKNOWN`.
    pub(crate) address: u64,
    /// Base pages.
    pub(crate) requested: u64,
    pub(crate) pgmap_owner: u64,
    pub(crate) direction: Direction,
    pub(crate) trigger: Trigger,
    /// Large folios are to be collected as one entry.
    pub(crate) compound: bool,
    pub(crate) arrays: Arrays,
}

impl Plan {
    /// Of an eviction by `migrate_device_range` or `migrate_device_pfns`, which knows of no address.
    #[inline(always)]
    pub(crate) fn eviction(src_pfns: u64, npages: u64) -> Self {
        Self {
            address: UNKNOWN,
            requested: npages,
            pgmap_owner: 0,
            direction: Direction::ToSystem,
            trigger: Trigger::Eviction,
            compound: true,
            arrays: Arrays {
                src: src_pfns,
                dst: 0,
                entries: npages,
            },
        }
    }
}

/// `struct migrate_vma *`, an argument of the probed function: the verifier knows its type and makes a load
/// through it safe whatever it points to.
#[derive(Clone, Copy)]
pub(crate) struct MigrateVma(pub(crate) *const c_void);

impl MigrateVma {
    /// This thread's call.
    #[inline(always)]
    pub(crate) fn identity(self) -> Identity {
        Identity::vma(self.0 as u64)
    }

    /// What is asked for.
    #[inline(always)]
    pub(crate) fn plan(self) -> Plan {
        let (address, requested) = self.range();
        Plan {
            address,
            requested,
            pgmap_owner: self.pgmap_owner(),
            direction: self.direction(),
            trigger: self.trigger(),
            compound: self.compound(),
            arrays: self.arrays(),
        }
    }

    /// The range: first address and base pages, counted as setup counts them (it rounds both ends down).
    #[inline(always)]
    fn range(self) -> (u64, u64) {
        let shift = config!(page_shift);
        let start = self.word(config!(start)) >> shift;
        let end = self.word(config!(end)) >> shift;
        (start << shift, end.saturating_sub(start))
    }

    /// The arrays, and how many entries setup filled.
    #[inline(always)]
    pub(crate) fn arrays(self) -> Arrays {
        Arrays {
            src: self.word(config!(src)),
            dst: self.word(config!(dst)),
            entries: self.word(config!(npages)),
        }
    }

    /// `cpages`: what setup collected, in entries.
    #[inline(always)]
    pub(crate) fn collected_entries(self) -> u64 {
        self.word(config!(cpages))
    }

    /// `SELECT_SYSTEM` decides: with it, system pages go to a device, also where the device's own pages are
    /// collected along the way.
    #[inline(always)]
    fn direction(self) -> Direction {
        match self.field(config!(flags)) {
            Some(flags) if flags & SELECT_SYSTEM != 0 => Direction::ToDevice,
            Some(_) => Direction::ToSystem,
            None => Direction::Unknown,
        }
    }

    #[inline(always)]
    fn compound(self) -> bool {
        self.field(config!(flags))
            .is_none_or(|flags| flags & SELECT_COMPOUND != 0)
    }

    #[inline(always)]
    fn trigger(self) -> Trigger {
        match self.field(config!(fault_page)) {
            Some(0) => Trigger::Driver,
            Some(_) => Trigger::Fault,
            None => Trigger::Unknown,
        }
    }

    #[inline(always)]
    fn pgmap_owner(self) -> u64 {
        self.field(config!(pgmap_owner)).unwrap_or(0)
    }

    #[inline(always)]
    fn field(self, offset: u32) -> Option<u64> {
        (offset != OFFSET_UNKNOWN).then(|| self.word(offset))
    }

    #[inline(always)]
    fn word(self, offset: u32) -> u64 {
        // SAFETY: a load through a pointer that the verifier tracks as `struct migrate_vma *`, at an offset of
        // that structure; were the memory gone, the load would give 0.
        unsafe { *self.0.byte_add(offset as usize).cast::<u64>() }
    }
}

/// `migrate_vma::cpages` of the structure at this address; `None` if it cannot be read.
#[inline(always)]
pub(crate) fn collected_entries(migrate_vma: u64) -> Option<u64> {
    let mut cpages = 0;
    let field = migrate_vma.wrapping_add(u64::from(config!(cpages)));
    // SAFETY: there is room for one word.
    unsafe { read_entries(&raw mut cpages, field, 1) }.then_some(cpages)
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
