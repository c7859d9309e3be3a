//! The vocabulary: migrations and their ledgers, totals, what the tracer tells of itself and of the
//! machine, and filters. Everything else imports it; it imports only the wire format.

mod batch;
mod driver_parts;
mod ending;
mod exact;
mod facts;
pub mod filter;
pub mod histogram;
mod in_flight;
pub mod ledger;
mod losses;
mod mapping;
mod migration;
mod migrations;
mod row;
mod status;
mod time;
mod totals;
mod values;
mod wait;

pub use batch::Batch;
pub use driver_parts::{DRIVER_PARTS, DriverParts, OF_DRIVER, each_part, seen_parts};
pub use ending::Ending;
pub use exact::{Exact, ExactCount, ExactFigure};
pub use facts::{Details, Facts, Moment};
pub use filter::{Filter, Run};
pub use in_flight::{InFlight, Unfinished};
pub use losses::Losses;
pub use mapping::{ANONYMOUS, MappedFile, Mapping, MappingKind, MappingRow};
pub use migration::{
    Cause, Direction, Ledger, MIXED, Memory, Migration, Outcome, Parts, Side, Skips, Step, Worker,
};
pub use migrations::Migrations;
pub use row::Row;
pub use status::{HANGS_NS, Status};
pub use time::time;
pub use totals::{Kind, Reasons};
pub use values::Values;
pub use wait::{
    Contended, ExactWaitFigure, ExactWaits, Extent, Wait, WaitFigure, WaitKind, WaitResult,
};

pub use migrate_ebpf::wire::Figure;

pub(crate) use migration::{are_devices, on_devices};
pub(crate) use migrations::Rows;
