//! Reads the kernel's memory for user space, which asks for structures that nothing else tells of:
//! which device memory there was before the tracer came.

use aya_ebpf::{
    macros::{map, raw_tracepoint},
    maps::Array,
    programs::RawTracePointContext,
};
use migrate_ebpf::wire::{PEEK_WORDS, Peek};

use super::kernel::read_entries;

#[map]
static PEEK: Array<Peek> = Array::with_max_entries(1, 0);

/// Copies [`PEEK_WORDS`] words from the address that is its first argument. Attached nowhere: user
/// space runs it, one at a time.
#[raw_tracepoint]
fn peek(ctx: RawTracePointContext) -> i32 {
    let Some(peek) = PEEK.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: the map's value, which only this program writes to, and which runs once at a time.
    let peek = unsafe { &mut *peek };
    // SAFETY: there is room for as many words.
    let read = unsafe { read_entries(peek.words.as_mut_ptr(), ctx.arg(0), PEEK_WORDS as u32) };
    peek.ok = u64::from(read);
    0
}
