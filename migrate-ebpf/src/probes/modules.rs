//! Modules that come and go. What their code means is told at once, because a filter may ask for
//! one of them; user space tells it again, and more of it, when it has read the kernel's symbols.
//! When it was is noted: a stack from before it is not to be named by what is there afterwards.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    helpers::generated::bpf_loop,
    macros::{map, raw_tracepoint},
    maps::Array,
    programs::RawTracePointContext,
};
use migrate_ebpf::wire::{
    CODE_RANGES, Code, MODULE_CHANGES_KEPT, MODULE_NAME_WORDS, ModuleChange, ModuleChanges,
    OFFSET_UNKNOWN, code,
};

use super::{frames, path, words::word_at};
use crate::{
    atomic::{fetch_add, publish},
    clock,
    config::{config, filter, names_driver},
};

/// User space reads it as memory, as it does the counters.
#[map]
static MODULE_CHANGES: Array<ModuleChanges> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Where the code of a module is, and what it means.
type Module = Code;

/// A module was loaded.
#[raw_tracepoint(tracepoint = "module_load")]
fn module_load(ctx: RawTracePointContext) -> i32 {
    note(false);
    if let Some(mut module) = module(ctx.arg(0)) {
        each_entry(&mut module, add_at);
    }
    0
}

/// A module goes: another may take its place.
#[raw_tracepoint(tracepoint = "module_free")]
fn module_free(ctx: RawTracePointContext) -> i32 {
    note(true);
    if let Some(mut module) = module(ctx.arg(0)) {
        each_entry(&mut module, remove_at);
        path::forget_all();
    }
    0
}

/// Notes a change for user space.
#[inline(always)]
fn note(went: bool) {
    let Some(changes) = MODULE_CHANGES.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: the map's value. Each change has a place of its own until as many more have come as
    // are kept; who reads it sees by its number whether it is whole.
    unsafe {
        let number = fetch_add(&raw mut (*changes).count, 1) + 1;
        let place = (number % MODULE_CHANGES_KEPT as u64) as usize;
        let change = (&raw mut (*changes).last).cast::<ModuleChange>().add(place);
        publish(&raw mut (*change).number, 0);
        core::ptr::write_volatile(&raw mut (*change).time_ns, clock::now());
        core::ptr::write_volatile(&raw mut (*change).went, u64::from(went));
        publish(&raw mut (*change).number, number);
    }
}

#[inline(always)]
fn module(module: u64) -> Option<Module> {
    if config!(module.name) == OFFSET_UNKNOWN {
        return None;
    }
    let word = |offset: u32| word_at(module.wrapping_add(offset.into()));
    // A return address is behind the call.
    let start = word(config!(module.code)).wrapping_add(1);
    Some(Module {
        start,
        end: start.wrapping_add(u64::from(word(config!(module.code_size)) as u32)),
        meaning: code::MODULE | if is_wanted(module) { code::WANTED } else { 0 },
    })
}

/// Is it the driver that the filter asks for?
#[inline(always)]
fn is_wanted(module: u64) -> bool {
    if !names_driver() {
        return false;
    }
    let name = module.wrapping_add(config!(module.name).into());
    let mut differs = 0;
    for nth in 0..MODULE_NAME_WORDS {
        differs |= word_at(name.wrapping_add(nth as u64 * 8)) ^ filter!(driver)[nth];
    }
    differs == 0
}

/// Calls this for each entry of the table, until it returns 1.
#[inline(always)]
fn each_entry(module: &mut Module, of: unsafe extern "C" fn(u64, *mut c_void) -> i64) {
    let context = (&raw mut *module).cast::<c_void>();
    // SAFETY: the callbacks take the context for what it is. The last entry stays free: it ends the
    // table.
    unsafe { bpf_loop(CODE_RANGES as u32 - 1, of as *mut c_void, context, 0) };
}

/// # Safety
///
/// Called by `bpf_loop`, from [`each_entry`], whose context is a [`Module`].
unsafe extern "C" fn add_at(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: the caller's promise.
    let module = unsafe { &*context.cast::<Module>() };
    let Some(entry) = frames::code(index) else {
        return 1;
    };
    if entry.end != 0 {
        return 0;
    }
    entry.meaning = module.meaning;
    entry.start = module.start;
    // Last: before that it is free.
    publish(&raw mut entry.end, module.end);
    1
}

/// # Safety
///
/// As [`add_at`].
unsafe extern "C" fn remove_at(index: u64, context: *mut c_void) -> i64 {
    // SAFETY: the caller's promise.
    let module = unsafe { &*context.cast::<Module>() };
    let Some(entry) = frames::code(index) else {
        return 1;
    };
    if entry.end == 0 {
        return 1;
    }
    if entry.start >= module.start && entry.end <= module.end {
        // No code is there.
        (entry.start, entry.end) = (u64::MAX, u64::MAX);
    }
    0
}
