//! A lock that a thread waits for, in a wait or in a step of the driver's.

use migrate_ebpf::wire::Contended;

/// The lock that a thread waits for at the moment. Another in the middle of it is a part of that.
#[repr(C)]
pub(crate) struct LockWait {
    /// Since when; 0 if it waits for none.
    since: u64,
    /// Which it is, and who has it.
    lock: Contended,
}

impl LockWait {
    /// The thread waits for none.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.since = 0;
    }

    /// Does it wait for one?
    #[inline(always)]
    pub(crate) fn is_under_way(&self) -> bool {
        self.since != 0
    }

    /// It begins to wait for this one.
    #[inline(always)]
    pub(crate) fn begin(&mut self, lock: Contended, now: u64) {
        self.since = now;
        self.lock = lock;
    }

    /// It has this lock, and the time is added to `sum`. False if that is not what it waited for.
    #[inline(always)]
    pub(crate) fn end(&mut self, lock: u64, now: u64, sum: &mut Contended) -> bool {
        if self.since == 0 || self.lock.lock != lock {
            return false;
        }
        sum.add(&self.lock, now.wrapping_sub(self.since));
        self.since = 0;
        true
    }
}
