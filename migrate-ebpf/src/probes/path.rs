//! How a call came about: which functions are on the stack at setup. They tell the driver, and why
//! it migrates.
//!
//! To walk the kernel's stack takes as long as all else that is done at setup, so that it is walked
//! once for each way. What is remembered of a way is where on the stack, counted from the hook, two
//! return addresses lie: into the driver, and into the function that tells why. A call that has
//! both in these places came the same way; to look takes two loads.

use core::ffi::c_void;

use aya_ebpf::{
    bindings::BPF_F_USER_STACK,
    helpers::generated::bpf_loop,
    macros::map,
    maps::{Array, StackTrace},
    programs::tracing::StackIdContext,
};
use migrate_ebpf::wire::{Cause, Loss, NO_STACK};

use super::{frames, kernel::in_exception, setup::Setup, words::word_at};
use crate::{
    atomic::{compare_and_swap, publish, published},
    config::{config, names_driver, records},
    in_flight::Call,
    losses,
};

/// A hook at which a call begins.
pub(super) trait Entered: StackIdContext {
    /// An address on the stack that is always as far from the caller's frames.
    fn stack(&self) -> u64;
}

/// Every stack once that was asked for. How many fit, user space says.
#[map]
static STACKS: StackTrace = StackTrace::with_max_entries(64, 0);

/// A stack of each way, by which its driver is told. Where others are kept they are many, and would
/// take the places of these.
#[map]
static WAY_STACKS: StackTrace = StackTrace::with_max_entries(1024, 0);

/// A way in which calls were seen to come.
#[repr(C)]
struct Path {
    /// What calls that come this way have in common; 0 for a free place.
    key: u64,
    /// Not 0: the rest is there.
    ready: u64,
    /// The return address into the driver, and how far from the hook it lies.
    driver: u64,
    driver_at: u64,
    /// The same of the function that tells why; both 0 where none was looked for.
    reason: u64,
    reason_at: u64,
    /// A [`Cause`].
    cause: u64,
    /// Not 0: it is the driver that the filter asks for.
    wanted: u64,
    /// The id of the stack, as a record has it.
    stack: u64,
}

impl Path {
    /// Volatile, because other CPUs write it.
    #[inline(always)]
    fn key(&self) -> u64 {
        // SAFETY: a valid, aligned field.
        unsafe { core::ptr::read_volatile(&raw const self.key) }
    }

    /// Is the rest there?
    #[inline(always)]
    fn is_ready(&self) -> bool {
        published(&raw const self.ready) != 0
    }
}

const PLACES: u64 = 256;
/// Places where a way is looked for.
const TRIES: u64 = 8;

/// Ways that are known. User space clears it when other code is loaded.
#[map]
static PATHS: Array<Path> = Array::with_max_entries(PLACES as u32, 0);

/// Forgets all ways: other code may be there.
#[inline(always)]
pub(super) fn forget_all() {
    // SAFETY: the callback takes no context.
    unsafe {
        bpf_loop(
            PLACES as u32,
            forget_nth as *mut c_void,
            core::ptr::null_mut(),
            0,
        )
    };
}

/// # Safety
///
/// Called by `bpf_loop`, from [`forget_all`].
unsafe extern "C" fn forget_nth(index: u64, _context: *mut c_void) -> i64 {
    if let Some(path) = PATHS.get_ptr_mut(index as u32) {
        // SAFETY: words of a map's value. What is not ready is not looked at, and a place without a
        // key is free.
        unsafe {
            core::ptr::write_volatile(&raw mut (*path).ready, 0);
            core::ptr::write_volatile(&raw mut (*path).key, 0);
        }
    }
    0
}

/// Notes what is known of the way that led here, and keeps what was asked for of the stacks.
#[inline(always)]
pub(super) fn take(ctx: &impl Entered, call: &mut Call, setup: Setup) {
    let by_registers = note_fault(call);
    let wants_reason = call.record.cause == Cause::Unknown as u8 && !by_registers;
    call.record.user_stack = NO_STACK;
    call.record.kernel_stack = NO_STACK;
    // Totals are by cause, and name no driver.
    if wants_reason || names_driver() || records() {
        follow(ctx, call, setup, wants_reason);
    }
    if records() {
        if config!(kernel_stacks) != 0 {
            call.record.kernel_stack = keep_kernels(ctx);
        }
        if config!(user_stacks) != 0 {
            call.record.user_stack = keep_users(ctx);
        }
    }
}

