//! What crosses from the kernel to user space, and back.

mod asked;
mod config;
mod counted;
mod details;
pub mod histogram;
mod losses;
mod mapping;
mod modules;
pub mod names;
mod numbered;
mod phase;
mod place;
mod record;
mod totals;
mod under_way;
mod wait;

pub use asked::{ASKED_DRIVERS, Asked};
pub use config::{
    AskOffsets, CAST, CONFIG_WORDS, Config, FILTER_WORDS, FIRST_FIELD, FIRST_WORD, Filter,
    KernelFunction, MODULE_NAME_WORDS, MappingOffsets, ModuleOffsets, OFFSET_UNKNOWN, OwnerOffsets,
    PagemapOffsets, PayerOffsets, TASK_FROM_PID, TASK_RELEASE, VMA_LOCK, VmaOffsets, WORDS,
    WORDS_TYPE, WaitOffsets, call_of, field_of, word_of,
};
pub use counted::Counted;
pub use details::{Details, DriverParts, OffCpu, Parts};
pub use losses::{LOSSES, Loss};
pub use mapping::{
    MAPPING_NAME, MAPPING_NAME_WORDS, MAPPING_NAMES_TOLD, Mapping, MappingKind, MappingName,
};
pub use modules::{MODULE_CHANGES_KEPT, ModuleChange, ModuleChanges};
pub use phase::{
    NO_PHASE, PHASE_LEVELS, PHASE_NAME_WORDS, PHASES, Phase, PhaseKind, Phases, UNKNOWN_PHASE,
};
pub use place::{
    CODE_RANGES, Code, DEVICE_REGIONS, NODE_REGIONS, PEEK_WORDS, Peek, Region, Regions, code,
};
pub use record::{
    Apart, Cause, Direction, Ledger, Memory, NO_PLACE, NO_STACK, Outcome, Probe, Record,
    SEVERAL_PLACES, Side, Skips, Steps, UNKNOWN, anomaly,
};
pub use totals::{CLASSES, Counts, Figure, Histograms, class, count_of};
pub use under_way::{CallsUnderWay, MOST_UNDER_WAY, UnderWay};
pub use wait::{
    Contended, HOLDER_FRAMES, HOLDER_STACKS, HolderStack, WAIT_CLASSES, Wait, WaitCounts,
    WaitFigure, WaitHistogram, WaitKind, WaitResult, wait_class,
};

/// Changes whenever the layout or the meaning of anything here does. The object has it in the
/// section [`names::VERSION_SECTION`], and is attached only where both sides were built for the
/// same.
pub const VERSION: u32 = 14;

/// In what the sweep returns, beside the number of calls that are left: it has ended as many as it
/// can in one run, and there may be more.
pub const SWEPT_ALL_IT_COULD: u32 = 1 << 30;
