//! Who of a process asked a driver last. A driver that migrates by a thread of the kernel does what
//! somebody has asked it for before, by ioctl(2): to move memory ahead, say. Which code that was,
//! the user's stack there tells.
//!
//! Each driver by itself, told by its function that is called: a process talks to several. What is
//! no module's is left out, as terminals and sockets are.

use aya_ebpf::{
    bindings::BPF_NOEXIST,
    macros::{fentry, kprobe, map},
    maps::LruHashMap,
    programs::{FEntryContext, ProbeContext, tracing::StackIdContext},
};
use migrate_ebpf::wire::{ASKED_DRIVERS, Asked, Loss, NO_STACK, code};

use super::{
    frames::meaning_of_code,
    kernel::{self, Pointer, Typed, Untyped},
    path,
    words::word_at,
};
use crate::{
    atomic::{publish, published},
    config::{config, field},
    in_flight::Call,
    losses,
};

/// A process: its address space, and its number, as another can have the same address later.
#[repr(C)]
#[derive(Clone, Copy)]
struct Process {
    mm: u64,
    pid: u64,
}

type Drivers = [Asked; ASKED_DRIVERS];

/// How many processes, user space says.
#[map]
static ASKED: LruHashMap<Process, Drivers> = LruHashMap::with_max_entries(1, 0);

#[fentry]
fn ioctl_entry(ctx: FEntryContext) -> i32 {
    let registers = Typed(ctx.arg(0));
    note_caller(&ctx, registers.word(field!(ask.regs_first)));
    0
}

#[kprobe]
fn ioctl_entry_kprobe(ctx: ProbeContext) -> u32 {
    let registers = Untyped(ctx.arg(0).unwrap_or(0));
    note_caller(&ctx, registers.word(field!(ask.regs_first)));
    0
}

/// This thread calls what is behind a file descriptor.
#[inline(always)]
fn note_caller(ctx: &impl StackIdContext, descriptor: u64) {
    let handler = handler(descriptor as u32);
    let thread = kernel::this_thread();
    let process = Process {
        mm: number(thread.pointer(field!(owner.task_mm)).address()),
        pid: thread.half(field!(owner.task_tgid)).into(),
    };
    if handler == 0 || process.mm == 0 {
        return;
    }
    let Some(asked) = place_of(&process, handler) else {
        return;
    };
    // One that finds no place is lost where a migration would have had it.
    let who = Asked::who(kernel::tid(), path::users(ctx).unwrap_or(NO_STACK));
    // SAFETY: words of a map's value. Volatile, because others read and write them. Where a place
    // is another driver's from here on, it is nobody's in between.
    unsafe {
        if core::ptr::read_volatile(&raw const (*asked).handler) != handler {
            publish(&raw mut (*asked).handler, 0);
        }
        core::ptr::write_volatile(&raw mut (*asked).who, who);
        publish(&raw mut (*asked).handler, handler);
    }
}

/// The function of a driver that this thread calls; 0 where there is none.
#[inline(always)]
fn handler(descriptor: u32) -> u64 {
    let thread = kernel::this_thread();
    let files = thread.pointer(field!(ask.task_files)).address();
    let table = Untyped(Untyped(files).word(field!(ask.files_table)));
    if descriptor >= table.half(field!(ask.table_size)) {
        return 0;
    }
    let all = table.word(field!(ask.table_files));
    let file = Untyped(word_at(all.wrapping_add(u64::from(descriptor) * 8)));
    let operations = Untyped(file.word(field!(ask.file_operations)));
    operations.word(field!(ask.operations_ioctl))
}

/// Where it is noted who asks this driver; `None` if it is none that is looked at.
#[inline(always)]
fn place_of(process: &Process, handler: u64) -> Option<*mut Asked> {
    if let Some(drivers) = ASKED.get_ptr_mut(process) {
        return known(drivers, handler).or_else(|| new(drivers, handler));
    }
    if !is_modules(handler) {
        return None;
    }
    // Another thread may be faster.
    let _ = ASKED.insert(
        process,
        [Asked { handler: 0, who: 0 }; ASKED_DRIVERS],
        BPF_NOEXIST.into(),
    );
    let drivers = ASKED.get_ptr_mut(process)?;
    known(drivers, handler).or_else(|| new(drivers, handler))
}

/// The place of a driver that was asked before.
#[inline(always)]
fn known(drivers: *mut Drivers, handler: u64) -> Option<*mut Asked> {
    for nth in 0..ASKED_DRIVERS {
        // SAFETY: one of the value's.
        let asked = unsafe { &raw mut (*drivers)[nth] };
        // SAFETY: a word of it. Volatile, as above.
        let its = unsafe { core::ptr::read_volatile(&raw const (*asked).handler) };
        if its == handler {
            return Some(asked);
        }
    }
    None
}

/// A place for another: a free one, or any.
#[inline(always)]
fn new(drivers: *mut Drivers, handler: u64) -> Option<*mut Asked> {
    if !is_modules(handler) {
        return None;
    }
    if let Some(free) = known(drivers, 0) {
        return Some(free);
    }
    // SAFETY: the first of the value's.
    Some(unsafe { &raw mut (*drivers)[0] })
}

#[inline(always)]
fn is_modules(handler: u64) -> bool {
    meaning_of_code(handler) & code::MODULE != 0
}

/// An address, as a number to the verifier.
#[inline(always)]
fn number(address: u64) -> u64 {
    crate::in_flight::untyped(address)
}

/// Notes who of the owner's threads asked drivers before this call, which none of them makes.
#[inline(always)]
pub(super) fn note(call: &mut Call, mm: impl Pointer) {
    if config!(asks) == 0 || call.worker == 0 {
        return;
    }
    let process = Process {
        mm: number(mm.address()),
        pid: call.record.pid.into(),
    };
    let Some(drivers) = ASKED.get_ptr(process) else {
        return;
    };
    let mut is_lost = false;
    for (nth, asked) in call.details.asked.iter_mut().enumerate() {
        // SAFETY: one of the value's.
        *asked = read(unsafe { &raw const (*drivers)[nth] });
        is_lost |= asked.handler != 0 && asked.stack() == NO_STACK;
    }
    if is_lost {
        losses::count(Loss::StackLost);
    }
}

/// Who asked a driver, unless the place becomes another's just then.
#[inline(always)]
fn read(place: *const Asked) -> Asked {
    // SAFETY: a field of the value's.
    let at = unsafe { &raw const (*place).handler };
    let handler = published(at);
    // SAFETY: another. Volatile, as above.
    let who = unsafe { core::ptr::read_volatile(&raw const (*place).who) };
    if published(at) == handler {
        Asked { handler, who }
    } else {
        Asked { handler: 0, who: 0 }
    }
}
