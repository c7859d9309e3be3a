//! Recordings that claim as much as a few compressed bytes can: reading them takes little memory,
//! and says what is wrong.
//!
//! Each file is one that Arrow's own writer makes, of the columns of a recording and no larger than
//! 1 MiB.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "what is run is limited here in a way of its own")]
#[path = "support/program.rs"]
mod program;

use std::process::{Command, Output};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int8Array, Int32Array, RecordBatch, StringArray, UInt32Array,
    UInt64Array, new_null_array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, SchemaRef};
use migscope_testkit::{Synthetic, written};
use program::{file, stderr, stdout};
use serde_json::Value;

/// The largest file of all that are made here, bytes.
const MAX_FILE: usize = 1 << 20;

/// What the program may write to, KiB: with its own code and constants, which are read only, it
/// stays below 256 MiB.
const MAX_DATA_KIB: u64 = 208 << 10;

/// A batch with everything that a recording can hold, as other tools see it.
fn honest() -> (SchemaRef, RecordBatch) {
    let mut synthetic = Synthetic::new(3).with_totals().with_details().with_waits();
    let bytes = written(&[synthetic.batch(50)]);
    let mut reader = StreamReader::try_new(&bytes[..], None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    (reader.schema(), batch)
}

/// A stream of these batches, compressed as recordings are.
fn stream(schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let options = IpcWriteOptions::default();
    let options = options.try_with_compression(Some(CompressionType::ZSTD));
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), schema, options.unwrap()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    let bytes = writer.into_inner().unwrap();
    assert!(bytes.len() <= MAX_FILE, "{} bytes", bytes.len());
    bytes
}

/// The batch with one column in place of another.
fn with(batch: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let place = batch.schema().index_of(name).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[place] = column;
    RecordBatch::try_new(batch.schema(), columns).unwrap()
}

/// The batch with other texts behind a column's keys.
fn with_texts(batch: &RecordBatch, name: &str, texts: StringArray) -> RecordBatch {
    let column = batch.column_by_name(name).unwrap();
    let texts = Arc::new(texts);
    let column: ArrayRef = match column.data_type() {
        DataType::Dictionary(key, _) if **key == DataType::Int8 => {
            let keys = column.as_dictionary::<Int8Type>().keys().clone();
            Arc::new(DictionaryArray::new(keys, texts))
        }
        _ => {
            let keys = column.as_dictionary::<Int32Type>().keys().clone();
            Arc::new(DictionaryArray::new(keys, texts))
        }
    };
    with(batch, name, column)
}

/// The texts of a column, and behind them as many of these.
fn texts_and(batch: &RecordBatch, name: &str, more: &str, times: usize) -> StringArray {
    let column = batch.column_by_name(name).unwrap().as_any_dictionary();
    let known = column.values().as_string::<i32>();
    let known = known.iter().map(|text| text.unwrap().to_owned());
    let more = std::iter::repeat_n(more.to_owned(), times);
    StringArray::from_iter_values(known.chain(more))
}

/// The batch with another status in its last row.
fn with_status(batch: &RecordBatch, text: &str) -> RecordBatch {
    let none = std::iter::repeat_n(None, batch.num_rows() - 1);
    let statuses = none.chain([Some(text)]).collect::<StringArray>();
    with(batch, "status", Arc::new(statuses))
}

fn status(batch: &RecordBatch) -> String {
    let statuses = batch.column_by_name("status").unwrap().as_string::<i32>();
    statuses.value(batch.num_rows() - 1).to_owned()
}

/// What `report` says, in a process that must do with little memory.
fn report(bytes: &[u8]) -> Output {
    let (_folder, path) = file(bytes);
    let limited = format!("ulimit -d {MAX_DATA_KIB} && exec \"$0\" report \"$1\"");
    Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_migscope")])
        .arg(path)
        .output()
        .unwrap()
}

/// It is damage, the report says so, and there was memory enough.
fn assert_damaged(what: &str, bytes: &[u8], word: &str) {
    let output = report(bytes);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{what}: {said}");
    assert!(
        said.contains("damaged") && said.contains(word),
        "{what}: {said}"
    );
    assert!(said.len() < 2000, "{what}: {said}");
}

