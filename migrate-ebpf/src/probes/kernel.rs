//! What the running kernel's structures look like. The only file that reads them.
//!
//! Linux: `struct migrate_vma` and the `MIGRATE_*` flags of `include/linux/migrate.h`.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use migrate_ebpf::wire::{Config, Direction, OFFSET_UNKNOWN, Trigger};

use crate::in_flight::Arrays;

/// `MIGRATE_PFN_VALID`: a page stands behind the entry.
pub(crate) const VALID: u64 = 1 << 0;
/// `MIGRATE_PFN_MIGRATE`: collected, and later: migrated.
pub(crate) const MIGRATE: u64 = 1 << 1;
/// `MIGRATE_PFN_COMPOUND`: the entry stands for a whole folio. In older kernels the bit is never set.
pub(crate) const COMPOUND: u64 = 1 << 4;

/// `MIGRATE_VMA_SELECT_SYSTEM`
const SELECT_SYSTEM: u64 = 1 << 0;

/// Set by user space before loading; zero would make every field alias the first.
#[unsafe(no_mangle)]
static CONFIG: Config = Config {
    src: OFFSET_UNKNOWN,
    dst: OFFSET_UNKNOWN,
    npages: OFFSET_UNKNOWN,
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

/// `struct migrate_vma *`, an argument of the probed function: the verifier knows its type and makes a load
/// through it safe whatever it points to.
#[derive(Clone, Copy)]
pub(crate) struct MigrateVma(pub(crate) *const c_void);

impl MigrateVma {
    /// What tells this call from others of its thread.
    #[inline(always)]
    pub(crate) fn context(self) -> u64 {
        self.0 as u64
    }

    /// The range: first address and base pages, counted as setup counts them (it rounds both ends down).
    #[inline(always)]
    pub(crate) fn range(self) -> (u64, u64) {
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

    /// `SELECT_SYSTEM` decides: with it, system pages go to a device, also where the device's own pages are
    /// collected along the way.
    #[inline(always)]
    pub(crate) fn direction(self) -> Direction {
        match self.field(config!(flags)) {
            Some(flags) if flags & SELECT_SYSTEM != 0 => Direction::ToDevice,
            Some(_) => Direction::ToSystem,
            None => Direction::Unknown,
        }
    }

    #[inline(always)]
    pub(crate) fn trigger(self) -> Trigger {
        match self.field(config!(fault_page)) {
            Some(0) => Trigger::Driver,
            Some(_) => Trigger::Fault,
            None => Trigger::Unknown,
        }
    }

    #[inline(always)]
    pub(crate) fn pgmap_owner(self) -> u64 {
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