/// Why a page on a device was touched: a thread of the owner's that came by an exception did so
/// itself; everybody else had the kernel do it. False where that is not what happened, or cannot be
/// seen.
#[inline(always)]
fn note_fault(call: &mut Call) -> bool {
    if call.fault == 0 {
        return false;
    }
    let cause = if call.worker != 0 {
        Cause::KernelAccess
    } else {
        match in_exception() {
            Some(true) => Cause::CpuFault,
            Some(false) => Cause::KernelAccess,
            None => return false,
        }
    };
    call.record.cause = cause as u8;
    true
}

/// Is the driver told by the stack of a way? Else each call has a stack of its own, or none is
/// wanted.
#[inline(always)]
fn keeps_ways() -> bool {
    records() && config!(kernel_stacks) == 0
}

#[inline(always)]
fn follow(ctx: &impl Entered, call: &mut Call, setup: Setup, wants_reason: bool) {
    let key = key(call, wants_reason);
    let stack = call.forget(ctx.stack());
    if let Some(path) = known(call, key, stack) {
        note(call, path, wants_reason);
        return;
    }
    if !frames::look(ctx, setup, stack) {
        return;
    }
    let id = if keeps_ways() {
        keep(ctx, &WAY_STACKS)
    } else {
        NO_STACK
    };
    let asked = if wants_reason { REASON } else { 0 };
    let seen = remember(setup as u32, key, asked, id as u32);
    if wants_reason {
        call.record.cause = (seen & CAUSE) as u8;
    }
    call.record.kernel_stack = id;
    call.foreign = u32::from(names_driver() && seen & WANTED == 0);
}

/// What calls that come the same way have in common, never 0. It need not tell all ways apart.
#[inline(always)]
fn key(call: &Call, wants_reason: bool) -> u64 {
    let kind =
        u64::from(call.fault) << 1 | u64::from(call.worker) << 2 | u64::from(wants_reason) << 3;
    call.record.pgmap_owner << 4 | kind | 1
}

#[inline(always)]
fn note(call: &mut Call, path: &Path, wants_reason: bool) {
    if wants_reason {
        call.record.cause = path.cause as u8;
    }
    call.record.kernel_stack = path.stack as i32;
    call.foreign = u32::from(names_driver() && path.wanted == 0);
}

/// The n-th place of a way.
#[inline(always)]
fn place_of(key: u64, nth: u64) -> u32 {
    // Most of it is an address: its low bits say little.
    let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    ((hash + nth) % PLACES) as u32
}

#[inline(always)]
fn known(call: &mut Call, key: u64, stack: u64) -> Option<&'static Path> {
    if let Some(path) = at(call.path)
        && is_way(path, key, stack)
    {
        return Some(path);
    }
    call.path = known_path(key, stack) as u32;
    at(call.path)
}

/// The way in a place, which is one less than `number`.
#[inline(always)]
fn at(number: u32) -> Option<&'static Path> {
    let path = PATHS.get_ptr(number.wrapping_sub(1))?;
    // SAFETY: a map's value, which lives as long as the program; what is ready is not written any
    // more. (User space clears it: then nothing is known of it.)
    Some(unsafe { &*path })
}

/// The place of the way by which a call came, and 1; 0 if it is not known. A function of its own
/// for the reason given in [`frames`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn known_path(key: u64, stack: u64) -> u64 {
    for nth in 0..TRIES {
        let index = place_of(key, nth);
        let Some(path) = PATHS.get_ptr(index) else {
            return 0;
        };
        // SAFETY: as in `at`.
        let path = unsafe { &*path };
        if path.key() == 0 {
            return 0;
        }
        if is_way(path, key, stack) {
            return u64::from(index) + 1;
        }
    }
    0
}