/// It is read, and there was memory enough.
fn assert_read(what: &str, bytes: &[u8]) {
    let output = report(bytes);
    assert_eq!(output.status.code(), Some(0), "{what}: {}", stderr(&output));
    assert!(stdout(&output).contains("migrations"), "{what}");
}

#[test]
fn the_limit_holds_and_honest_recordings_keep_to_it() {
    let (schema, batch) = honest();
    let bytes = stream(&schema, &[batch]);
    assert_read("honest", &bytes);
    // Whoever takes more than that fails: `tail` holds a line whole.
    let line = format!("ulimit -d {MAX_DATA_KIB} && head -c 300000000 /dev/zero | tail -n 1");
    let tail = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(!tail.status.success() && tail.stdout.is_empty());
}

#[test]
fn dictionaries_have_no_more_texts_than_rows_can_name() {
    let (schema, batch) = honest();
    for field in schema.fields() {
        let DataType::Dictionary(..) = field.data_type() else {
            continue;
        };
        let name = field.name();
        // One is as large as it can be: it would take more memory than there is.
        let (many, long) = match name.as_str() {
            "comm" => (8_000_000, 100 << 20),
            _ => (9000, 5 << 20),
        };
        let texts = texts_and(&batch, name, "", many);
        let bytes = stream(&schema, &[with_texts(&batch, name, texts)]);
        assert_damaged(&format!("texts of {name}"), &bytes, "a column of ");
        let texts = texts_and(&batch, name, &" ".repeat(long), 1);
        let bytes = stream(&schema, &[with_texts(&batch, name, texts)]);
        assert_damaged(&format!("a text of {name}"), &bytes, "a column of ");
    }
}

/// So many times the first row of a column.
fn repeated(column: &ArrayRef, rows: usize) -> ArrayRef {
    match column.data_type() {
        DataType::UInt64 => Arc::new(UInt64Array::from(vec![7; rows])),
        DataType::UInt32 => Arc::new(UInt32Array::from(vec![7; rows])),
        DataType::Dictionary(key, _) if **key == DataType::Int8 => {
            let values = column.as_dictionary::<Int8Type>().values().clone();
            Arc::new(DictionaryArray::new(Int8Array::from(vec![0; rows]), values))
        }
        DataType::Dictionary(..) => {
            let values = column.as_dictionary::<Int32Type>().values().clone();
            Arc::new(DictionaryArray::new(
                Int32Array::from(vec![0; rows]),
                values,
            ))
        }
        other => new_null_array(other, rows),
    }
}

#[test]
fn batches_have_no_more_rows_than_recorders_write() {
    let (schema, batch) = honest();
    for (rows, is_read) in [(8192, true), (8193, false), (300_000, false)] {
        let columns = batch.columns().iter().map(|column| repeated(column, rows));
        let batch = RecordBatch::try_new(schema.clone(), columns.collect()).unwrap();
        let bytes = stream(&schema, &[batch]);
        if is_read {
            assert_read("as many rows as there may be", &bytes);
        } else {
            assert_damaged("rows", &bytes, "rows in one batch");
        }
    }
}

#[test]
fn a_status_is_no_longer_than_one_of_a_recorder() {
    let (schema, batch) = honest();
    let honest = status(&batch);
    let long = format!("{honest}{}", " ".repeat(100 << 20));
    let bytes = stream(&schema, &[with_status(&batch, &long)]);
    assert_damaged("a long status", &bytes, "a column of 104");

    let quoted = format!("{{\"ended\":\"{}\"", "\u{1}x".repeat(1 << 20));
    let bytes = stream(&schema, &[with_status(&batch, &quoted)]);
    assert_damaged("what is quoted", &bytes, "a status of other form");

    let losses: String = (0..400_000).map(|nth| format!("\"{nth}\":0,")).collect();
    let losses = honest.replace("\"losses\":{", &format!("\"losses\":{{{losses}"));
    let bytes = stream(&schema, &[with_status(&batch, &losses)]);
    assert_read("losses of other names", &bytes);
}

