//! A histogram as other HdrHistogram libraries read it.

use std::io::Read as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use migrate_ebpf::wire::histogram::BUCKETS;

use crate::trace::histogram::{DIGITS, HIGHEST, LOWEST};

/// What stands before the packed bytes: a mark, and how many follow.
const OUTER_BYTES: usize = 8;
/// What stands before the counts.
const HEADER_BYTES: usize = 40;
/// The most that a count takes.
const COUNT_BYTES: usize = 9;
/// The most that a histogram takes unpacked.
const MAX_BYTES: usize = HEADER_BYTES + BUCKETS * COUNT_BYTES;
/// The most that a histogram takes as text: packing makes nothing longer but by some bytes of each
/// block, and base64 makes four letters of three bytes.
pub(super) const MAX_TEXT: usize = (OUTER_BYTES + MAX_BYTES + MAX_BYTES / 16) / 3 * 4 + 64;
/// More values than this are damage: a thousand years of a migration every 100 ns. Sums of a few
/// stay far from overflow.
const MAX_VALUES: u64 = 1 << 58;

/// V2 encoding, compressed, in base64. Fails for counts that no machine reaches.
pub(super) fn encode(histogram: &Histogram<u64>) -> Result<String, String> {
    bytes(histogram).map(|bytes| BASE64_STANDARD.encode(bytes))
}

/// The histogram that this text is, if it is one of ours.
pub(super) fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = BASE64_STANDARD
        .decode(text)
        .map_err(|error| format!("a histogram that is no base64 ({error})"))?;
    from_bytes(&bytes)
}

fn bytes(histogram: &Histogram<u64>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// What the bytes say is believed only where it is checked: the library would reserve whatever a
/// header asks for.
fn from_bytes(bytes: &[u8]) -> Result<Histogram<u64>, String> {
    let plain = unpack(bytes)?;
    check(&plain)?;
    let histogram: Histogram<u64> = Deserializer::new()
        .deserialize(&mut &plain[..])
        .map_err(|error| format!("a histogram that makes no sense ({error})"))?;
    if histogram.len() > MAX_VALUES {
        return Err(format!("a histogram of {} values", histogram.len()));
    }
    Ok(histogram)
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let packed = bytes.get(OUTER_BYTES..).unwrap_or_default();
    let mut plain = Vec::new();
    ZlibDecoder::new(packed)
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|error| format!("a histogram that cannot be unpacked ({error})"))?;
    if plain.len() > MAX_BYTES {
        return Err("a histogram that is too large".to_owned());
    }
    Ok(plain)
}

/// Are length, digits and bounds in the header those of our histograms? The library looks at the
/// rest of it, and trips over one count.
fn check(plain: &[u8]) -> Result<(), String> {
    let (header, counts) = plain
        .split_at_checked(HEADER_BYTES)
        .ok_or("a histogram without a header")?;
    let parts: [(usize, &[u8]); 4] = [
        (4, &(counts.len() as u32).to_be_bytes()),
        (12, &u32::from(DIGITS).to_be_bytes()),
        (16, &LOWEST.to_be_bytes()),
        (24, &HIGHEST.to_be_bytes()),
    ];
    if parts
        .iter()
        .any(|(at, expected)| !header[*at..].starts_with(expected))
    {
        return Err("a histogram of other bounds or digits".to_owned());
    }
    // The most negative count, whose opposite the library would overflow with. No count that is
    // possible has such bytes.
    if counts
        .windows(COUNT_BYTES)
        .any(|count| count == [0xff; COUNT_BYTES])
    {
        return Err("a histogram with an impossible count".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;
    use crate::trace::histogram::new_histogram;

    fn some() -> Histogram<u64> {
        let mut histogram = new_histogram();
        for value in [0, 1, 255, 256, 70_000, HIGHEST, u64::MAX] {
            histogram.saturating_record_n(value, value % 1000 + 1);
        }
        histogram
    }

    fn pack(plain: &[u8]) -> Vec<u8> {
        let mut packed = ZlibEncoder::new(vec![0; OUTER_BYTES], Compression::fast());
        packed.write_all(plain).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn what_is_written_is_read_by_us_and_by_the_library() {
        for histogram in [some(), new_histogram()] {
            let text = encode(&histogram).unwrap();
            assert_eq!(decode(&text), Ok(histogram.clone()));
            let bytes = bytes(&histogram).unwrap();
            let other: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            assert_eq!(other, histogram);
        }
    }

    #[test]
    fn damage_is_an_error_and_reserves_nothing() {
        let bytes = bytes(&some()).unwrap();
        for length in 0..bytes.len() {
            assert!(from_bytes(&bytes[..length]).is_err(), "cut at {length}");
        }
        let plain = unpack(&bytes).unwrap();
        for (at, value) in [(4, 0xff), (15, 5), (24, 0x7f), (31, 0)] {
            let mut wrong = plain.clone();
            wrong[at] = value;
            assert!(
                from_bytes(&pack(&wrong)).unwrap_err().contains("bounds"),
                "{at}"
            );
        }
        assert!(
            from_bytes(&pack(&vec![0; 1 << 24]))
                .unwrap_err()
                .contains("too large")
        );
    }

    /// Any byte of the unpacked form may be wrong.
    #[test]
    fn survives_any_counts() {
        let plain = unpack(&bytes(&some()).unwrap()).unwrap();
        for at in HEADER_BYTES..plain.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut wrong = plain.clone();
                wrong[at] = value;
                let _ = from_bytes(&pack(&wrong));
                // As large and as negative as a count can be.
                wrong.truncate(at);
                wrong.extend([0xff; COUNT_BYTES]);
                let counts = (wrong.len() - HEADER_BYTES) as u32;
                wrong[4..8].copy_from_slice(&counts.to_be_bytes());
                assert!(from_bytes(&pack(&wrong)).is_err());
            }
        }
    }
}
