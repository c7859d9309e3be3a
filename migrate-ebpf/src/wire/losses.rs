//! What the tracer could not see, counted by name where it was lost.

/// Index into the kernel's array of loss counters.
///
/// A migration of which no record came, though it was to be recorded, is in one of [`Loss::RingFull`], [`Loss::Incomplete`],
/// [`Loss::Headless`], [`Loss::InFlightFull`], [`Loss::HookMissed`] and [`Loss::Unfinished`]. Those in the first two are among the
/// migrations that ended, as in `received + lost = ended`; of the others the tracer does not know how they ended. The rest are about
/// records that did arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Loss {
    /// Migrations whose record did not fit into the ring buffer.
    RingFull = 0,
    /// Migrations of which a hook did not run, so that their ledger or their times have a gap.
    Incomplete = 1,
    /// Calls that ended without a start that was seen: it came before the tracer did. The kernel's own counter also has those of
    /// [`Loss::InFlightFull`] and [`Loss::HookMissed`] that came to an end; user space takes them out.
    Headless = 2,
    /// Setups that found no free slot in the table of calls in flight.
    InFlightFull = 3,
    /// Records whose ledger does not balance. They are delivered, marked.
    Unbalanced = 4,
    /// Records with an array that could not be read. They are delivered, marked.
    Unreadable = 5,
    /// Setups at whose entry the kernel did not run the hook: the same one was interrupted on that CPU, somebody read a map there, or
    /// a kprobe was met in the middle of another. Counted by the kernel itself, filled in by user space. Where another hook was left
    /// out the migration is [`Loss::Incomplete`].
    HookMissed = 6,
    /// Calls with collected pages of which no end was seen: their thread died, or they were under way when tracing
    /// ended. They are not in `ended`. The latter are filled in by user space.
    Unfinished = 7,
    /// Stacks that could not be kept: the map of stacks is full, or two fell into one place.
    StackLost = 8,
}

/// Names of the counters, by index.
pub const LOSS_NAMES: [&str; 9] = [
    "ring_full",
    "incomplete",
    "headless",
    "in_flight_full",
    "unbalanced",
    "unreadable",
    "hook_missed",
    "unfinished",
    "stack_lost",
];

/// The counters that user space reads: one for each loss, and behind them how many migrations ended, and how often the kernel's
/// memory or code changed.
pub const COUNTERS: usize = LOSS_NAMES.len() + 2;