#[test]
fn totals_in_a_status_are_as_few_as_there_can_be() {
    let (schema, batch) = honest();
    let mut honest: Value = serde_json::from_str(&status(&batch)).unwrap();
    let lists = [
        ("counts", 140),
        ("figures", 280),
        ("waits", 84),
        ("wait_figures", 7),
    ];
    for (list, most) in lists {
        let one = honest["totals"][list][0].clone();
        let mut many = honest.clone();
        many["totals"][list] = vec![one; most + 1].into();
        let bytes = stream(&schema, &[with_status(&batch, &many.to_string())]);
        assert_damaged(list, &bytes, &format!("a list of {most}"));
    }
    // One after another, as many as there may be in each.
    for (list, most) in lists {
        let one = honest["totals"][list][0].clone();
        honest["totals"][list] = vec![one; most].into();
    }
    let batch = with_status(&batch, &honest.to_string());
    assert_read("many totals", &stream(&schema, &vec![batch; 20]));
}

/// The rows of an event come together, and names that nobody knows are damage.
#[test]
fn rows_of_waits_are_looked_at_as_closely_as_migrations() {
    let (schema, batch) = honest();
    let rows = batch.num_rows();
    let events = batch.column_by_name("event").unwrap();
    let with_events = |event: fn(usize, i8) -> i8| {
        let events = events.as_dictionary::<Int8Type>();
        let keys = events.keys().values().iter().enumerate();
        let keys: Int8Array = keys.map(|(row, key)| Some(event(row, *key))).collect();
        let column = DictionaryArray::new(keys, events.values().clone());
        stream(&schema, &[with(&batch, "event", Arc::new(column))])
    };
    let mixed = with_events(|row, event| if row == 0 { 1 } else { event });
    assert_damaged("a wait before migrations", &mixed, "out of order by event");
    let early = with_events(|row, event| if row == 20 { 2 } else { event });
    assert_damaged("a status in the middle", &early, "out of order by event");
    // What is a wait by its event has to have what a wait has.
    let more = with_events(|row, event| if row == 49 { 1 } else { event });
    assert_damaged("a migration as a wait", &more, "a row without wait");

    let known = |name: &str| {
        let column = batch.column_by_name(name).unwrap().as_any_dictionary();
        let known = column.values().as_string::<i32>().iter();
        known
            .map(|text| text.unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for name in ["wait", "result", "event"] {
        let mut texts = known(name);
        texts[0] = "lunch".to_owned();
        let texts = StringArray::from_iter_values(texts);
        let bytes = stream(&schema, &[with_texts(&batch, name, texts)]);
        assert_damaged(name, &bytes, &format!("unknown {name}"));
    }
    for name in ["wait_ns", "wait_sequence", "page_lock_ns"] {
        let column = new_null_array(&DataType::UInt64, rows);
        let bytes = stream(&schema, &[with(&batch, name, column)]);
        assert_damaged(name, &bytes, &format!("a row without {name}"));
    }
    // Nothing that a wait may lack makes trouble where it is missing, or too large.
    for name in ["lock_ns", "holder_tid", "migration", "before_setup_ns"] {
        let place = schema.index_of(name).unwrap();
        let data_type = schema.field(place).data_type();
        let all: [ArrayRef; 2] = match data_type {
            DataType::UInt32 => [
                new_null_array(data_type, rows),
                Arc::new(UInt32Array::from(vec![u32::MAX; rows])),
            ],
            _ => [
                new_null_array(data_type, rows),
                Arc::new(UInt64Array::from(vec![u64::MAX; rows])),
            ],
        };
        for column in all {
            assert_read(name, &stream(&schema, &[with(&batch, name, column)]));
        }
    }
}

/// What may be in one message, again and again: no more of it waits, and no more is kept, than is
/// bounded.
#[test]
fn long_texts_do_not_pile_up() {
    let mut synthetic = Synthetic::new(5).with_details().with_waits();
    let long = "f;".repeat(20_000);
    let mut batch = synthetic.batch(3000);
    for migration in batch.migrations.make().iter_mut() {
        let text = |what: &str| Some(format!("{what}{}{long}", migration.sequence).into());
        migration.kernel_stack = text("k");
        migration.user_stack = text("u");
        migration.cgroup = Some(format!("/{}{}", migration.sequence, &long[..4000]).into());
    }
    for wait in &mut batch.waits {
        wait.user_stack = Some(format!("w{}{long}", wait.sequence).into());
        wait.comm = Some(format!("{}{}", wait.sequence, &long[..4000]).into());
    }
    let bytes = written(&[batch]);
    assert!(bytes.len() <= 2 * MAX_FILE, "{} bytes", bytes.len());
    assert_read("long stacks", &bytes);
}
