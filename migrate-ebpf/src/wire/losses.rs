//! What the tracer could not see, counted by name where it was lost.

use super::numbered::wire_enum;

wire_enum! {
    /// Index into [`Counted::losses`](super::Counted::losses).
    ///
    /// A migration of which no record came, though it was to be recorded, is in one of
    /// [`Loss::RingFull`], [`Loss::Incomplete`], [`Loss::Headless`], [`Loss::InFlightFull`],
    /// [`Loss::HookMissed`] and [`Loss::Unfinished`]. Those in the first two are among the
    /// migrations that ended, as in `received + lost = ended`; of the others the tracer does not
    /// know how they ended. The rest are about records that did arrive, and about waits, names and
    /// phases.
    Loss {
        /// Migrations whose record did not fit into the ring buffer.
        RingFull = 0 "ring_full",
        /// Migrations of which a hook did not run, so that their ledger or their times have a gap.
        Incomplete = 1 "incomplete",
        /// Calls that ended without a start that was seen: it came before the tracer did. The
        /// kernel's own counter also has those of [`Loss::InFlightFull`] and [`Loss::HookMissed`]
        /// that came to an end; user space takes them out.
        Headless = 2 "headless",
        /// Setups that found no free slot in the table of calls in flight.
        InFlightFull = 3 "in_flight_full",
        /// Records whose ledger does not balance. They are delivered, marked.
        Unbalanced = 4 "unbalanced",
        /// Records with an array that could not be read. They are delivered, marked.
        Unreadable = 5 "unreadable",
        /// Setups at whose entry the kernel did not run the hook: the same one was interrupted on
        /// that CPU, somebody read a map there, or a kprobe was met in the middle of another.
        /// Counted by the kernel itself, filled in by user space. Where another hook was left out
        /// the migration is [`Loss::Incomplete`].
        HookMissed = 6 "hook_missed",
        /// Calls with collected pages of which no end was seen: their thread died, or they were
        /// under way when tracing ended. They are not in `ended`. The latter are filled in by user
        /// space.
        Unfinished = 7 "unfinished",
        /// Stacks that could not be kept: the map of stacks is full, or two fell into one place.
        StackLost = 8 "stack_lost",
        /// Waits whose record did not fit into the ring buffer. The totals have them.
        WaitLost = 9 "wait_lost",
        /// Waits that were not followed, because there was no room, or whose end was not seen. They
        /// are in no total.
        WaitMissed = 10 "wait_missed",
        /// Names of mappings that did not fit into the ring buffer. Their migrations are there
        /// without, until one is told.
        NameLost = 11 "name_lost",
        /// Phases that a program opened and that are unknown, or without a name: nested too deep,
        /// no room, or a name that could not be read.
        PhaseLost = 12 "phase_lost",
        /// Phases that a program closed and had not opened, as far as was seen: it did so before it
        /// was traced, or closes more than it opens. Nothing is unknown for that.
        PhaseUnopened = 13 "phase_unopened",
    }
}

/// How many kinds of losses there are. Their numbers are places in arrays of so many.
pub const LOSSES: usize = Loss::ALL.len();

const _: () = {
    let mut place = 0;
    while place < LOSSES {
        assert!(Loss::ALL[place] as usize == place);
        place += 1;
    }
};
