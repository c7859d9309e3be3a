//! Both kinds of hooks of the functions in which threads wait.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, fexit, kprobe, kretprobe},
    programs::{FEntryContext, FExitContext, ProbeContext, RetProbeContext},
};

use super::{cpu, device, invalidation};
use crate::{
    in_flight::{this_thread, untyped},
    probes::{
        kernel::{Pointer, Typed, Untyped},
        path::Entered,
    },
    waiting::{self, Side},
};

/// A hook at the entry of a function.
pub(super) trait Arguments: Entered {
    /// An argument that is a number.
    fn number(&self, index: usize) -> u64;

    /// An argument that is a pointer.
    fn pointer(&self, index: usize) -> impl Pointer;

    /// Nothing begins here; is that seen at the return?
    fn pass_by(&self, side: Side);
}

impl Arguments for FEntryContext {
    #[inline(always)]
    fn number(&self, index: usize) -> u64 {
        self.arg(index)
    }

    #[inline(always)]
    fn pointer(&self, index: usize) -> impl Pointer {
        Typed(self.arg(index))
    }

    /// The stack tells.
    #[inline(always)]
    fn pass_by(&self, _side: Side) {}
}

impl Arguments for ProbeContext {
    #[inline(always)]
    fn number(&self, index: usize) -> u64 {
        self.arg(index).unwrap_or(0)
    }

    #[inline(always)]
    fn pointer(&self, index: usize) -> impl Pointer {
        Untyped(self.number(index))
    }

    /// It would be taken for the end of the wait around it.
    #[inline(always)]
    fn pass_by(&self, side: Side) {
        if let Some(outer) = waiting::find(this_thread(), side)
            && self.stack() < outer.stack
        {
            outer.nested += 1;
        }
    }
}

/// A hook at the return of a function.
pub(super) trait Returned {
    /// Where [`Entered::stack`] was at its entry, if that is known.
    fn stack(&self) -> Option<u64>;

    /// The number that a function with so many arguments returned.
    fn value(&self, arguments: usize) -> u64;

    /// The same of one that returned a pointer.
    fn pointer_value(&self, arguments: usize) -> u64;

    /// Its first argument, if that is known here: a pointer.
    fn first(&self) -> Option<impl Pointer>;
}

impl Returned for FExitContext {
    /// One frame of the trampoline is there for both hooks.
    #[inline(always)]
    fn stack(&self) -> Option<u64> {
        Some(self.as_ptr() as u64)
    }

    /// It stands behind the arguments.
    #[inline(always)]
    fn value(&self, arguments: usize) -> u64 {
        self.arg(arguments)
    }

    /// The verifier knows its type, and would let nobody calculate with it.
    #[inline(always)]
    fn pointer_value(&self, arguments: usize) -> u64 {
        untyped(self.arg(arguments))
    }

    #[inline(always)]
    fn first(&self) -> Option<impl Pointer> {
        Some(Typed(self.arg(0)))
    }
}

impl Returned for RetProbeContext {
    #[inline(always)]
    fn stack(&self) -> Option<u64> {
        None
    }

    #[inline(always)]
    fn value(&self, _arguments: usize) -> u64 {
        self.ret()
    }

    #[inline(always)]
    fn pointer_value(&self, _arguments: usize) -> u64 {
        self.ret()
    }

    #[inline(always)]
    fn first(&self) -> Option<impl Pointer> {
        None::<Untyped>
    }
}

/// The hooks of one function: what is done at its entry, and what at its return.
macro_rules! wait {
    (
        $entry:ident, $return:ident, $entry_kprobe:ident, $return_kprobe:ident,
        $enter:expr, $leave:expr
    ) => {
        #[fentry]
        fn $entry(ctx: FEntryContext) -> i32 {
            $enter(&ctx);
            0
        }

        #[fexit]
        fn $return(ctx: FExitContext) -> i32 {
            $leave(&ctx);
            0
        }

        #[kprobe]
        fn $entry_kprobe(ctx: ProbeContext) -> u32 {
            $enter(&ctx);
            0
        }

        #[kretprobe]
        fn $return_kprobe(ctx: RetProbeContext) -> u32 {
            $leave(&ctx);
            0
        }
    };
}

wait!(
    fault_entry,
    fault_return,
    fault_entry_kprobe,
    fault_return_kprobe,
    cpu::enter_fault,
    cpu::leave_fault
);
wait!(
    huge_fault_entry,
    huge_fault_return,
    huge_fault_entry_kprobe,
    huge_fault_return_kprobe,
    cpu::enter_huge_fault,
    cpu::leave_huge_fault
);
wait!(
    migrating_entry,
    migrating_return,
    migrating_entry_kprobe,
    migrating_return_kprobe,
    cpu::enter_migrating,
    cpu::leave_migrating
);
wait!(
    huge_migrating_entry,
    huge_migrating_return,
    huge_migrating_entry_kprobe,
    huge_migrating_return_kprobe,
    cpu::enter_huge_migrating,
    cpu::leave_migrating
);
wait!(
    page_lock_entry,
    page_lock_return,
    page_lock_entry_kprobe,
    page_lock_return_kprobe,
    cpu::enter_page_lock,
    cpu::leave_page_lock
);
wait!(
    range_fault_entry,
    range_fault_return,
    range_fault_entry_kprobe,
    range_fault_return_kprobe,
    device::enter_range_fault,
    device::leave_range_fault
);
wait!(
    notifier_entry,
    notifier_return,
    notifier_entry_kprobe,
    notifier_return_kprobe,
    device::enter_notifier,
    device::leave_notifier
);
wait!(
    exclusive_entry,
    exclusive_return,
    exclusive_entry_kprobe,
    exclusive_return_kprobe,
    device::enter_exclusive,
    device::leave_exclusive
);
wait!(
    exclusive_range_entry,
    exclusive_range_return,
    exclusive_range_entry_kprobe,
    exclusive_range_return_kprobe,
    device::enter_exclusive_range,
    device::leave_exclusive_range
);
wait!(
    invalidation_entry,
    invalidation_return,
    invalidation_entry_kprobe,
    invalidation_return_kprobe,
    invalidation::enter,
    invalidation::leave
);
