//! What crosses from the kernel to user space, and back.

mod config;
mod losses;
mod record;

pub use config::{Config, OFFSET_UNKNOWN};
pub use losses::{LOSS_NAMES, Loss};
pub use record::{
    Direction, Ledger, Outcome, Probe, Record, Skips, Steps, Trigger, UNKNOWN, anomaly,
};

/// Changes whenever the layout or the meaning of anything here does.
pub const VERSION: u32 = 2;
