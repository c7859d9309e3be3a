//! How fast recordings are written and read. Times mean something only in a release build, for which
//! `cargo test --release --test speed -- --ignored --nocapture` asks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "the library's own tests use the rest")]
mod support;

use std::time::Instant;

use migscope::model::Model;
use migscope::recording::{Reader, Writer};
use migscope::source::Batch;
use support::{Synthetic, facts};

/// How many migrations.
const MIGRATIONS: usize = 2_000_000;
/// How many of them are in a batch.
const BATCH: usize = 8_000;

#[test]
#[ignore = "a measurement"]
fn reading_into_the_model() {
    let mut synthetic = Synthetic::new(1);
    let batches: Vec<Batch> = (0..MIGRATIONS / BATCH / 10)
        .map(|_| synthetic.batch(BATCH))
        .collect();
    let mut writer = Writer::new(Vec::new(), &facts()).unwrap();
    let per_second = |what: &str, began: Instant| {
        let seconds = began.elapsed().as_secs_f64();
        println!("{what}: {:.2} million/s", MIGRATIONS as f64 / seconds / 1e6);
    };
    let began = Instant::now();
    for _ in 0..10 {
        for batch in &batches {
            writer.write(batch).unwrap();
        }
    }
    per_second("written", began);
    let bytes = writer.finish().unwrap();
    println!(
        "{:.1} bytes per migration",
        bytes.len() as f64 / MIGRATIONS as f64
    );

    let began = Instant::now();
    let read: usize = Reader::new("test", &bytes[..])
        .unwrap()
        .map(|batch| batch.migrations.len())
        .sum();
    assert_eq!(read, MIGRATIONS);
    per_second("read", began);

    let began = Instant::now();
    let mut model = Model::new(facts());
    Reader::new("test", &bytes[..])
        .unwrap()
        .for_each(|batch| model.apply(batch));
    assert_eq!(model.records().migrations(), MIGRATIONS as u64);
    per_second("read into the model", began);
}
