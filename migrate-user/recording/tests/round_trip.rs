//! What is written is what is read, whatever happens in between.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Read;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int8Type;
use arrow_array::{Array, UInt64Array};
use arrow_ipc::reader::StreamReader;
use migscope_recording::recording::{Error, FORMAT, MAX_ROWS, Reader, Writer};
use migscope_recording::trace::{
    Batch, Cause, Contended, Details, Direction, Ending, Migrations, Row, Status, Wait, WaitFigure,
};
use migscope_testkit::{START_NS, Synthetic, facts, recording, written};

/// The bytes after which a recording ends.
const END_MARK: usize = 8;

/// The most migrations that a reader yields at a time.
const MOST: usize = 1024;

/// The longest stack that is told whole, bytes, as docs/recording.md says.
const MAX_STACK: usize = 32 << 10;

/// The most that the texts of a message take, bytes, as docs/recording.md says.
const MAX_TEXTS: usize = 4 << 20;

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

/// Batches with everything that a recording can hold, a second apart.
fn detailed(seed: u64, batches: usize, size: usize) -> Vec<Batch> {
    let mut synthetic = Synthetic::new(seed)
        .with_totals()
        .with_details()
        .with_waits();
    let mut batches: Vec<Batch> = (0..batches).map(|_| synthetic.batch(size)).collect();
    for (second, batch) in (1..).zip(&mut batches) {
        let status = batch.status.as_mut().unwrap();
        status.time_ns = START_NS + second * 1_000_000_000;
    }
    batches
}

/// The same without the kernel's totals.
fn without_totals(batch: &Batch) -> Batch {
    Batch {
        status: batch.status.clone().map(|status| Status {
            exact: None,
            ..status
        }),
        ..batch.clone()
    }
}

#[test]
fn round_trip_of_everything() {
    let batches = detailed(10, 1, 750);
    let exact = batches[0].status.as_ref().unwrap().exact.as_ref().unwrap();
    assert!(exact.counts.len() > 10 && exact.figures.len() > 20);
    assert!(exact.waits.len() > 8 && exact.wait_figures.len() == WaitFigure::ALL.len());
    let waits = &batches[0].waits;
    assert!(waits.iter().any(|wait| wait.contended.is_some()));
    assert!(waits.iter().any(|wait| wait.worker.is_some()));
    assert!(waits.iter().any(|wait| wait.migration.is_some()));
    assert_eq!(read(&written(&batches)), (batches, Ending::Complete));
}

#[test]
fn totals_are_written_first_every_30_seconds_and_last() {
    let batches = detailed(11, 35, 10);
    let mut expected: Vec<Batch> = batches.iter().map(without_totals).collect();
    for second in [0, 30] {
        expected[second] = batches[second].clone();
    }
    expected.push(Batch {
        migrations: Default::default(),
        waits: Vec::new(),
        status: batches[34].status.clone(),
    });
    assert_eq!(read(&written(&batches)).0, expected);
    // The last one has them already.
    expected.truncate(31);
    assert_eq!(read(&written(&batches[..31])).0, expected);
}

#[test]
fn totals_are_written_more_often_where_records_do_not_tell_everything() {
    let mut batches = detailed(11, 12, 1);
    for batch in &mut batches {
        batch.status.as_mut().unwrap().losses[0] = 1;
    }
    let read = read(&written(&batches)).0;
    let told = |batch: &Batch| batch.status.as_ref().is_some_and(|s| s.exact.is_some());
    let places: Vec<usize> = (0..read.len()).filter(|at| told(&read[*at])).collect();
    assert_eq!(places, [0, 10, 12]);
}

#[test]
fn totals_of_nothing_are_not_the_same_as_none() {
    let mut synthetic = Synthetic::new(12).with_totals();
    let batches = [synthetic.batch(0)];
    assert!(batches[0].status.as_ref().unwrap().exact.is_some());
    assert_eq!(read(&written(&batches)).0, batches);
}

