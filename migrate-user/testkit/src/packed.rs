//! What is packed in a recording, changed and packed again: a valid frame of Zstandard's with other
//! bytes in it, and all lengths true.

use std::ops::Range;

use arrow_ipc::{Message, RecordBatch, root_as_message};

/// What comes before a message's description: a mark, and how long it is.
const HEAD: usize = 8;
/// What comes before a packed buffer: how long it is unpacked; -1 where it is not packed.
const LENGTH: usize = 8;
/// The most that a buffer is unpacked to, bytes.
const MOST: usize = 1 << 24;
/// An offset and a length.
const BUFFER: usize = 16;

/// Where a message's description and its body lie, bytes from the start.
struct Place {
    description: Range<usize>,
    body: Range<usize>,
}

/// Changes one buffer of one message, each chosen by `below`, which picks a number below another.
/// Nothing, where there is none.
pub fn repack(
    bytes: &mut Vec<u8>,
    mut below: impl FnMut(usize) -> usize,
    change: impl FnOnce(&mut Vec<u8>),
) -> Option<()> {
    let mut places = places(bytes);
    let place = (!places.is_empty()).then(|| places.swap_remove(below(places.len())))?;
    let description = &bytes[place.description.clone()];
    let message = root_as_message(description).ok()?;
    let buffers = batch(&message)?.buffers().filter(|all| !all.is_empty())?;
    let nth = below(buffers.len());
    let buffer = buffers.get(nth);
    let at = usize::try_from(buffer.offset()).ok()?;
    let end = at.checked_add(usize::try_from(buffer.length()).ok()?)?;
    let mut plain = unpack(bytes.get(place.body.clone())?.get(at..end)?)?;
    // Numbers in the description that are no longer true: where the buffer is, and how long the
    // body.
    let inside = |bytes: &[u8]| bytes.as_ptr() as usize - description.as_ptr() as usize;
    let buffer_at = place.description.start + inside(buffers.bytes()) + nth * BUFFER;
    let length_at = message._tab.vtable().get(Message::VT_BODYLENGTH);
    let length_at = place.description.start + message._tab.loc() + usize::from(length_at);
    change(&mut plain);
    let packed = pack(&plain);
    let body = place.body.len();
    put(bytes, buffer_at, body as u64);
    put(bytes, buffer_at + 8, packed.len() as u64);
    put(
        bytes,
        length_at,
        (body + packed.len()).next_multiple_of(8) as u64,
    );
    let padding = (body + packed.len()).next_multiple_of(8) - body - packed.len();
    let end = place.body.end;
    bytes.splice(end..end, packed.into_iter().chain(vec![0; padding]));
    Some(())
}

/// Of all messages with a batch of columns or a dictionary, up to the first that makes no sense.
fn places(bytes: &[u8]) -> Vec<Place> {
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(place) = place(bytes, at) {
        at = place.body.end;
        if !place.body.is_empty() {
            places.push(place);
        }
    }
    places
}

fn place(bytes: &[u8], at: usize) -> Option<Place> {
    let begin = at.checked_add(HEAD)?;
    let length = bytes.get(at + 4..begin)?.try_into().ok()?;
    let end = begin.checked_add(u32::from_le_bytes(length) as usize)?;
    let message = root_as_message(bytes.get(begin..end)?).ok()?;
    let body_end = end.checked_add(usize::try_from(message.bodyLength()).ok()?)?;
    (body_end <= bytes.len()).then_some(Place {
        description: begin..end,
        body: end..body_end,
    })
}

fn batch<'a>(message: &Message<'a>) -> Option<RecordBatch<'a>> {
    let of_dictionary = || message.header_as_dictionary_batch()?.data();
    message.header_as_record_batch().or_else(of_dictionary)
}

fn unpack(buffer: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = buffer.split_first_chunk::<LENGTH>()?;
    match i64::from_le_bytes(*length) {
        -1 => Some(rest.to_vec()),
        length => {
            let length = usize::try_from(length).ok()?.min(MOST);
            zstd::bulk::decompress(rest, length).ok()
        }
    }
}

fn pack(plain: &[u8]) -> Vec<u8> {
    let mut packed = (plain.len() as u64).to_le_bytes().to_vec();
    packed.extend(zstd::bulk::compress(plain, 1).unwrap());
    packed
}

fn put(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}
