//! Which phases are open: by thread, and in which processes.

use aya_ebpf::{
    bindings::{BPF_ANY, BPF_NOEXIST},
    macros::map,
    maps::HashMap,
};
use migrate_ebpf::wire::{NO_PHASE, PHASE_LEVELS, UNKNOWN_PHASE};

use crate::atomic::add;

/// The phases of one thread. Only the thread itself changes them.
#[repr(C)]
pub(super) struct Open {
    /// How many it has open.
    depth: u64,
    /// In which it is at each depth; the first is outside of all, where there may be a mark.
    levels: [u32; PHASE_LEVELS],
}

/// By thread, as the kernel counts them.
#[map]
static PHASE_THREADS: HashMap<u32, Open> = HashMap::with_max_entries(1, 0);

/// By process: the threads that are in a phase. Their number above [`COUNT`], below it the sum of
/// their numbers, which is that of the thread where there is but one.
#[map]
static PHASE_PROCESSES: HashMap<u32, u64> = HashMap::with_max_entries(1, 0);

/// Where the number of threads begins. A thread's own number has 22 bits.
const COUNT: u32 = 48;

/// How many threads of the whole machine are in a phase.
#[unsafe(no_mangle)]
static mut THREADS_IN_PHASES: u64 = 0;

/// Not 0: there was no room for a thread or a process, so that who is not known may be in a phase.
#[unsafe(no_mangle)]
static mut PHASES_FULL: u64 = 0;

/// A thread of a process.
#[derive(Clone, Copy)]
pub(super) struct Thread {
    pub(super) tid: u32,
    pub(super) pid: u32,
}

/// A word that changes while programs run.
#[inline(always)]
fn now(word: *const u64) -> u64 {
    // SAFETY: an aligned word. Volatile, because others write it.
    unsafe { core::ptr::read_volatile(word) }
}

impl Open {
    /// Nothing is open, in this phase.
    #[inline(always)]
    fn within(outside: u32) -> Self {
        let mut levels = [NO_PHASE; PHASE_LEVELS];
        levels[0] = outside;
        Self { depth: 0, levels }
    }

    /// In which phase the thread is. It may be changing just then.
    #[inline(always)]
    pub(super) fn current(&self) -> u32 {
        let depth = now(&raw const self.depth);
        if depth >= PHASE_LEVELS as u64 {
            return UNKNOWN_PHASE;
        }
        // SAFETY: `level` is below the number of levels.
        unsafe { core::ptr::read_volatile(&raw const self.levels[level(depth)]) }
    }

    /// One more is open.
    #[inline(always)]
    pub(super) fn push(&mut self, phase: u32) {
        let depth = self.depth + 1;
        if depth < PHASE_LEVELS as u64 {
            self.set(depth, phase);
        }
        // SAFETY: an aligned field. Volatile, because others read it.
        unsafe { core::ptr::write_volatile(&raw mut self.depth, depth) };
    }

    /// Is there room for one more?
    #[inline(always)]
    pub(super) fn has_room(&self) -> bool {
        self.depth + 1 < PHASE_LEVELS as u64
    }

    /// In place of the one that it is in.
    #[inline(always)]
    pub(super) fn replace(&mut self, phase: u32) {
        let depth = self.depth;
        if depth < PHASE_LEVELS as u64 {
            self.set(depth, phase);
        }
    }

    /// The innermost is closed. False if none is open.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> bool {
        let depth = self.depth;
        if depth == 0 {
            return false;
        }
        // SAFETY: as in `push`.
        unsafe { core::ptr::write_volatile(&raw mut self.depth, depth - 1) };
        true
    }

    #[inline(always)]
    fn set(&mut self, depth: u64, phase: u32) {
        // SAFETY: as in `current`.
        unsafe { core::ptr::write_volatile(&raw mut self.levels[level(depth)], phase) };
    }
}

/// A place that the verifier sees to be one. The compiler knows it already, and would leave out
/// what tells the verifier.
#[inline(always)]
fn level(depth: u64) -> usize {
    core::hint::black_box(depth) as usize % PHASE_LEVELS
}

const _: () = assert!(PHASE_LEVELS.is_power_of_two());

/// The phases of a thread that has had any.
#[inline(always)]
pub(super) fn known(tid: u32) -> Option<&'static mut Open> {
    let open = PHASE_THREADS.get_ptr_mut(tid)?;
    // SAFETY: a map's value; only its thread changes it, and removes it when it dies. What others
    // read of it are aligned numbers.
    Some(unsafe { &mut *open })
}

