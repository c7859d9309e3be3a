//! The messages of an Arrow IPC stream, one at a time, checked before anything is made of them.
//!
//! The lengths in a message come from outside. Nothing is reserved by their word alone: what is
//! read is bounded, and grows only as bytes arrive. What a buffer says that it is when it is
//! unpacked is bounded by what a recorder writes ([`limits`](super::limits)).

use std::io::{self, Read};

use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::{
    CompressionType, DictionaryBatch, Message, MessageHeader, RecordBatch,
    root_as_message_with_opts,
};
use arrow_schema::Schema;
use flatbuffers::VerifierOptions;

use super::column::TEXT_WIDTHS;
use super::limits::{MAX_PLACES, MAX_ROWS, MAX_STATUS, MAX_TEXTS};

/// What begins every message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The most that the description of one message may take, bytes, also when all that it refers to
/// twice is there twice.
const MAX_METADATA: u32 = 1 << 18;

/// The most that the body of one message may take, bytes, as it stands in the stream.
const MAX_BODY: u64 = 1 << 26;

/// What a buffer may be longer than what is in it, bytes: lengths are rounded up.
const PADDING: u64 = 64;

/// The most letters in the dictionaries of one message, bytes: all texts, and what the few names
/// take that are known from the start.
const MAX_LETTERS: u64 = MAX_TEXTS as u64 + 4096;

/// As much is reserved before it has come: most messages are smaller.
const RESERVED: u64 = 1 << 20;

/// A column whose buffer is shorter than this cannot say how long it is uncompressed.
const LENGTH_PREFIX: u64 = 8;

/// Why there is no further message.
#[derive(Debug)]
pub(super) enum Stop {
    /// The end mark stands here.
    End,
    /// The stream ends without its mark; this many bytes of a message stand before its end.
    Cut(u64),
    /// The bytes make no sense.
    Damaged(String),
    /// They could not be read.
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Cuts a stream into messages.
pub(super) struct Frames<R> {
    input: R,
    /// Bytes of all whole messages so far.
    whole: u64,
    /// The size of an element in each buffer of a batch, bytes; empty while that is not known.
    widths: Vec<u64>,
    /// The letters of the dictionaries since the last batch, bytes.
    letters: u64,
}

impl<R: Read> Frames<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            whole: 0,
            widths: Vec::new(),
            letters: 0,
        }
    }

    /// From here on, batches must have buffers with elements of these sizes, bytes.
    pub(super) fn expect(&mut self, widths: Vec<u64>) {
        self.widths = widths;
    }

    /// Goes on behind an end mark: what follows, if anything does, is another stream.
    pub(super) fn pass_end_mark(&mut self) {
        self.whole += super::END_MARK.len() as u64;
        self.widths.clear();
        self.letters = 0;
    }

    /// Where the next message begins, bytes from the start of the stream.
    pub(super) fn position(&self) -> u64 {
        self.whole
    }

    /// The next message, whole, as the stream had it.
    pub(super) fn next(&mut self) -> Result<Buffer, Stop> {
        let mut bytes = Vec::new();
        self.fill(&mut bytes, 8)?;
        let (mark, length) = bytes.split_at(4);
        if mark != CONTINUATION {
            return Err(Stop::Damaged(format!(
                "no message begins here (found bytes {mark:02x?})"
            )));
        }
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
        match length {
            0 => return Err(Stop::End),
            1..=MAX_METADATA => self.fill(&mut bytes, u64::from(length))?,
            _ => {
                return Err(Stop::Damaged(format!(
                    "a message's description of {length} bytes"
                )));
            }
        }
        let body = body_length(&bytes[8..]).map_err(Stop::Damaged)?;
        let head = bytes.len();
        self.fill(&mut bytes, body)?;
        let (head, body) = bytes.split_at(head);
        self.check(&head[8..], body).map_err(Stop::Damaged)?;
        self.whole += bytes.len() as u64;
        Ok(Buffer::from_vec(bytes))
    }

    /// Appends exactly `length` bytes.
    fn fill(&mut self, bytes: &mut Vec<u8>, length: u64) -> Result<(), Stop> {
        bytes.reserve(length.min(RESERVED) as usize);
        let got = (&mut self.input).take(length).read_to_end(bytes)?;
        if (got as u64) < length {
            Err(Stop::Cut(bytes.len() as u64))
        } else {
            Ok(())
        }
    }

    /// Are all lengths in this message true, and none absurd?
    fn check(&mut self, metadata: &[u8], body: &[u8]) -> Result<(), String> {
        let message = message(metadata)?;
        match message.header_type() {
            MessageHeader::Schema => Ok(()),
            // It would wait in the decoder until the next message.
            _ if body.is_empty() => Err("a message without a body".to_owned()),
            MessageHeader::DictionaryBatch => message
                .header_as_dictionary_batch()
                .ok_or_else(|| "a dictionary without values".to_owned())
                .and_then(|dictionary| self.check_dictionary(&dictionary, body)),
            MessageHeader::RecordBatch => {
                self.letters = 0;
                message
                    .header_as_record_batch()
                    .ok_or_else(|| "a batch without columns".to_owned())
                    .and_then(|batch| check_rows(&batch, body, &self.widths))
            }
            other => Err(format!("a message of kind {}", other.0)),
        }
    }

    fn check_dictionary(
        &mut self,
        dictionary: &DictionaryBatch<'_>,
        body: &[u8],
    ) -> Result<(), String> {
        // The library would put it behind the one before, without end.
        if dictionary.isDelta() {
            return Err("a dictionary that goes on from another".to_owned());
        }
        let batch = dictionary
            .data()
            .ok_or_else(|| "a dictionary without values".to_owned())?;
        self.letters += check_batch(&batch, body, TEXT_WIDTHS, MAX_LETTERS)?;
        if self.letters > MAX_LETTERS {
            return Err(format!("texts of {} bytes in one batch", self.letters));
        }
        Ok(())
    }
}

