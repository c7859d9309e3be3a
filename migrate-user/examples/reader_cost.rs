//! How quickly a recording is read into the model, with how quickly it must be, and how many bytes
//! a migration takes in it, as one JSON object. `cargo xtask bench` builds it with `--release`, and
//! fails where it is slower.

use std::error::Error;
use std::time::Duration;

use migscope::model::Model;
use migscope::recording::{Reader, Writer};
use migscope::trace::{Batch, Migration};
use migscope_testkit::facts;
use rustix::time::{ClockId, clock_gettime};

/// A recording of the test driver: times as they are, which no generator has the noise of.
const RECORDING: &[u8] = include_bytes!("../tests/data/mixed.arrow");

/// How often its migrations happen.
const REPEATS: usize = 200;

/// How often it is read: the quickest time is the least disturbed.
const ROUNDS: usize = 10;

/// How many migrations must be read in a second of one processor.
const AT_LEAST_PER_SECOND: f64 = 3_000_000.0;

fn main() -> Result<(), Box<dyn Error>> {
    let (written, (recording, migrations)) = timed(recorded)?;
    let mut times = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        times[0] = times[0].min(timed(|| read(&recording))?.0);
        times[1] = times[1].min(timed(|| read_into_model(&recording))?.0);
    }
    let [decoded, into_model] = times.map(|time| migrations as f64 / time.as_secs_f64());
    let costs = serde_json::json!({
        "migrations": migrations,
        "encoded_per_second": migrations as f64 / written.as_secs_f64(),
        "decoded_per_second": decoded,
        "into_model_per_second": into_model,
        "at_least_per_second": AT_LEAST_PER_SECOND,
        "bytes_per_migration": recording.len() as f64 / migrations as f64,
    });
    println!("{costs:#}");
    Ok(())
}

/// A long recording, and how many migrations are in it.
fn recorded() -> Result<(Vec<u8>, u64), Box<dyn Error>> {
    let batches = Reader::new("the recording", RECORDING)?;
    let mut migrations: Vec<_> = batches.flat_map(|batch| batch.migrations).collect();
    let mut writer = Writer::new(Vec::new(), &facts())?;
    for _ in 0..REPEATS {
        writer.write(&Batch {
            migrations: migrations.clone().into(),
            waits: Vec::new(),
            status: None,
        })?;
        happen_again(&mut migrations);
    }
    Ok((writer.finish()?, (migrations.len() * REPEATS) as u64))
}

/// The same migrations, later.
fn happen_again(migrations: &mut [Migration]) {
    let count = migrations.len() as u64;
    let ends = migrations.iter().map(Migration::end_ns);
    let begins = migrations.iter().map(|migration| migration.time_ns);
    let span_ns = ends.max().unwrap_or(0) - begins.min().unwrap_or(0);
    for migration in migrations {
        migration.sequence += count;
        migration.time_ns += span_ns;
    }
}

fn read(recording: &[u8]) -> Result<(), Box<dyn Error>> {
    Reader::new("the recording", recording)?.for_each(|batch| drop(batch.migrations.into_vec()));
    Ok(())
}

fn read_into_model(recording: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut model = Model::new(facts());
    Reader::new("the recording", recording)?.for_each(|batch| model.apply(batch));
    Ok(())
}

/// The processor's time that it takes: what else runs does not count.
fn timed<T>(
    work: impl FnOnce() -> Result<T, Box<dyn Error>>,
) -> Result<(Duration, T), Box<dyn Error>> {
    let now = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime));
    let begun = now()?;
    let made = work()?;
    Ok((now()? - begun, made))
}
