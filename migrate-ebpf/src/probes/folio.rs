//! What the kernel says of the folio behind an entry of `src`.
//!
//! Linux: `struct page` of `include/linux/mm_types.h`, one behind the other by frame number
//! (`vmemmap`).

use super::kernel::{COMPOUND, FRAME_SHIFT, VALID, huge_pages, read_word};
use crate::config::{PAGES_AT, config};
use migrate_ebpf::wire::OFFSET_UNKNOWN;

/// Where `struct page`s are; 0 where that is not known.
#[inline(always)]
pub(crate) fn pages_at() -> u64 {
    // SAFETY: an aligned word. Volatile, because user space sets it after the programs were loaded.
    unsafe { core::ptr::read_volatile(&raw const PAGES_AT) }
}

/// Does nobody use the page with this number?
#[inline(always)]
pub(crate) fn is_free(frame: u64) -> bool {
    read_word(page(frame).wrapping_add(config!(page_refcount).into()))
        .is_some_and(|references| references as u32 == 0)
}

#[inline(always)]
fn page(frame: u64) -> u64 {
    pages_at().wrapping_add(frame.wrapping_mul(config!(page_size).into()))
}

/// Base pages behind an entry.
#[inline(always)]
pub(crate) fn pages_behind(src: u64) -> u64 {
    if src & COMPOUND == 0 {
        return 1;
    }
    // A hole has no folio yet; the kernel makes one as large as its page tables have.
    if src & VALID == 0 {
        return huge_pages();
    }
    folio_pages(src >> FRAME_SHIFT)
}

/// Base pages of the large folio whose first page has this number: it has its order in the lowest
/// byte of its second page's flags. Where that cannot be read, it is as large as page tables have
/// them, which all were that Linux has migrated so far.
///
/// A function of its own: the verifier follows it once, and not at each entry of a walk.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn folio_pages(frame: u64) -> u64 {
    let at = config!(folio_order);
    if pages_at() == 0 || at == OFFSET_UNKNOWN {
        return huge_pages();
    }
    let order = read_word(page(frame).wrapping_add(at.into())).map_or(0, |flags| flags & 0xff);
    if order == 0 || order >= 32 || (1 << order) > huge_pages() {
        return huge_pages();
    }
    1 << order
}
