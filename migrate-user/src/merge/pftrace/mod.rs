//! Perfetto traces, of whoever writes them. Their packets are copied as they are; those of the
//! recording stand among them, behind the first snapshot of the clocks that has the recording's.
//!
//! Not at the end: a reader that sorts a window at a time has let go of early times by then.

mod messages;
mod packets;
mod survey;

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::PathBuf;

use super::Stop;
use super::kind::unreadable;
use crate::export::perfetto::{Numbers, Perfetto};
use crate::export::{Notes, Out};
use crate::text::counted;
use crate::trace::{Batch, Facts};

/// A trace that was looked through, and fits a recording.
pub struct Survey {
    path: PathBuf,
    /// Numbers that it leaves.
    numbers: Numbers,
    packets: u64,
    /// Where packets of ours can stand, bytes from the start.
    behind: u64,
    /// Where its last whole packet ends.
    whole: u64,
    /// Bytes behind that.
    rest: u64,
    /// Does it tell what the wall clock was?
    tells_boot: bool,
}

impl Survey {
    pub(super) fn write(
        self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> Result<Notes, Stop> {
        self.copy(0, self.behind, out)?;
        Perfetto::beside(facts, batches, &self.numbers, out)?;
        self.copy(self.behind, self.whole, out)?;
        Ok(self.notes())
    }

    /// Copies what stands between two places.
    fn copy(&self, from: u64, to: u64, out: Out<'_>) -> Result<(), Stop> {
        let open = || -> io::Result<io::Take<File>> {
            let mut file = File::open(&self.path)?;
            file.seek(io::SeekFrom::Start(from))?;
            Ok(file.take(to - from))
        };
        let mut file = open().map_err(|cause| unreadable(&cause))?;
        let mut piece = vec![0; 1 << 16];
        loop {
            match file.read(&mut piece).map_err(|cause| unreadable(&cause))? {
                0 => return Ok(()),
                bytes => out.write_all(&piece[..bytes])?,
            }
        }
    }

    fn notes(&self) -> Notes {
        let packets = counted(self.packets, "packet", "packets");
        let mut notes = vec![format!(
            "{packets} of the trace stand beside the recording."
        )];
        if self.rest > 0 {
            notes.push(format!(
                "the trace ends in the middle of a packet: its last {} are left out.",
                counted(self.rest, "byte", "bytes")
            ));
        }
        if !self.tells_boot {
            notes.push(
                "one of the two does not say what the wall clock was, so it is not known whether both are of the same boot."
                    .to_owned(),
            );
        }
        notes
    }
}
