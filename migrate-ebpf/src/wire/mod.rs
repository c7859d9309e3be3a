//! What crosses from the kernel to user space, and back.

mod config;
mod details;
pub mod histogram;
mod losses;
mod record;
mod totals;

pub use config::{Config, Filter, OFFSET_UNKNOWN, PayerOffsets, VmaOffsets};
pub use details::{Details, OffCpu, Parts};
pub use losses::{LOSS_NAMES, Loss};
pub use record::{
    Direction, Ledger, NO_STACK, Outcome, Probe, Record, Skips, Steps, Trigger, UNKNOWN, anomaly,
};
pub use totals::{CLASSES, Counts, Figure, Histograms, class, count_of};

/// Changes whenever the layout or the meaning of anything here does.
pub const VERSION: u32 = 4;

/// In what the sweep returns, beside the number of calls that are left: it has ended as many as it can in one run, and there may be
/// more.
pub const SWEPT_ALL_IT_COULD: u32 = 1 << 30;
