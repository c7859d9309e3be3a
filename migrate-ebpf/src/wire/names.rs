//! What user space asks the object for by name.

macro_rules! statics {
    ($($(#[$meta:meta])* $name:ident,)*) => {
        $($(#[$meta])* pub const $name: &str = stringify!($name);)*

        /// All of them.
        pub const STATICS: &[&str] = &[$($name,)*];
    };
}

// Each is called as the static is in the probes.
statics! {
    /// Which migrations are wanted: a [`Filter`](super::Filter).
    FILTER,
    /// The ring of [`Record`](super::Record)s.
    RECORDS,
    /// Stacks that were asked for, by their ids.
    STACKS,
    /// Stacks by which drivers are told, by theirs.
    WAY_STACKS,
    /// Losses, totals and other counts: a [`Counted`](super::Counted).
    COUNTED,
    /// Where code is: [`Code`](super::Code).
    CODE,
    /// Who asked drivers last, by process.
    ASKED,
    /// When modules came and went: [`ModuleChanges`](super::ModuleChanges).
    MODULE_CHANGES,
    /// Ways in which calls come about. User space forgets them.
    PATHS,
    /// Where threads were that held locks: a [`HolderStack`](super::HolderStack) at each place.
    HOLDERS,
    /// Where memory is: [`Regions`](super::Regions).
    REGIONS,
    /// A piece of the kernel's memory that user space asked for: a [`Peek`](super::Peek).
    PEEK,
    /// Calls that are under way: [`CallsUnderWay`](super::CallsUnderWay).
    UNDER_WAY,
    /// What phases are called: a [`Phase`](super::Phase) at each place.
    PHASES,
    /// Their places.
    PHASE_PLACES,
    /// Which of them each thread has open.
    PHASE_THREADS,
    /// Which threads of each process have any open.
    PHASE_PROCESSES,
}

/// The section, and so the map, with the address of the kernel's `struct page`s.
pub const PAGES_AT: &str = ".bss.pages_at";

/// The section, and so the map, with the ids of the names that were told: user space makes the
/// probes forget them.
pub const NAMES_TOLD: &str = ".bss.names_told";

/// The section with [`VERSION`](super::VERSION).
pub const VERSION_SECTION: &str = "wire_version";
