//! Writes a recording to any stream of bytes.

use std::io::{self, Write};

use super::encode::Encoder;
use crate::trace::{Batch, Facts};

/// Writes batches, each with one call of `write_all`, so that a reader never waits for half a
/// batch.
pub struct Writer<W> {
    encoder: Encoder,
    out: W,
    whole_bytes: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a recording: schema and facts are written at once.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub fn new(out: W, facts: &Facts) -> io::Result<Self> {
        let encoder = Encoder::new(facts).map_err(io::Error::other)?;
        let mut writer = Self {
            encoder,
            out,
            whole_bytes: 0,
        };
        writer.flush()?;
        Ok(writer)
    }

    /// Writes one batch.
    ///
    /// # Errors
    ///
    /// Those of the stream. What was written is whole up to [`Writer::whole_bytes`].
    pub fn write(&mut self, batch: &Batch) -> io::Result<()> {
        self.encoder.batch(batch).map_err(io::Error::other)?;
        self.flush()
    }

    /// Writes the end mark, which tells readers that nothing is missing.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    pub fn finish(mut self) -> io::Result<W> {
        self.encoder.finish().map_err(io::Error::other)?;
        self.flush()?;
        Ok(self.out)
    }

    /// How many bytes have been written.
    pub fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }

    /// Gives up after an error. The stream and how many of its bytes are whole messages.
    pub fn abandon(self) -> (W, u64) {
        (self.out, self.whole_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let bytes = self.encoder.take();
        self.out.write_all(&bytes)?;
        self.out.flush()?;
        self.whole_bytes += bytes.len() as u64;
        Ok(())
    }
}
