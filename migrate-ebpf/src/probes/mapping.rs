//! Which mapping of its process a migration is in, and what that is called.
//!
//! Where it begins and ends stands in each record. A name does not fit there: it is told once, in a
//! record of its own, and migrations refer to it by a number that is made of the name itself and of
//! what the file is. What stands at an address, or has an inode's number, can be another one later;
//! then its number is another, too, and it is told.
//!
//! Whoever calls `migrate_vma_setup` holds the lock of the address space, so that nothing of this
//! changes meanwhile. Linux: `get_vma_name` in `fs/proc/task_mmu.c`, whose order this is.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use core::ffi::c_void;
use migrate_ebpf::wire::{Loss, MAPPING_NAME, MAPPING_NAMES_TOLD, Mapping, MappingKind};

use super::{
    emit::{reserve_name, submit_name},
    kernel::Pointer,
    words::word_at,
};
use crate::{
    atomic::publish,
    config::{self, field},
    in_flight::{Call, SETS, spread},
    losses,
};

/// Words of a name that a program can give: `ANON_VMA_NAME_MAX_LEN`.
const GIVEN_WORDS: u64 = 10;

/// Names that were told, each at the place that is made of its id. One that has lost its place to
/// another is told again. Not mangled for the reason given in [`crate::in_flight`].
#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.names_told")]
static mut NAMES_TOLD: [u64; MAPPING_NAMES_TOLD] = [0; MAPPING_NAMES_TOLD];

/// `spread` gives places below this.
const _: () = assert!(SETS == MAPPING_NAMES_TOLD);

/// Notes the mapping that a call is about, and tells its name if nobody has yet. `mm` is the
/// address space that it is in.
#[inline(always)]
pub(super) fn note(call: &mut Call, vma: impl Pointer, mm: impl Pointer) {
    if !config::mappings() {
        call.record.mapping = Mapping::UNKNOWN;
        return;
    }
    let start = vma.word(field!(mapping.start));
    let end = vma.word(field!(mapping.end));
    let mapping = &mut call.record.mapping;
    (mapping.start, mapping.end) = (start, end);
    let file = vma.pointer(field!(mapping.file));
    if file.address() != 0 {
        if field!(mapping.shared_name).is_known() {
            let given = vma.pointer(field!(mapping.shared_name));
            if given.address() != 0 {
                return note_given(call, MappingKind::NamedShared, given);
            }
        }
        return note_file(call, file);
    }
    let kind = unnamed(vma, mm, start, end);
    if kind == MappingKind::Anonymous && field!(mapping.name).is_known() {
        let given = vma.pointer(field!(mapping.name));
        if given.address() != 0 {
            return note_given(call, MappingKind::Named, given);
        }
    }
    call.record.mapping.name = kind as u64;
}

/// What a mapping without a file is, unless it has a name.
#[inline(always)]
fn unnamed(vma: impl Pointer, mm: impl Pointer, start: u64, end: u64) -> MappingKind {
    let stack = mm.word(field!(mapping.start_stack));
    if vma.word(field!(mapping.operations)) != 0 {
        MappingKind::Special
    } else if start < mm.word(field!(mapping.brk)) && end > mm.word(field!(mapping.start_brk)) {
        MappingKind::Heap
    } else if start <= stack && end >= stack {
        MappingKind::Stack
    } else {
        MappingKind::Anonymous
    }
}

/// Notes a name that the program gave: a `struct anon_vma_name`.
#[inline(always)]
fn note_given(call: &mut Call, kind: MappingKind, given: impl Pointer) {
    let text = call.forget(given.address()) + u64::from(field!(mapping.text).offset());
    let mut id = kind as u64;
    for nth in 0..GIVEN_WORDS {
        let (word, is_last) = until_zero(word_at(text + nth * 8));
        id = mix(id, word);
        if is_last {
            break;
        }
    }
    let name = Name {
        id: id | MAPPING_NAME,
        kind,
        inode: 0,
        device: 0,
    };
    note_name(call, name, || text);
}

/// Notes a file: a `struct file`.
#[inline(always)]
fn note_file(call: &mut Call, file: impl Pointer) {
    let inode = file.pointer(field!(mapping.file_inode));
    let number = inode.word(field!(mapping.inode_number));
    let device = inode
        .pointer(field!(mapping.inode_sb))
        .half(field!(mapping.sb_device));
    let entry = file.pointer(field!(mapping.file_dentry));
    // The kernel's own hash of the name, and its length.
    let hash = entry.word(field!(mapping.dentry_hash));
    let id = mix(
        mix(mix(MappingKind::File as u64, number), device.into()),
        hash,
    );
    let name = Name {
        id: id | MAPPING_NAME,
        kind: MappingKind::File,
        inode: number,
        device,
    };
    note_name(call, name, || entry.word(field!(mapping.dentry_text)));
}

/// A name that is to be told.
struct Name {
    id: u64,
    kind: MappingKind,
    inode: u64,
    device: u32,
}

/// `text` finds the address where it stands.
#[inline(always)]
fn note_name(call: &mut Call, name: Name, text: impl FnOnce() -> u64) {
    call.record.mapping.name = name.id;
    // SAFETY: `spread` gives one of them. An aligned word, volatile because others write to it.
    let told = unsafe { core::ptr::read_volatile(told(name.id)) };
    if told != name.id {
        let text = call.forget(text());
        let what = u64::from(name.device) << 32 | name.kind as u64;
        tell_name(name.id, what, name.inode, text);
    }
}

#[inline(always)]
fn told(id: u64) -> *mut u64 {
    (&raw mut NAMES_TOLD).cast::<u64>().wrapping_add(spread(id))
}

/// Tells a name, whose text stands at that address; `what` is its kind, and above that the device.
/// A function of its own for the reason given in [`super::frames`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn tell_name(id: u64, what: u64, inode: u64, text: u64) -> u32 {
    let Some(mut entry) = reserve_name() else {
        losses::count(Loss::NameLost);
        return 0;
    };
    let name = entry.as_mut_ptr();
    // SAFETY: the entry has room for a name, of which every field is set: the helper writes no more
    // than it is told, and ends what it writes with a zero byte. It leaves only that if it cannot
    // read there.
    unsafe {
        (*name).id = id;
        (*name).inode = inode;
        (*name).device = (what >> 32) as u32;
        (*name).kind = what as u32;
        let to = (&raw mut (*name).text).cast::<c_void>();
        bpf_probe_read_kernel_str(to, size_of_val(&(*name).text) as u32, text as *const c_void);
    }
    submit_name(entry);
    // Whoever sees it writes his record behind this one.
    publish(told(id), id);
    0
}

/// The bytes of a word in front of a zero byte; is there one?
#[inline(always)]
fn until_zero(word: u64) -> (u64, bool) {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The lowest bit that is set is the highest of the first zero byte.
    let zeros = word.wrapping_sub(LOW) & !word & HIGH;
    let before = ((zeros & zeros.wrapping_neg()) >> 7).wrapping_sub(1);
    (word & before, zeros != 0)
}

/// Adds a word to a hash.
#[inline(always)]
fn mix(hash: u64, word: u64) -> u64 {
    let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}
