//! HdrHistogram's interval log (V2), which its own tools and others plot: for each second, one
//! histogram per step and direction in which that step happened. Tags are `STEP.DIRECTION`; values
//! are nanoseconds.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriter, IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};

use super::{Export, Notes, Out};
use crate::trace::{Batch, Direction, Facts, Migration, Step, histogram::new_histogram};

/// The length of one interval, nanoseconds.
const INTERVAL_NS: u64 = 1_000_000_000;

/// The interval log.
pub struct Hlog;

impl Export for Hlog {
    fn export(
        &self,
        facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes> {
        let mut out = out;
        let mut serializer = V2DeflateSerializer::new();
        let log = header(facts).begin_log_with(&mut out, &mut serializer)?;
        let mut intervals = Intervals::new(log, facts.started_ns);
        for migration in batches.flat_map(|batch| batch.migrations) {
            intervals.migration(&migration)?;
        }
        intervals.finish()?;
        Ok(Notes::new())
    }
}

/// Times in the log count from the start of the recording.
fn header(facts: &Facts) -> IntervalLogWriterBuilder {
    let mut log = IntervalLogWriterBuilder::new();
    let host = crate::text::printable(&facts.host);
    let kernel = crate::text::printable(&facts.kernel);
    log.add_comment(&format!(
        "migscope: steps of migrations on {host}, Linux {kernel}"
    ))
    .add_comment("Values are nanoseconds. A tag is a step and a direction.");
    if let Some(ns) = facts.started_unix_ns {
        let start = UNIX_EPOCH + Duration::from_nanos(ns);
        log.with_start_time(start).with_base_time(start);
    }
    log
}

type Serializer = V2DeflateSerializer;

/// Histograms of one interval, by direction and step.
type Cells = [[Histogram<u64>; Step::COUNT]; Direction::ALL.len()];

/// The interval under way and the one before it. Migrations come in the order in which they ended,
/// nearly: one that comes late by more than an interval counts in the older of the two.
struct Intervals<'a, 'b, W: Write> {
    log: IntervalLogWriter<'a, 'b, W, Serializer>,
    origin_ns: Option<u64>,
    /// The number of the interval under way.
    current: u64,
    cells: [Cells; 2],
}

impl<'a, 'b, W: Write> Intervals<'a, 'b, W> {
    fn new(log: IntervalLogWriter<'a, 'b, W, Serializer>, origin_ns: Option<u64>) -> Self {
        let cells = || std::array::from_fn(|_| std::array::from_fn(|_| new_histogram()));
        Self {
            log,
            origin_ns,
            current: 0,
            cells: [cells(), cells()],
        }
    }

    fn migration(&mut self, migration: &Migration) -> io::Result<()> {
        let end_ns = migration.end_ns();
        let origin = *self.origin_ns.get_or_insert(end_ns);
        let number = end_ns.saturating_sub(origin) / INTERVAL_NS;
        self.advance(number)?;
        let interval = number.max(self.current.saturating_sub(1));
        let cells = &mut self.cells[(interval % 2) as usize][migration.direction as usize - 1];
        for (cell, duration) in cells.iter_mut().zip(migration.steps) {
            if let Some(duration) = duration {
                cell.saturating_record(duration);
            }
        }
        Ok(())
    }

    /// Makes `number` the interval under way, and writes those that are too old to be added to.
    fn advance(&mut self, number: u64) -> io::Result<()> {
        if number <= self.current {
            return Ok(());
        }
        if let Some(older) = self.current.checked_sub(1) {
            self.write(older)?;
        }
        if number > self.current + 1 {
            self.write(self.current)?;
        }
        self.current = number;
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        if let Some(older) = self.current.checked_sub(1) {
            self.write(older)?;
        }
        self.write(self.current)
    }

    /// Writes what an interval has, and empties it for another.
    fn write(&mut self, number: u64) -> io::Result<()> {
        let start = Duration::from_nanos(number.saturating_mul(INTERVAL_NS));
        let length = Duration::from_nanos(INTERVAL_NS);
        let cells = &mut self.cells[(number % 2) as usize];
        for (&direction, cells) in Direction::ALL.iter().zip(cells) {
            for (step, cell) in Step::ALL.into_iter().zip(cells) {
                if !cell.is_empty() {
                    let tag = format!("{}.{}", step.name(), direction.name());
                    let written = self
                        .log
                        .write_histogram(cell, start, length, Tag::new(&tag));
                    written.map_err(io_error)?;
                    cell.reset();
                }
            }
        }
        Ok(())
    }
}

fn io_error<E: std::fmt::Debug>(error: IntervalLogWriterError<E>) -> io::Error {
    match error {
        IntervalLogWriterError::IoError(error) => error,
        IntervalLogWriterError::SerializeError(error) => io::Error::other(format!("{error:?}")),
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::model::Model;
    use migscope_testkit::{Synthetic, facts};

    /// Merges a log's histograms by tag.
    fn merged(log: &[u8], tag: &str) -> Histogram<u64> {
        let mut sum = new_histogram();
        let mut last_start = Duration::ZERO;
        for entry in IntervalLogIterator::new(log) {
            let Ok(LogEntry::Interval(interval)) = entry else {
                continue;
            };
            assert!(
                interval.start_timestamp() >= last_start,
                "intervals are sorted"
            );
            last_start = interval.start_timestamp();
            if interval.tag().is_some_and(|found| found.as_str() == tag) {
                let bytes = base64::Engine::decode(
                    &base64::engine::general_purpose::STANDARD,
                    interval.encoded_histogram(),
                );
                let one: Histogram<u64> = Deserializer::new()
                    .deserialize(&mut &bytes.unwrap()[..])
                    .unwrap();
                sum.add(one).unwrap();
            }
        }
        sum
    }

    #[test]
    fn holds_what_the_model_counts() {
        let mut synthetic = Synthetic::new(1);
        let batches: Vec<Batch> = (0..10).map(|_| synthetic.batch(500)).collect();
        let mut model = Model::new(facts());
        batches.iter().for_each(|batch| model.apply(batch.clone()));
        let mut log = Vec::new();
        Hlog.export(&facts(), &mut batches.into_iter(), &mut log)
            .unwrap();
        for step in Step::ALL {
            for direction in [Direction::ToDevice, Direction::ToSystem] {
                let tag = format!("{}.{}", step.name(), direction.name());
                let (log, model) = (merged(&log, &tag), model.steps().of(step, Some(direction)));
                assert_eq!(log.len(), model.count(), "{tag}");
                let median = log.value_at_quantile(0.5);
                assert_eq!(Some(median), model.quantile(0.5), "{tag}");
            }
        }
    }

    #[test]
    fn late_and_absurd_times_lose_nothing() {
        let mut synthetic = Synthetic::new(2);
        let mut batch = synthetic.batch(6);
        let second = |n: u64| facts().started_ns.unwrap() + n * INTERVAL_NS;
        let times = [second(9), second(2), second(10), 0, u64::MAX, second(3)];
        for (migration, time) in batch.migrations.make().iter_mut().zip(times) {
            migration.time_ns = time;
            migration.direction = Direction::ToDevice;
            migration.steps[0] = Some(5);
        }
        let mut log = Vec::new();
        Hlog.export(&facts(), &mut std::iter::once(batch), &mut log)
            .unwrap();
        assert_eq!(merged(&log, "setup.to_device").len(), 6);
    }
}