#[test]
fn stacks_are_shared_and_of_bounded_length() {
    let mut batch = Synthetic::new(13).with_details().batch(3);
    let long: String = (0..20_000)
        .map(|frame| format!("frame{frame:05};"))
        .collect();
    batch.migrations.make()[0].user_stack = Some(format!("{long}größe;last").into());
    batch.migrations.make()[1].kernel_stack = batch.migrations.made()[2].kernel_stack.clone();
    let read = read(&written(&[batch])).0.remove(0).migrations;
    let long = read.made()[0].user_stack.as_deref().unwrap();
    assert!(long.starts_with("[cut];frame") && long.ends_with("größe;last"));
    assert!((MAX_STACK - 100..=MAX_STACK).contains(&long.len()));
    let stack = |at: usize| read.made()[at].kernel_stack.clone().unwrap();
    assert!(std::sync::Arc::ptr_eq(&stack(1), &stack(2)));
}

/// Recordings are small. The times of these migrations are noise, of which nothing can be saved.
#[test]
fn a_migration_takes_few_bytes() {
    let plain = written(&[Synthetic::new(14).batch(4000)]).len();
    assert!(plain / 4000 < 45, "{plain}");
    let mut idle = Synthetic::new(14);
    let [one, two] = [1, 2].map(|seconds| vec![idle.batch(0); seconds]);
    let idle = written(&two).len() - written(&one).len();
    // Some 50 bytes for each column, of which nothing is in it.
    assert!(idle < 4200, "{idle}");
}

#[test]
fn a_large_batch_comes_in_parts_that_are_not() {
    let batch = Synthetic::new(15).batch(2 * MAX_ROWS + 1);
    let (read, ending) = read(&written(std::slice::from_ref(&batch)));
    assert_eq!(ending, Ending::Complete);
    assert!(read.iter().all(|part| part.migrations.len() <= MOST));
    let mut all = Batch::default();
    read.into_iter().for_each(|part| all.append(part));
    assert_eq!(all, batch);
}

/// Each wait comes once, wherever messages and batches end.
#[test]
fn waits_come_in_parts_that_are_not_large() {
    for (migrations, more) in [(0, 0), (1, 0), (MAX_ROWS - 1, 1), (3 * MOST, 3), (0, 3)] {
        let mut batch = Synthetic::new(18).with_waits().batch(migrations);
        let waits = Synthetic::new(19)
            .with_waits()
            .batch(3 * MAX_ROWS / 2)
            .waits;
        for wait in waits.iter().cycle().take(more * (MAX_ROWS - 10)) {
            let sequence = batch.waits.len() as u64;
            batch.waits.push(Wait {
                sequence,
                ..wait.clone()
            });
        }
        let (read, ending) = read(&written(std::slice::from_ref(&batch)));
        assert_eq!(ending, Ending::Complete);
        let fits = |part: &Batch| part.migrations.len() <= MOST && part.waits.len() <= MOST;
        assert!(read.iter().all(fits));
        let mut all = Batch::default();
        read.into_iter().for_each(|part| all.append(part));
        assert_eq!(all, batch);
    }
}

#[test]
fn waits_alone_are_a_batch_and_need_no_migration() {
    let mut facts = facts();
    for details in ["waits", "device_side", "device_side sub_steps"] {
        facts.details = Details {
            waits: details == "waits",
            device_side: details != "waits",
            sub_steps: details.ends_with("sub_steps"),
            ..Details::default()
        };
        let mut batch = Synthetic::new(20).with_waits().batch(9);
        batch.migrations = Migrations::default();
        batch.status = None;
        let mut writer = Writer::new(Vec::new(), &facts).unwrap();
        writer.write(&batch).unwrap();
        let bytes = writer.finish().unwrap();
        assert_eq!(Reader::new("test", &bytes[..]).unwrap().facts(), &facts);
        assert_eq!(read(&bytes), (vec![batch], Ending::Complete));
    }
}

