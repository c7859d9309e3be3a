//! Reads a recording from any stream of bytes.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_schema::{Field, Schema};

use super::column::Column;
use super::columns::{columns_of, widths};
use super::decode::Rows;
use super::frame::{self, Frames, Stop};
use super::metadata::{self, FORMAT, OLDEST};
use crate::recording::Error;
use crate::trace::{Batch, Ending, Facts};

/// The most that is said of what was found, bytes.
const MAX_FOUND: usize = 300;

/// Yields the batches of a recording, up to the last that is whole.
///
/// How it ended is in [`Reader::ending`] when the iterator has returned `None`.
pub struct Reader<R> {
    frames: Frames<R>,
    decoder: StreamDecoder,
    rows: Rows,
    facts: Facts,
    /// Where its first message began, bytes from the start of the stream.
    begins_at: u64,
    /// Where the last message began.
    at: u64,
    ending: Option<Ending>,
}

impl<R: Read> Reader<R> {
    /// Reads schema and facts. `input` is what messages call this stream.
    ///
    /// # Errors
    ///
    /// If the stream cannot be read, does not begin as a recording does, or is of a format that is
    /// not known.
    pub fn new(input: &str, stream: R) -> Result<Self, Error> {
        let mut frames = Frames::new(stream);
        let mut decoder = StreamDecoder::new();
        let schema = first_message(&mut frames, &mut decoder)
            .map_err(|stop| not_a_recording(input, stop))?;
        Self::begun(input, frames, decoder, &schema)
    }

    fn begun(
        input: &str,
        mut frames: Frames<R>,
        decoder: StreamDecoder,
        schema: &Schema,
    ) -> Result<Self, Error> {
        let (format, facts) = facts(input, schema)?;
        frames.expect(widths(&columns_of(format, facts.details)));
        Ok(Self {
            begins_at: 0,
            frames,
            decoder,
            rows: Rows::new(schema, facts.details),
            facts,
            at: 0,
            ending: None,
        })
    }

    /// The recording that stands behind this one's end mark, as after `cat A B`; `None` if the
    /// stream ends there. Bytes that are no recording are damage. Only for a recording that was
    /// read to its end, and came to it as it should.
    ///
    /// # Errors
    ///
    /// Says what stands there instead: bytes that are none of a recording, or one that cannot be
    /// read.
    pub fn following(mut self, input: &str) -> Result<Option<Self>, Ending> {
        self.frames.pass_end_mark();
        let at = self.frames.position();
        let mut decoder = StreamDecoder::new();
        let schema = match first_message(&mut self.frames, &mut decoder) {
            Ok(schema) => schema,
            Err(Stop::Cut(0)) => return Ok(None),
            Err(Stop::Damaged(found)) => {
                let found =
                    format!("bytes behind the recording's end are none of a recording ({found})");
                return Err(Ending::Damaged { at, found });
            }
            Err(stop) => return Err(ending(stop, at)),
        };
        match Self::begun(input, self.frames, decoder, &schema) {
            Ok(next) => Ok(Some(Self {
                begins_at: at,
                ..next
            })),
            Err(error) => Err(Ending::LeftOut {
                at,
                why: error.to_string(),
            }),
        }
    }

    /// The machine, the kernel and the clock.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Where it begins, bytes from the start of the stream.
    pub fn begins_at(&self) -> u64 {
        self.begins_at
    }

    /// How the stream ended; `None` while it goes on.
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    fn batch(&mut self) -> Result<Batch, Ending> {
        loop {
            let damaged = |at| {
                move |found: String| Ending::Damaged {
                    at,
                    found: in_short(found),
                }
            };
            if let Some(batch) = self.rows.next() {
                return Ok(batch);
            }
            self.at = self.frames.position();
            let message = self.frames.next().map_err(|stop| ending(stop, self.at))?;
            if let Some(rows) = decode(&mut self.decoder, message).map_err(damaged(self.at))? {
                self.rows.add(&rows).map_err(damaged(self.at))?;
            }
        }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.ending.is_some() {
            return None;
        }
        self.batch()
            .map_err(|ending| self.ending = Some(ending))
            .ok()
    }
}

