//! What is written is what is read, whatever happens in between.

use std::io::Read;

use arrow_array::{Array, UInt64Array};
use arrow_ipc::reader::StreamReader;

use super::{END_MARK, Reader, Writer};
use crate::Error;
use crate::model::{Direction, Trigger};
use crate::source::{Batch, Ending};
use crate::support::{Synthetic, facts, recording};

fn read(bytes: &[u8]) -> (Vec<Batch>, Ending) {
    let mut reader = Reader::new("test", bytes).unwrap();
    let batches = reader.by_ref().collect();
    (batches, reader.ending().unwrap().clone())
}

#[test]
fn round_trip() {
    let (bytes, batches) = recording(1, 5, 200);
    assert_eq!(Reader::new("test", &bytes[..]).unwrap().facts(), &facts());
    assert_eq!(read(&bytes), (batches, Ending::Complete));
}

#[test]
fn unknown_stays_unknown_and_extremes_survive() {
    let mut batch = Synthetic::new(3).batch(2);
    let migration = &mut batch.migrations[0];
    migration.direction = Direction::Unknown;
    migration.trigger = Trigger::Unknown;
    (migration.cgroup, migration.driver, migration.errno) = (None, None, None);
    migration.steps = [None; 5];
    (migration.address, migration.skips) = (None, None);
    migration.ledger.requested = u64::MAX;
    migration.anomalies = u8::MAX;
    migration.comm = "".into();
    let mut writer = Writer::new(Vec::new(), &facts()).unwrap();
    writer.write(&batch).unwrap();
    assert_eq!(read(&writer.finish().unwrap()).0, [batch]);
}

#[test]
fn a_batch_without_migrations_and_one_without_status() {
    let mut synthetic = Synthetic::new(4);
    let status_only = synthetic.batch(0);
    let migrations_only = Batch {
        status: None,
        ..synthetic.batch(3)
    };
    let mut writer = Writer::new(Vec::new(), &facts()).unwrap();
    for batch in [&status_only, &Batch::default(), &migrations_only] {
        writer.write(batch).unwrap();
    }
    assert_eq!(
        read(&writer.finish().unwrap()).0,
        [status_only, migrations_only]
    );
}

#[test]
fn cut_anywhere_gives_every_whole_batch() {
    let (bytes, batches) = recording(2, 2, 1);
    let mut seen = vec![false; batches.len() + 1];
    for length in 0..bytes.len() {
        let mut reader = match Reader::new("test", &bytes[..length]) {
            Ok(reader) => reader,
            Err(Error::NotARecording { .. }) => continue,
            Err(error) => panic!("at {length}: {error}"),
        };
        let got: Vec<Batch> = reader.by_ref().collect();
        seen[got.len()] = true;
        assert_eq!(got, batches[..got.len()]);
        let Some(Ending::Unfinished {
            whole_bytes,
            lost_bytes,
        }) = reader.ending()
        else {
            panic!("at {length}: {:?}", reader.ending());
        };
        assert_eq!(whole_bytes + lost_bytes, length as u64);
    }
    assert_eq!(seen, [true; 3]);
}

/// Any byte may be wrong: that is an error or another number, and never a panic or a huge allocation.
#[test]
fn survives_damage_anywhere() {
    let schema = recording(5, 0, 0).0.len() - END_MARK.len();
    let (bytes, _) = recording(5, 1, 3);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for at in (0..schema).step_by(8).chain(schema..bytes.len()) {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mut damaged = bytes.clone();
        damaged[at] ^= (random >> 56) as u8 | 1;
        if let Ok(reader) = Reader::new("test", &damaged[..]) {
            reader.for_each(drop);
        }
    }
}

#[test]
fn says_what_it_found_instead() {
    let found = |bytes: &[u8]| match Reader::new("x", bytes) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("took {bytes:?} for a recording"),
    };
    assert!(found(b"").starts_with("x is not a migscope recording: it is empty."));
    assert!(found(b"# a text file\n").contains("no message begins here"));
    assert!(found(&[0xff; 64]).contains("a message's description of 4294967295 bytes"));
    assert!(found(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]).contains("without a schema"));
    let (bytes, _) = recording(1, 0, 0);
    let at = bytes
        .windows(15)
        .position(|w| w == b"migscope.format")
        .unwrap();
    let mut other = bytes.clone();
    other[at] = b'M';
    assert!(found(&other).contains("an Arrow stream of other data"));
}

#[test]
fn says_that_the_format_is_another() {
    let (bytes, _) = recording(1, 0, 0);
    // The value is the flatbuffer string before its key: the length 1 and the digit.
    let at = bytes
        .windows(6)
        .position(|w| w == [1, 0, 0, 0, b'2', 0])
        .unwrap()
        + 4;
    let mut newer = bytes;
    newer[at] = b'9';
    let error = Reader::new("x", &newer[..]).err().unwrap();
    assert!(
        matches!(&error, Error::WrongFormat { found, .. } if found == "9"),
        "{error}"
    );
}

#[test]
fn other_tools_read_it_and_sums_leave_status_rows_out() {
    let (bytes, batches) = recording(6, 3, 50);
    let sum: u64 = StreamReader::try_new(&bytes[..], None)
        .unwrap()
        .map(|rows| {
            let rows = rows.unwrap();
            let moved: &UInt64Array = rows
                .column_by_name("moved")
                .unwrap()
                .as_any()
                .downcast_ref()
                .unwrap();
            assert_eq!(moved.null_count(), 1);
            moved.iter().flatten().sum::<u64>()
        })
        .sum();
    let expected: u64 = batches
        .iter()
        .flat_map(|batch| &batch.migrations)
        .map(|m| m.ledger.moved)
        .sum();
    assert_eq!(sum, expected);
}

#[test]
fn a_read_error_ends_it_with_what_was_whole() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("cable pulled"))
        }
    }
    let (bytes, batches) = recording(7, 2, 3);
    let mut reader = Reader::new("test", bytes[..bytes.len() - 8].chain(Broken)).unwrap();
    assert_eq!(reader.by_ref().collect::<Vec<_>>(), batches);
    let Some(Ending::Damaged { found, .. }) = reader.ending() else {
        panic!()
    };
    assert!(found.contains("cable pulled"));
}
