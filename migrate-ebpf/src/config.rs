//! What user space said before it loaded the probes.
//!
//! A word of [`Config`] is a part of each instruction that wants it. What the filter compares with
//! is a read-only global, read volatile, or the compiler would use what stands in the source. Of
//! both the verifier knows the values, and the kernel drops what is not asked for.

use migrate_ebpf::wire::{
    CONFIG_WORDS, FIRST_FIELD, FIRST_WORD, Filter, MODULE_NAME_WORDS, OFFSET_UNKNOWN,
};

/// Where `struct page`s are, one behind the other by frame number; 0 where that is not known.
/// Set before new calls are followed.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.pages_at")]
pub(crate) static mut PAGES_AT: u64 = 0;

/// Nothing is asked for: every migration is wanted.
#[unsafe(no_mangle)]
pub(crate) static FILTER: Filter = Filter {
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

/// This word of [`Config`](migrate_ebpf::wire::Config), see [`FIRST_WORD`].
#[inline(always)]
pub(crate) fn word<const WORD: usize>() -> u32 {
    const { assert!(WORD < CONFIG_WORDS) };
    let value;
    // SAFETY: it sets a register.
    unsafe {
        core::arch::asm!(
            "{value} = {word}",
            value = out(wreg) value,
            word = const FIRST_WORD + WORD as i32,
            options(nostack, pure, nomem),
        );
    }
    value
}

/// The number of a word of [`Config`](migrate_ebpf::wire::Config).
macro_rules! number {
    ($($field:ident).+) => {
        core::mem::offset_of!(migrate_ebpf::wire::Config, $($field).+) / size_of::<u32>()
    };
}

/// One value of [`Config`](migrate_ebpf::wire::Config).
macro_rules! config {
    ($($field:ident).+) => {
        $crate::config::word::<{ $crate::config::number!($($field).+) }>()
    };
}

/// The offset of a field, which is a word of [`Config`](migrate_ebpf::wire::Config).
#[derive(Clone, Copy)]
pub(crate) struct Field<const WORD: usize>;

impl<const WORD: usize> Field<WORD> {
    /// What stands for it in a load, see [`FIRST_FIELD`].
    pub(crate) const IN_A_LOAD: i16 = FIRST_FIELD + WORD as i16;

    /// The offset, in bytes.
    #[inline(always)]
    pub(crate) fn offset(self) -> u32 {
        word::<WORD>()
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
        $crate::config::Field::<{ $crate::config::number!($($field).+) }>
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
    config!(names_driver) != 0
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
    config!(names_process) != 0
}

/// Does anything ask for the memory cgroup that pays?
#[inline(always)]
pub(crate) fn names_payer() -> bool {
    config!(names_payer) != 0
}

pub(crate) use {config, field, filter, number};