/// Where they were not followed, there is no column for them.
#[test]
fn a_recording_without_waits_has_no_columns_for_them() {
    let mut batch = Synthetic::new(21).with_waits().batch(3);
    let mut writer = Writer::new(Vec::new(), &facts()).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.finish().unwrap();
    let names = StreamReader::try_new(&bytes[..], None).unwrap().schema();
    assert!(names.index_of("wait").is_err() && names.index_of("page_lock_ns").is_err());
    batch.waits.clear();
    assert_eq!(read(&bytes).0, [batch]);
}

#[test]
fn unknown_stays_unknown_in_waits_too() {
    let mut batch = Synthetic::new(22).with_details().with_waits().batch(6);
    let wait = &mut batch.waits[0];
    (wait.pid, wait.tid, wait.comm, wait.worker) = (None, None, None, None);
    (wait.cgroup, wait.address, wait.pages, wait.errno) = (None, None, None, None);
    (wait.before_setup_ns, wait.in_migration_ns, wait.migration) = (None, None, None);
    (wait.kernel_stack, wait.user_stack) = (None, None);
    (wait.total_ns, wait.page_lock_ns) = (u64::MAX, 0);
    wait.contended = Some(Contended {
        all_ns: 0,
        ns: 0,
        lock: "".into(),
        holder: None,
        holder_stack: Some("".into()),
    });
    batch.waits[1].contended = None;
    assert_eq!(read(&written(std::slice::from_ref(&batch))).0, [batch]);
}

/// A reader must be able to hold a message, whatever stacks are in it.
#[test]
fn texts_that_are_too_many_for_one_message_come_in_several() {
    let mut batch = Synthetic::new(16).with_details().with_waits().batch(2000);
    for migration in batch.migrations.make() {
        let stack = format!("{};{}", migration.sequence, "frame;".repeat(1000));
        migration.user_stack = Some(stack.into());
    }
    for wait in &mut batch.waits {
        let stack = format!("w{};{}", wait.sequence, "frame;".repeat(1000));
        wait.user_stack = Some(stack.into());
    }
    let waits = batch.waits.iter().flat_map(|w| w.user_stack.as_deref());
    assert!(waits.map(str::len).sum::<usize>() > MAX_TEXTS / 2);
    let bytes = batch
        .migrations
        .made()
        .iter()
        .flat_map(|m| m.user_stack.as_deref());
    assert!(bytes.map(str::len).sum::<usize>() > 2 * MAX_TEXTS);
    let (read, ending) = read(&written(std::slice::from_ref(&batch)));
    assert_eq!(ending, Ending::Complete);
    let mut all = Batch::default();
    read.into_iter().for_each(|part| all.append(part));
    assert_eq!(all, batch);
}

#[test]
fn unknown_stays_unknown_and_extremes_survive() {
    let mut batch = Synthetic::new(3).batch(2);
    let migration = &mut batch.migrations.make()[0];
    migration.direction = Direction::Unknown;
    migration.cause = Cause::Unknown;
    (migration.cgroup, migration.driver, migration.errno) = (None, None, None);
    migration.steps = [None; 5];
    (migration.address, migration.skips) = (None, None);
    migration.ledger.requested = u64::MAX;
    migration.anomalies = u8::MAX;
    migration.comm = Some("".into());
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
    cut_anywhere(&recording(2, 2, 1).1, 1);
    // Reading takes longer, and what it is made of is the same: an odd number meets every kind of
    // place.
    let mut batches = detailed(2, 2, 1);
    batches[1].status.as_mut().unwrap().exact = None;
    cut_anywhere(&batches, 151);
}