/// The schema, if this message is one.
pub(super) fn schema(message_bytes: &[u8]) -> Result<Schema, String> {
    let metadata = message_bytes.get(8..).unwrap_or_default();
    let schema = message(metadata)?
        .header_as_schema()
        .ok_or_else(|| "an Arrow stream that does not begin with a schema".to_owned())?;
    try_fb_to_schema(schema).map_err(|error| error.to_string())
}

fn message(metadata: &[u8]) -> Result<Message<'_>, String> {
    let bounded = VerifierOptions {
        max_apparent_size: MAX_METADATA as usize,
        ..VerifierOptions::default()
    };
    root_as_message_with_opts(&bounded, metadata)
        .map_err(|error| format!("a message's description is invalid ({error})"))
}

fn body_length(metadata: &[u8]) -> Result<u64, String> {
    let length = message(metadata)?.bodyLength();
    u64::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_BODY)
        .ok_or_else(|| format!("a message of {length} bytes"))
}

fn check_rows(batch: &RecordBatch<'_>, body: &[u8], widths: &[u64]) -> Result<(), String> {
    if batch.length() > MAX_ROWS as i64 {
        return Err(format!("{} rows in one batch", batch.length()));
    }
    check_batch(batch, body, widths, MAX_STATUS as u64).map(drop)
}

/// Are all buffers as long as those of a recorder may be? How many letters are in the last of them,
/// which is the one of texts.
fn check_batch(
    batch: &RecordBatch<'_>,
    body: &[u8],
    widths: &[u64],
    letters: u64,
) -> Result<u64, String> {
    let compressed = match batch.compression() {
        None => false,
        Some(compression) if compression.codec() == CompressionType::ZSTD => true,
        Some(_) => {
            return Err("a batch that is compressed in another way than Zstandard".to_owned());
        }
    };
    let buffers = batch.buffers().unwrap_or_default();
    if buffers.len() != widths.len() {
        return Err(format!(
            "{} buffers in place of {}",
            buffers.len(),
            widths.len()
        ));
    }
    let mut last = 0;
    for (place, (buffer, width)) in buffers.iter().zip(widths).enumerate() {
        let bytes = slice(body, buffer.offset(), buffer.length())
            .ok_or_else(|| "a column that reaches beyond its message".to_owned())?;
        last = if compressed {
            plain_length(bytes)?
        } else {
            bytes.len() as u64
        };
        let most = if place + 1 == widths.len() {
            letters
        } else {
            // Where the texts of all places begin, and where the last one ends.
            width * (MAX_PLACES as u64 + 1)
        };
        // The library that decodes it takes whole elements for granted.
        if last % width != 0 || last > most + PADDING {
            return Err(format!("a column of {last} bytes"));
        }
    }
    Ok(last)
}

fn slice(body: &[u8], offset: i64, length: i64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    body.get(start..end)
}

/// How long a compressed buffer says that it is when it is unpacked; -1 stands for one that is not
/// packed.
fn plain_length(bytes: &[u8]) -> Result<u64, String> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<{ LENGTH_PREFIX as usize }>() else {
        return if bytes.is_empty() {
            Ok(0)
        } else {
            Err("a column without its length".to_owned())
        };
    };
    match i64::from_le_bytes(*prefix) {
        -1 => Ok(rest.len() as u64),
        length => u64::try_from(length).map_err(|_| format!("a column of {length} bytes")),
    }
}
