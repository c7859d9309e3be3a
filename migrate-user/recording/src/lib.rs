//! Recordings of migscope: what Linux did when it moved memory between a CPU and a device.
//!
//! - [`trace`] is the vocabulary: migrations, totals, statuses, facts, filters.
//! - [`recording`] turns batches of them into an Arrow IPC stream and back. The reader trusts no
//!   byte of what it reads.
//!
//! It runs anywhere: it knows nothing of the kernel that is traced, of terminals or of networks.
//!
//! # Reading
//!
//! A recording is read batch by batch, finished or still being written.
//!
//! ```
//! use migscope_recording::recording::Reader;
//! use migscope_recording::trace::Ending;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let file = std::fs::File::open("../tests/data/mixed.arrow")?;
//! let mut reader = Reader::new("mixed.arrow", std::io::BufReader::new(file))?;
//! println!("recorded on Linux {}", reader.facts().kernel);
//! let (mut migrations, mut moved) = (0, 0);
//! for batch in reader.by_ref() {
//!     // By what is counted of each: that takes a fraction of the time of making all of it.
//!     batch.migrations.each(|row| {
//!         migrations += 1;
//!         moved += row.ledger.moved;
//!     });
//! }
//! println!("{migrations} migrations moved {moved} pages");
//! // Whatever was whole has come. Is that all?
//! assert_eq!(reader.ending(), Some(&Ending::Complete));
//! # assert!(migrations > 0 && moved > migrations);
//! # Ok(())
//! # }
//! ```
//!
//! # Writing
//!
//! Whoever writes says what is known of the machine, then the batches, and then that it is over.
//! What is unknown is `None`, never 0.
//!
//! ```
//! use migscope_recording::recording::{Reader, Writer};
//! use migscope_recording::trace::{
//!     Batch, Cause, Direction, Facts, Ledger, Migration, Outcome, Side, Status,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let facts = Facts {
//!     host: "gpu1".to_owned(),
//!     kernel: "7.2.13".to_owned(),
//!     clock: "CLOCK_BOOTTIME".to_owned(),
//!     page_size: 4096,
//!     record_every: 1,
//!     ..Facts::default()
//! };
//! let migration = Migration {
//!     sequence: 0,
//!     time_ns: 5_000_000_000,
//!     pid: Some(1200),
//!     tid: Some(1200),
//!     comm: Some("trainer".into()),
//!     worker: None,
//!     cgroup: None,
//!     driver: Some("amdgpu".into()),
//!     direction: Direction::ToDevice,
//!     from: Side::default(),
//!     to: Side::default(),
//!     cause: Cause::Driver,
//!     outcome: Outcome::Completed,
//!     errno: None,
//!     address: Some(0x7f00_0000_0000),
//!     mapping: None,
//!     ledger: Ledger { requested: 512, moved: 512, ..Ledger::default() },
//!     skips: None,
//!     declined_holes: None,
//!     free: None,
//!     steps: [Some(30_000), Some(90_000), Some(8_000), Some(2_000), Some(20_000)],
//!     probe: [0; 3],
//!     pgmap_owner: None,
//!     kernel_stack: None,
//!     user_stack: None,
//!     parts: None,
//!     driver_parts: None,
//!     contended: None,
//!     off_cpu: None,
//!     phase: None,
//!     anomalies: 0,
//! };
//! let batch = Batch {
//!     migrations: vec![migration].into(),
//!     waits: Vec::new(),
//!     status: Some(Status { time_ns: 5_000_200_000, ended: 1, ..Status::default() }),
//! };
//! let mut writer = Writer::new(Vec::new(), &facts)?;
//! writer.write(&batch)?;
//! let bytes = writer.finish()?;
//!
//! let mut reader = Reader::new("the same", &bytes[..])?;
//! assert_eq!(reader.next(), Some(batch));
//! # assert_eq!(reader.facts(), &facts);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::missing_errors_doc)]

pub mod recording;
pub mod trace;
