//! The table of waits under way, made as that of calls: a thread's waits live in the [`WAYS`] slots
//! of one set, and only the thread itself touches them once it has them.

use migrate_ebpf::wire::{Contended, NO_STACK, Phases, UNKNOWN, Wait};

use crate::{
    atomic::{compare_and_swap, publish},
    config::config,
    in_flight::{SETS, some_way, spread},
    lock_wait::LockWait,
};

const WAYS: usize = 4;

/// What a thread waits as. It is in one wait of each at the most: what it waits for in the middle
/// of one is a part of that.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(crate) enum Side {
    /// It needs a page, as a CPU does.
    Cpu = 0,
    /// It works for a device, which may need pages as a CPU does.
    Device = 1,
    /// It changes memory, for which it may be either of them.
    Changer = 2,
}

impl Side {
    /// The innermost first: who changes memory waits for a device, which needs no pages for that.
    pub(crate) const ALL: [Self; 3] = [Self::Changer, Self::Cpu, Self::Device];
}

/// One wait under way.
#[repr(C)]
pub(crate) struct Waiting {
    /// The thread and its [`Side`]; or 0 for a free slot.
    owner: u64,
    /// Where the stack was when it began.
    pub(crate) stack: u64,
    /// How many others have begun in the middle of it, where a hook at a return does not know of
    /// which call it is.
    pub(crate) nested: u64,
    /// The structure that it is about: a `struct vm_fault`.
    pub(crate) about: u64,
    /// Not 0: nobody has noted yet who waits, and for whose memory.
    pub(crate) is_nobodys: u64,
    /// Since when the thread is in a migration of its own; 0 if it is in none.
    pub(crate) migrating_since: u64,
    /// Pages that its own migrations have moved.
    pub(crate) moved: u64,
    /// Since when it sleeps until somebody lets go of the page; 0 if it does not.
    pub(crate) page_lock_since: u64,
    /// The lock that it waits for; `wait` has the longest.
    pub(crate) lock: LockWait,
    /// What will be reported.
    pub(crate) wait: Wait,
    /// And behind it, where phases are followed.
    pub(crate) phases: Phases,
}

/// A wait with what follows it. They lie so in a [`Waiting`].
#[repr(C)]
pub(crate) struct Phased {
    wait: Wait,
    phases: Phases,
}

const _: () = assert!(
    core::mem::offset_of!(Waiting, phases) - core::mem::offset_of!(Waiting, wait)
        == core::mem::offset_of!(Phased, phases)
);

/// The slots in which a thread's waits live.
type Set = [Waiting; WAYS];

/// All are free: their owner is 0. Not mangled for the reason given in [`crate::in_flight`].
#[unsafe(no_mangle)]
// SAFETY: a wait is made of numbers, of which 0 is one.
static mut WAITING: [Set; SETS] = unsafe { core::mem::zeroed() };

/// The slots in which the waits of a thread live.
#[inline(always)]
fn set_of(thread: u64) -> &'static mut Set {
    // SAFETY: `spread` gives one of them. A slot is used by its owner only; `owner` itself, which
    // others read, is a single aligned word.
    unsafe { &mut *(&raw mut WAITING).cast::<Set>().add(spread(thread)) }
}

/// The slot in this way of a set; `None` past the last.
#[inline(always)]
fn at(set: &mut Set, way: usize) -> Option<&mut Waiting> {
    if way >= WAYS {
        return None;
    }
    set.get_mut(some_way(way))
}

/// What the owner of a wait of this thread's is.
#[inline(always)]
fn owner(thread: u64, side: Side) -> u64 {
    // The address of a structure, which leaves low bits free.
    thread | side as u64
}

/// The way of the slot with this owner. Not a loop, which would cost three times as much.
#[inline(always)]
fn way_of(set: &Set, owner: u64) -> usize {
    let of = |way: usize| set[way].owner() == owner;
    if of(0) {
        0
    } else if of(1) {
        1
    } else if of(2) {
        2
    } else if of(3) {
        3
    } else {
        WAYS
    }
}

const _: () = assert!(WAYS == 4);

/// The wait that a thread is in.
#[inline(always)]
pub(crate) fn find(thread: u64, side: Side) -> Option<&'static mut Waiting> {
    let set = set_of(thread);
    let way = way_of(set, owner(thread, side));
    at(set, way)
}

/// A free slot, taken for this thread; `None` if there is none.
#[inline(always)]
pub(crate) fn take(thread: u64, side: Side) -> Option<&'static mut Waiting> {
    let set = set_of(thread);
    let mut found = WAYS;
    for (way, waiting) in set.iter_mut().enumerate() {
        if waiting.owner() == 0 && compare_and_swap(&raw mut waiting.owner, 0, owner(thread, side))
        {
            found = way;
            break;
        }
    }
    at(set, found)
}

impl Waiting {
    /// Volatile, because other threads write to it, too.
    #[inline(always)]
    fn owner(&self) -> u64 {
        // SAFETY: a valid, aligned field.
        unsafe { core::ptr::read_volatile(&raw const self.owner) }
    }

    /// What will be reported where phases are followed.
    #[inline(always)]
    pub(crate) fn with_phases(&self) -> &Phased {
        // SAFETY: `Phased` is how the two lie here, by the assertion above. Derived from the whole
        // structure, both of them are within what it refers to.
        unsafe {
            &*(&raw const *self)
                .byte_add(core::mem::offset_of!(Self, wait))
                .cast::<Phased>()
        }
    }

    /// Gives the slot back.
    #[inline(always)]
    pub(crate) fn release(&mut self) {
        // The last store to the slot.
        publish(&raw mut self.owner, 0);
    }

    /// Sets everything that whoever begins it does not.
    #[inline(always)]
    pub(crate) fn begin(&mut self, stack: u64, began: u64) {
        self.stack = stack;
        self.nested = 0;
        self.is_nobodys = 0;
        self.migrating_since = 0;
        self.moved = 0;
        self.page_lock_since = 0;
        let wait = &mut self.wait;
        wait.time_ns = began;
        wait.before_setup_ns = UNKNOWN;
        wait.in_migration_ns = 0;
        wait.page_lock_ns = 0;
        wait.migration = UNKNOWN;
        wait.errno = 0;
        wait.padding = 0;
        wait.kernel_stack = NO_STACK;
        wait.user_stack = NO_STACK;
        // Else no lock is ever noted.
        if config!(details) != 0 {
            self.lock.clear();
            self.wait.contended = Contended::default();
        }
    }
}