fn ending(stop: Stop, at: u64) -> Ending {
    match stop {
        Stop::End => Ending::Complete,
        Stop::Cut(lost_bytes) => Ending::Unfinished {
            whole_bytes: at,
            lost_bytes,
        },
        Stop::Damaged(found) => Ending::Damaged {
            at,
            found: in_short(found),
        },
        Stop::Io(error) => Ending::Damaged {
            at,
            found: format!("it cannot be read on: {error}"),
        },
    }
}

/// What was found, which may quote megabytes of it.
fn in_short(mut found: String) -> String {
    if found.len() > MAX_FOUND {
        found.truncate(found.floor_char_boundary(MAX_FOUND));
        found.push_str("...");
        found.shrink_to_fit();
    }
    found
}

/// Decodes a message. [`Frames`] has checked its lengths, but the library has more to trip over
/// than those: what it panics about is damage too.
fn decode(decoder: &mut StreamDecoder, mut message: Buffer) -> Result<Option<RecordBatch>, String> {
    match catch_unwind(AssertUnwindSafe(|| decoder.decode(&mut message))) {
        Ok(decoded) => decoded.map_err(|error| error.to_string()),
        Err(_) => Err("values that contradict each other".to_owned()),
    }
}

/// Reads the schema. The decoder takes it in together with the message that follows.
fn first_message<R: Read>(
    frames: &mut Frames<R>,
    decoder: &mut StreamDecoder,
) -> Result<Schema, Stop> {
    let message = frames.next()?;
    let schema = frame::schema(&message).map_err(Stop::Damaged)?;
    decode(decoder, message).map_err(Stop::Damaged)?;
    Ok(schema)
}

fn not_a_recording(input: &str, stop: Stop) -> Error {
    let found = match stop {
        Stop::End => "an Arrow stream without a schema".to_owned(),
        Stop::Cut(0) => "it is empty".to_owned(),
        Stop::Cut(bytes) => format!("it ends after {bytes} bytes, within its first message"),
        Stop::Damaged(found) => found,
        Stop::Io(cause) => {
            return Error::Io {
                action: "read",
                path: input.to_owned(),
                cause,
                advice: "Name a file that migscope recorded, or - for standard input.",
            };
        }
    };
    Error::NotARecording {
        input: input.to_owned(),
        found,
    }
}

/// Checks that the schema is the one of its format, and takes that and the facts from it.
fn facts(input: &str, found: &Schema) -> Result<(u32, Facts), Error> {
    let not_a_recording = |found: String| Error::NotARecording {
        input: input.to_owned(),
        found,
    };
    let format = found
        .metadata()
        .get("migscope.format")
        .ok_or_else(|| not_a_recording("an Arrow stream of other data".to_owned()))?;
    let known = format
        .parse()
        .ok()
        .filter(|format| (OLDEST..=FORMAT).contains(format));
    let format = known.ok_or_else(|| Error::WrongFormat {
        input: input.to_owned(),
        found: format.escape_debug().to_string(),
        expected: FORMAT,
    })?;
    let facts = metadata::parse(|key| found.metadata().get(key)).map_err(not_a_recording)?;
    let expected = columns_of(format, facts.details);
    let expected: Vec<Field> = expected.iter().map(Column::field).collect();
    let has = |(place, field): (usize, &Field)| {
        let found = found.fields().get(place);
        found.is_some_and(|f| f.name() == field.name() && f.data_type() == field.data_type())
    };
    let mut fields = expected.iter().enumerate();
    if let Some((_, field)) = fields.find(|field| !has(*field)) {
        let name = field.name();
        return Err(not_a_recording(format!(
            "column {name} is missing, or of another type, or in another place"
        )));
    }
    if found.fields().len() > expected.len() {
        return Err(not_a_recording("too many columns".to_owned()));
    }
    Ok((format, facts))
}
