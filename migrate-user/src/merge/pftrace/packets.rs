//! The packets of a file, one by one.

use std::io::{self, Read};

use prost::Message as _;

use super::messages::{Packet, Packets};

/// The largest packet that is looked at, bytes, also once it is unpacked.
const MOST_BYTES: u64 = 64 << 20;

/// The tag of a packet: the first field of the trace, of a given length.
const PACKET: u8 = 0x0a;

/// Why there is no further packet.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is damaged at byte {at}: {found}")]
    Damaged { at: u64, found: String },
}

/// Reads packets.
pub(super) struct Reader<R> {
    input: R,
    /// How far it was read.
    at: u64,
    /// Where the last whole packet ends.
    whole: u64,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            at: 0,
            whole: 0,
        }
    }

    /// Where the last whole packet ends, bytes from the start.
    pub(super) fn whole(&self) -> u64 {
        self.whole
    }

    /// The next packet; `None` where no whole one is left.
    pub(super) fn next(&mut self) -> Result<Option<Packet>, Broken> {
        let begin = self.at;
        let damaged = |found: String| Broken::Damaged { at: begin, found };
        let Some(tag) = self.byte()? else {
            return Ok(None);
        };
        if tag != PACKET {
            return Err(damaged(format!("{tag:#04x} stands where a packet begins")));
        }
        let Some(length) = self.length()? else {
            return Ok(None);
        };
        if length > MOST_BYTES {
            return Err(damaged(format!(
                "a packet of {length} bytes, of which at most {MOST_BYTES} are read"
            )));
        }
        let mut bytes = Vec::new();
        (&mut self.input).take(length).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        if (bytes.len() as u64) < length {
            return Ok(None);
        }
        self.whole = self.at;
        let packet = Packet::decode(&*bytes).map_err(|error| damaged(error.to_string()))?;
        Ok(Some(packet))
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            match self.input.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => {
                    self.at += 1;
                    return Ok(Some(byte[0]));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A number of seven bits a byte, the lowest first; `None` where it is not whole.
    fn length(&mut self) -> Result<Option<u64>, Broken> {
        let begin = self.at;
        let mut length = 0;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.byte()? else {
                return Ok(None);
            };
            length |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(Some(length));
            }
        }
        Err(Broken::Damaged {
            at: begin,
            found: "a length without an end".to_owned(),
        })
    }
}

/// The packets that a packet holds, packed by zlib; none where it holds none.
pub(super) fn inside(packet: &Packet) -> Result<Vec<Packet>, String> {
    let Some(packed) = &packet.compressed_packets else {
        return Ok(Vec::new());
    };
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(&**packed)
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("packets that cannot be unpacked: {error}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!(
            "packets that unpack to more than {MOST_BYTES} bytes"
        ));
    }
    let packets = Packets::decode(&*bytes).map_err(|error| error.to_string())?;
    let decoded = packets.packet.iter().map(|bytes| Packet::decode(&**bytes));
    let decoded: Result<_, _> = decoded.collect();
    decoded.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every beginning of a trace has its whole packets, and nothing else.
    #[test]
    fn what_is_cut_ends_behind_its_last_whole_packet() {
        let trace = [&[PACKET, 2, 0x50, 7][..], &[PACKET, 3, 0x50, 0x80, 1]].concat();
        for length in 0..=trace.len() {
            let mut reader = Reader::new(&trace[..length]);
            let mut ids = Vec::new();
            while let Some(packet) = reader.next().unwrap() {
                ids.push(packet.trusted_packet_sequence_id);
            }
            let expected: &[u32] = match length {
                0..4 => &[],
                4..9 => &[7],
                _ => &[7, 128],
            };
            let whole = [0, 4, 9][expected.len()];
            assert_eq!((&*ids, reader.whole()), (expected, whole), "{length}");
        }
    }

    #[test]
    fn what_is_no_packet_is_told_with_its_place() {
        let endless = [&[PACKET][..], &[0xff; 11]].concat();
        let huge = [PACKET, 0xff, 0xff, 0xff, 0xff, 0x0f];
        let field = [PACKET, 2, 0x50, 0x80];
        for (bytes, word) in [
            (&endless[..], "without an end"),
            (&huge, "at most"),
            (&field, "damaged at byte 0"),
            (&[0x12, 0], "0x12"),
        ] {
            let said = Reader::new(bytes).next().unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }
}
