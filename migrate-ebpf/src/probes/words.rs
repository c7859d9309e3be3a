//! The kernel's memory, read by loads.
//!
//! The helper that copies it takes 70 instructions to begin with and 10 for each word. A load takes
//! 8: the kernel checks the address, and gives 0 where there is no memory. It allows loads through
//! pointers whose type it knows, which `bpf_rdonly_cast` makes of any address (since 6.2).

use migrate_ebpf::wire::{CAST, WORDS};

use super::kernel::read_entries;
use crate::config::config;

/// Reads memory so. The kernel's number of a type.
#[derive(Clone, Copy)]
pub(super) struct Reader(u64);

/// `None` where memory cannot be read so.
#[inline(always)]
pub(super) fn reader() -> Option<Reader> {
    let words_type = config!(words_type);
    (words_type != 0).then_some(Reader(words_type.into()))
}

impl Reader {
    /// The words from this address on.
    #[inline(always)]
    pub(super) fn words(self, address: u64) -> Words {
        let words;
        // SAFETY: a call, which takes its arguments in `r1` and `r2`, returns a value in `r0`, and
        // changes what every call changes. The object has no other way to call a function of the
        // kernel's.
        unsafe {
            core::arch::asm!(
                ".byte 0x85, 0x20, 0, 0",
                ".long {number}",
                number = const CAST.stands_for,
                inlateout("r1") address => _,
                inlateout("r2") self.0 => _,
                lateout("r0") words,
                lateout("r3") _,
                lateout("r4") _,
                lateout("r5") _,
                options(nostack, nomem),
            );
        }
        Words(words)
    }

    /// The word at this address.
    #[inline(always)]
    pub(super) fn word(self, address: u64) -> u64 {
        self.words(address).nth(0)
    }
}

/// Memory of the kernel's.
#[derive(Clone, Copy)]
pub(super) struct Words(*const u64);

impl Words {
    /// One of [`WORDS`]. `nth` is constant in each program.
    #[inline(always)]
    pub(super) fn nth(self, nth: usize) -> u64 {
        debug_assert!(nth < WORDS);
        // SAFETY: a load through a pointer whose type the verifier knows; were there no memory, it
        // would give 0. Volatile, because others write there.
        unsafe { core::ptr::read_volatile(self.0.add(nth)) }
    }
}

/// A word of the kernel's memory; 0 where there is none.
#[inline(always)]
pub(super) fn word_at(address: u64) -> u64 {
    if let Some(reader) = reader() {
        return reader.word(address);
    }
    let mut word = 0;
    // SAFETY: there is room for one word. The helper leaves a 0 there if it fails.
    unsafe { read_entries(&raw mut word, address, 1) };
    word
}