/// The phases of this thread; `None` if there is no room for it.
#[inline(always)]
pub(super) fn of(thread: Thread) -> Option<&'static mut Open> {
    if let Some(open) = known(thread.tid) {
        return Some(open);
    }
    // It may have opened others when there was no room for it.
    let outside = of_nobody();
    let open = Open::within(outside);
    if PHASE_THREADS
        .insert(thread.tid, &open, u64::from(BPF_ANY))
        .is_err()
    {
        full();
        return None;
    }
    if outside != NO_PHASE {
        enter(thread);
    }
    known(thread.tid)
}

/// Changes the phases of this thread, and notes for its process whether it is in one.
#[inline(always)]
pub(super) fn change<T>(thread: Thread, open: &mut Open, change: impl FnOnce(&mut Open) -> T) -> T {
    let before = open.current();
    let changed = change(open);
    let after = open.current();
    if before == NO_PHASE && after != NO_PHASE {
        enter(thread);
    } else if before != NO_PHASE && after == NO_PHASE {
        leave(thread);
    }
    changed
}

/// A thread dies, or its program ends in favour of another: its phases are closed.
#[inline(always)]
pub(super) fn forget(thread: Thread) {
    let Some(open) = known(thread.tid) else {
        return;
    };
    if open.current() != NO_PHASE {
        leave(thread);
    }
    // It was there a moment ago, and only this thread removes it.
    let _ = PHASE_THREADS.remove(thread.tid);
}

/// A process ends, at least its first thread: what is known of it goes, unless others are in a
/// phase.
#[inline(always)]
pub(super) fn forget_process(pid: u32) {
    if let Some(of) = PHASE_PROCESSES.get_ptr(pid)
        && now(of) == 0
    {
        // As above.
        let _ = PHASE_PROCESSES.remove(pid);
    }
}

#[inline(always)]
fn enter(thread: Thread) {
    add(&raw mut THREADS_IN_PHASES, 1);
    match PHASE_PROCESSES
        .get_ptr_mut(thread.pid)
        .or_else(|| add_process(thread.pid))
    {
        Some(of) => add(of, one(thread)),
        None => full(),
    }
}

/// The word of a process that was in no phase yet; `None` if there is no room.
#[inline(always)]
fn add_process(pid: u32) -> Option<*mut u64> {
    // If another thread was faster, so much the better.
    let _ = PHASE_PROCESSES.insert(pid, 0, u64::from(BPF_NOEXIST));
    PHASE_PROCESSES.get_ptr_mut(pid)
}

#[inline(always)]
fn leave(thread: Thread) {
    add(&raw mut THREADS_IN_PHASES, 1u64.wrapping_neg());
    if let Some(of) = PHASE_PROCESSES.get_ptr_mut(thread.pid) {
        add(of, one(thread).wrapping_neg());
    }
}

/// What this thread adds to the word of its process.
#[inline(always)]
fn one(thread: Thread) -> u64 {
    1 << COUNT | u64::from(thread.tid)
}

#[inline(always)]
fn full() {
    add(&raw mut PHASES_FULL, 1);
}

/// In which phase somebody is of whom nothing is known.
#[inline(always)]
fn of_nobody() -> u32 {
    if now(&raw const PHASES_FULL) == 0 {
        NO_PHASE
    } else {
        UNKNOWN_PHASE
    }
}

/// In which phase a thread is.
#[inline(always)]
pub(super) fn of_thread(tid: u32) -> u32 {
    match known(tid) {
        Some(open) => open.current(),
        None => of_nobody(),
    }
}

/// In which phase a process is: that of the one thread of its that is in any. Of several, nobody
/// can say which a migration is for.
#[inline(always)]
pub(super) fn of_process(pid: u32) -> u32 {
    let Some(of) = PHASE_PROCESSES.get_ptr(pid) else {
        return of_nobody();
    };
    let threads = now(of);
    match threads >> COUNT {
        0 => of_nobody(),
        1 => of_thread(threads as u32),
        _ => UNKNOWN_PHASE,
    }
}

/// Is any thread of this machine in a phase, as far as is known?
#[inline(always)]
pub(super) fn is_anybody_in_one() -> bool {
    now(&raw const THREADS_IN_PHASES) != 0
}
