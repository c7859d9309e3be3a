//! What user space said before it loaded the probes.
//!
//! Read-only globals: the verifier knows their values, and the kernel drops what is not asked for.
//! Each is read volatile, or the compiler would use what stands in the source.

use migrate_ebpf::wire::{
    CONFIG_WORDS, Config, FIRST_FIELD, Filter, MODULE_NAME_WORDS, MappingOffsets, ModuleOffsets,
    OFFSET_UNKNOWN, OwnerOffsets, PagemapOffsets, PayerOffsets, VmaOffsets, WaitOffsets,
};

/// Zero offsets would make every field alias the first.
#[unsafe(no_mangle)]
pub(crate) static CONFIG: Config = Config {
    vma: VmaOffsets {
        src: OFFSET_UNKNOWN,
        dst: OFFSET_UNKNOWN,
        npages: OFFSET_UNKNOWN,
        cpages: OFFSET_UNKNOWN,
        start: OFFSET_UNKNOWN,
        end: OFFSET_UNKNOWN,
        pgmap_owner: OFFSET_UNKNOWN,
        flags: OFFSET_UNKNOWN,
        fault_page: OFFSET_UNKNOWN,
    },
    payer: PayerOffsets::UNKNOWN,
    owner: OwnerOffsets::UNKNOWN,
    huge_pages: 1,
    page_shift: 12,
    record_every: 1,
    kernel_stacks: 0,
    user_stacks: 0,
    details: 0,
    pagemap: PagemapOffsets::UNKNOWN,
    page_size: 0,
    page_refcount: 0,
    folio_order: OFFSET_UNKNOWN,
    module: ModuleOffsets::UNKNOWN,
    words_type: 0,
    cast: 0,
    task_from_pid: 0,
    task_release: 0,
    wait: WaitOffsets::UNKNOWN,
    swap_type_shift: 0,
    device_type: OFFSET_UNKNOWN,
    waits: 0,
    mapping: MappingOffsets::UNKNOWN,
    mappings: 0,
    phases: 0,
};

/// Where `struct page`s are, one behind the other by frame number; 0 where that is not known.
/// Set before new calls are followed.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.pages_at")]
pub(crate) static mut PAGES_AT: u64 = 0;

/// Nothing is asked for: every migration is wanted.
#[unsafe(no_mangle)]
pub(crate) static FILTER: Filter = Filter {
    asked: 0,
    pid: 0,
    comm: [0; 2],
    worker: [0; 2],
    cgroup: 0,
    direction: 0,
    outcome: 0,
    min_pages: 0,
    slower_than_ns: 0,
    cause: 0,
    driver: [0; MODULE_NAME_WORDS],
};

/// One value of [`CONFIG`].
macro_rules! config {
    ($($field:ident).+) => {
        // SAFETY: a field of a static.
        unsafe { core::ptr::read_volatile(&raw const $crate::config::CONFIG.$($field).+) }
    };
}

/// The offset of a field, which is a word of [`CONFIG`].
#[derive(Clone, Copy)]
pub(crate) struct Field<const WORD: usize>;

impl<const WORD: usize> Field<WORD> {
    /// What stands for it in a load, see [`FIRST_FIELD`].
    pub(crate) const IN_A_LOAD: i16 = FIRST_FIELD + WORD as i16;

    /// The offset, in bytes.
    #[inline(always)]
    pub(crate) fn offset(self) -> u32 {
        const { assert!(WORD < CONFIG_WORDS) };
        // SAFETY: one of the words that the static is made of.
        unsafe { core::ptr::read_volatile((&raw const CONFIG).cast::<u32>().add(WORD)) }
    }

    /// Does this kernel have such a field?
    #[inline(always)]
    pub(crate) fn is_known(self) -> bool {
        self.offset() != OFFSET_UNKNOWN
    }
}

/// A [`Field`].
macro_rules! field {
    ($($field:ident).+) => {
        $crate::config::Field::<
            { core::mem::offset_of!(migrate_ebpf::wire::Config, $($field).+) / size_of::<u32>() },
        >
    };
}

/// One value of [`FILTER`].
macro_rules! filter {
    ($field:ident) => {
        // SAFETY: a field of a static.
        unsafe { core::ptr::read_volatile(&raw const $crate::config::FILTER.$field) }
    };
}

/// Does anything ask for the driver?
#[inline(always)]
pub(crate) fn names_driver() -> bool {
    // The first word of it only.
    // SAFETY: a field of a static.
    let driver = unsafe { core::ptr::read_volatile((&raw const FILTER.driver).cast::<u64>()) };
    filter!(asked) != 0 && driver != 0
}

/// Are there records of migrations? Else there are totals only, which name nobody.
#[inline(always)]
pub(crate) fn records() -> bool {
    config!(record_every) != 0
}

/// Are waits followed?
#[inline(always)]
pub(crate) fn waits() -> bool {
    config!(waits) != 0
}

/// Are mappings noted?
#[inline(always)]
pub(crate) fn mappings() -> bool {
    config!(mappings) != 0
}

/// Does anything ask for the process and the thread?
#[inline(always)]
pub(crate) fn names_process() -> bool {
    records()
        || (filter!(asked) != 0
            && (filter!(pid) != 0 || filter!(comm)[0] != 0 || filter!(worker)[0] != 0))
}

/// Does anything ask for the memory cgroup that pays?
#[inline(always)]
pub(crate) fn names_payer() -> bool {
    records() || (filter!(asked) != 0 && filter!(cgroup) != 0)
}

pub(crate) use {config, field, filter};