/// Cuts behind the schema at every n-th place.
fn cut_anywhere(batches: &[Batch], every: usize) {
    let bytes = written(batches);
    let schema = written(&[]).len() - END_MARK;
    let lengths = (schema..bytes.len()).rev().step_by(every);
    let mut seen = vec![false; batches.len() + 1];
    for length in (0..schema).step_by(8).chain(lengths) {
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

/// Any byte may be wrong: that is an error or another number, and never a panic or a huge
/// allocation.
#[test]
fn survives_damage_anywhere() {
    damage_anywhere(&recording(5, 1, 3).1, 1);
    damage_anywhere(&detailed(5, 1, 1), 41);
}

/// Damages behind the schema every n-th byte.
fn damage_anywhere(batches: &[Batch], every: usize) {
    let schema = written(&[]).len() - END_MARK;
    let bytes = written(batches);
    let places = (0..schema)
        .step_by(16)
        .chain((schema..bytes.len()).step_by(every));
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for at in places {
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
    let format = FORMAT.to_string().into_bytes()[0];
    let at = bytes
        .windows(6)
        .position(|w| w == [1, 0, 0, 0, format, 0])
        .unwrap()
        + 4;
    for other in [b'3', b'9'] {
        let mut recording = bytes.clone();
        recording[at] = other;
        let error = Reader::new("x", &recording[..]).err().unwrap().to_string();
        let words = format!(
            "recording format {}, and format {FORMAT} is read here",
            other as char
        );
        assert!(error.contains(&words), "{error}");
    }
}

#[test]
fn other_tools_read_it_and_sums_are_those_of_migrations() {
    let batches = detailed(6, 3, 50);
    let bytes = written(&batches);
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
            assert!(moved.null_count() > 0);
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

/// Sums over what either event has alone are those of that event.
#[test]
fn a_column_of_one_event_is_null_in_the_others() {
    const SHARED: [&str; 17] = [
        "event",
        "time_ns",
        "pid",
        "tid",
        "comm",
        "worker_tid",
        "worker_comm",
        "cgroup",
        "errno",
        "address",
        "kernel_stack",
        "user_stack",
        "lock",
        "lock_longest_ns",
        "holder_tid",
        "holder_comm",
        "phase",
    ];
    let bytes = written(&detailed(6, 1, 90));
    let mut stream = StreamReader::try_new(&bytes[..], None).unwrap();
    let rows = stream.next().unwrap().unwrap();
    let events = rows.column_by_name("event").unwrap();
    let events = events.as_dictionary::<Int8Type>().keys().values();
    assert!(events.is_sorted() && events.last() == Some(&2));
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let has = |event| {
            (0..)
                .zip(events)
                .any(|(row, of)| *of == event && column.is_valid(row))
        };
        let (name, has) = (field.name().as_str(), [0, 1, 2].map(has));
        match name {
            "event" | "time_ns" => assert_eq!(has, [true; 3], "{name}"),
            "status" => assert_eq!(has, [false, false, true]),
            _ if SHARED.contains(&name) => assert_eq!(has, [true, true, false], "{name}"),
            _ => assert!(!(has[2] || has[0] && has[1]), "{name}"),
        }
    }
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

#[test]
fn rows_are_the_same_in_columns_and_one_by_one() {
    let (bytes, mut batches) = recording(4, 1, 100);
    let read = Reader::new("test", &bytes[..]).unwrap().next().unwrap();
    let rows = |of: &Migrations| {
        let mut rows = Vec::new();
        of.rows(20..70, &mut rows);
        let told: Vec<_> = rows
            .iter()
            .map(|row: &Row<'_>| format!("{row:?}"))
            .collect();
        told
    };
    let in_columns = rows(&read.migrations);
    assert_eq!(in_columns, rows(&batches.remove(0).migrations));
    assert_eq!(in_columns.len(), 50);
}

#[test]
fn columns_are_taken_apart_and_put_together() {
    let (bytes, mut batches) = recording(4, 1, 100);
    let read = Reader::new("test", &bytes[..]).unwrap().next().unwrap();
    let (read, expected) = (read.migrations, batches.remove(0).migrations.into_vec());
    let mut rest = read.clone();
    let mut both = rest.take_first(30);
    assert_eq!(
        (both.made(), rest.made()),
        (&expected[..30], &expected[30..])
    );
    let mut some = read.clone();
    some.retain(|row| row.total_ns() > 1_000_000);
    let slow = expected.into_iter().filter(|m| m.total_ns() > 1_000_000);
    assert_eq!(some, slow.collect::<Vec<_>>());
    both.append(rest);
    assert_eq!(both, read);
}
