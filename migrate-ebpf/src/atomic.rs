//! Words that several CPUs write to. BPF has no such operations in `core::sync::atomic`.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd};

/// Puts `new` in the place of `old`; false if something else was there.
///
/// `word` must be an aligned word of a map's value.
#[inline(always)]
pub(crate) fn compare_and_swap(word: *mut u64, old: u64, new: u64) -> bool {
    // SAFETY: `word` points to an aligned word of a map's value.
    let (found, _) = unsafe {
        atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(word, old, new)
    };
    // Whether it was swapped the compiler would make a word of first, and then look at that.
    opaque(found) == old
}

/// The same word, of which the compiler does not know where it comes from.
#[inline(always)]
pub(crate) fn opaque(mut word: u64) -> u64 {
    // SAFETY: it does nothing. Without an instruction the kernel would not take the object: its
    // line would be at the same place as the next.
    unsafe {
        core::arch::asm!(
            "{word} = {word}",
            word = inout(reg) word,
            options(nostack, pure, nomem),
        );
    }
    word
}

/// Stores a word that tells others that what was stored before it is there. On x86-64 stores come
/// in order; on 64-bit ARM it takes an exchange, which nothing passes.
///
/// `word` must be an aligned word of a map's value.
#[inline(always)]
pub(crate) fn publish(word: *mut u64, value: u64) {
    #[cfg(bpf_target_arch = "x86_64")]
    // SAFETY: an aligned word of a map's value. Volatile, so that it stays behind what comes before
    // it.
    unsafe {
        core::ptr::write_volatile(word, value);
    }
    #[cfg(bpf_target_arch = "aarch64")]
    // SAFETY: an aligned word of a map's value.
    unsafe {
        core::intrinsics::atomic_xchg::<u64, { AtomicOrdering::SeqCst }>(word, value);
    }
}

/// Loads a word that was published: what is loaded after it was stored before it. As in
/// [`publish`], it takes more on 64-bit ARM.
///
/// `word` must be an aligned word of a map's value.
#[inline(always)]
pub(crate) fn published(word: *const u64) -> u64 {
    #[cfg(bpf_target_arch = "x86_64")]
    // SAFETY: an aligned word of a map's value. Volatile, because others store it.
    return unsafe { core::ptr::read_volatile(word) };
    #[cfg(bpf_target_arch = "aarch64")]
    return fetch_add(word.cast_mut(), 0);
}

/// Adds to a counter that all CPUs share; returns what it was.
///
/// `counter` must be an aligned word of a map's value.
#[inline(always)]
pub(crate) fn fetch_add(counter: *mut u64, value: u64) -> u64 {
    // SAFETY: `counter` points to an aligned word of a map's value.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::SeqCst }>(counter, value) }
}

/// Adds to a counter that all CPUs share. In no order with other words, so that what was there
/// before is not fetched.
///
/// `counter` must be an aligned word of a map's value.
#[inline(always)]
pub(crate) fn add(counter: *mut u64, value: u64) {
    // SAFETY: `counter` points to an aligned word of a map's value.
    unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(counter, value) };
}