/// Did a call with this key and this stack come this way?
#[inline(always)]
fn is_way(path: &Path, key: u64, stack: u64) -> bool {
    path.key() == key
        && path.is_ready()
        && has(stack, path.driver_at, path.driver)
        && (path.reason_at == 0 || has(stack, path.reason_at, path.reason))
}

#[inline(always)]
fn has(stack: u64, at: u64, address: u64) -> bool {
    address != 0 && word_at(stack.wrapping_add(at)) == address
}

/// What is asked of [`remember`]: the reason, too.
const REASON: u32 = 1;
/// In what it returns: the bits of a [`Cause`], and whether it is the driver that the filter asks
/// for.
const CAUSE: u64 = 0xff;
const WANTED: u64 = 1 << 8;

/// Remembers the way of a stack that was looked at, if a call that does not come this way would be
/// told from it: what the stack does not tell is looked for again. Where all places are taken,
/// nothing is remembered, and the stack is walked each time. A function of its own for the reason
/// given in [`frames`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn remember(setup: u32, key: u64, asked: u32, stack: u32) -> u64 {
    let Some(frames) = frames::scratch(setup) else {
        return Cause::Unknown as u64;
    };
    let wanted = if frames.is_wanted() { WANTED } else { 0 };
    let cause = frames.cause() & CAUSE;
    let wants_reason = asked == REASON;
    let has_reason = frames.reason_at() != 0 && cause != Cause::Unknown as u64;
    // A driver that could not be told may be told of the next call.
    let is_known = !keeps_ways() || stack as i32 != NO_STACK;
    if frames.driver_at() == 0 || (wants_reason && !has_reason) || !is_known {
        return cause | wanted;
    }
    for nth in 0..TRIES {
        let Some(path) = PATHS.get_ptr_mut(place_of(key, nth)) else {
            break;
        };
        // SAFETY: a word of a map's value.
        if !compare_and_swap(unsafe { &raw mut (*path).key }, 0, key) {
            continue;
        }
        // SAFETY: as in `known_path`; only who has won the place writes it.
        unsafe {
            (*path).driver = frames.driver();
            (*path).driver_at = frames.driver_at();
            (*path).reason = if wants_reason { frames.reason() } else { 0 };
            (*path).reason_at = if wants_reason { frames.reason_at() } else { 0 };
            (*path).cause = cause;
            (*path).wanted = wanted;
            (*path).stack = u64::from(stack);
            publish(&raw mut (*path).ready, 1);
        }
        break;
    }
    cause | wanted
}

/// `-EFAULT`: there is no stack.
const NO_FRAMES: i32 = -14;

/// The id of the user's stack that leads here. All of its frames matter. Threads of the kernel have
/// none, of which nothing is lost.
#[inline(always)]
pub(super) fn keep_users(ctx: &impl StackIdContext) -> i32 {
    users(ctx).unwrap_or_else(|| {
        losses::count(Loss::StackLost);
        NO_STACK
    })
}

/// The same; `None` if there is no place for it, which is not counted.
#[inline(always)]
pub(super) fn users(ctx: &impl StackIdContext) -> Option<i32> {
    match ctx.get_stackid(&STACKS, u64::from(BPF_F_USER_STACK)) {
        Ok(id) => Some(id as i32),
        Err(NO_FRAMES) => Some(NO_STACK),
        Err(_) => None,
    }
}

/// The id of the kernel's stack that leads here, where one was asked for.
#[inline(always)]
pub(super) fn keep_kernels(ctx: &impl StackIdContext) -> i32 {
    keep(ctx, &STACKS)
}

#[inline(always)]
fn keep(ctx: &impl StackIdContext, stacks: &StackTrace) -> i32 {
    let kept = ctx.get_stackid(stacks, 0);
    // Where another stack has its place, one that begins a frame or two further out has another:
    // those frames are the tracer's own.
    let kept = kept.or_else(|_| ctx.get_stackid(stacks, 1));
    match kept.or_else(|_| ctx.get_stackid(stacks, 2)) {
        Ok(id) => id as i32,
        Err(_) => {
            losses::count(Loss::StackLost);
            NO_STACK
        }
    }
}
