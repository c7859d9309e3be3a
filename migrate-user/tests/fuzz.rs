//! Recordings with anything in them: reading ends with an error or with other numbers, and never
//! with a panic or a huge allocation.
//!
//! `MIGSCOPE_EXECUTIONS=10000000 cargo test --release --test fuzz` for more than a short run;
//! `MIGSCOPE_SEED` for other bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use migscope::model::Model;
use migscope::recording::Reader;
use migscope_testkit::packed::repack;
use migscope_testkit::{Synthetic, written};

/// How often by itself.
const EXECUTIONS: u64 = 5_000;

/// One in so many is read into a model, which takes longer.
const MODEL: u64 = 32;

/// The most memory that reading may have taken, KiB.
const MOST_KIB: u64 = 256 << 10;

/// The most that a packed buffer is made to hold, bytes, of which next to nothing is left when it
/// is packed.
const MOST_PACKED: usize = 1 << 23;

/// Numbers at which arithmetic goes wrong.
const EXTREMES: [u64; 9] = [
    0,
    1,
    0x7f,
    0xff,
    i32::MAX as u64,
    u32::MAX as u64,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

#[test]
fn any_bytes_are_read_or_refused() {
    let number =
        |name: &str, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let executions = number("MIGSCOPE_EXECUTIONS", EXECUTIONS);
    let mut random = Random(number("MIGSCOPE_SEED", 1).max(1));
    // What the reader catches is damage; what it does not fails this test. Neither is worth a
    // backtrace each time.
    let caught = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&caught);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let recordings = recordings();
    let mut read = 0;
    for execution in 0..executions {
        let mut bytes = recordings[random.below(recordings.len())].clone();
        for _ in 0..=random.below(3) {
            random.damage(&mut bytes, &recordings);
        }
        let outcome = panic::catch_unwind(|| consume(&bytes, execution % MODEL == 0));
        let Ok(migrations) = outcome else {
            panic::set_hook(hook);
            fs::write(std::env::temp_dir().join("migscope-crash.arrow"), &bytes).unwrap();
            panic!(
                "execution {execution} panicked: see migscope-crash.arrow among temporary files"
            );
        };
        read += migrations;
    }
    panic::set_hook(hook);
    let (most, caught) = (peak_kib(), caught.load(Ordering::Relaxed));
    println!("{executions} executions, {read} migrations read, {caught} panics caught, {most} KiB");
    assert!(read > executions / 4, "most of what was read broke at once");
    assert!(most < MOST_KIB, "{most} KiB");
}

/// Else the fuzzer would break frames, and not what is in them.
#[test]
fn what_is_packed_again_as_it_was_is_read_as_before() {
    let mut random = Random(1);
    let mut packed = 0;
    for recording in recordings() {
        let expected = consume(&recording, true);
        for _ in 0..50 {
            let mut bytes = recording.clone();
            packed +=
                usize::from(repack(&mut bytes, |limit| random.below(limit), |_| ()).is_some());
            assert_eq!(consume(&bytes, true), expected);
        }
    }
    assert!(packed > 50, "{packed} of 200 were packed again");
}

/// Small ones, with and without everything that a recording can hold.
fn recordings() -> Vec<Vec<u8>> {
    let mut plain = Synthetic::new(1);
    let mut totals = Synthetic::new(2).with_totals();
    let mut detailed = Synthetic::new(3).with_details();
    let mut large = Synthetic::new(4);
    vec![
        written(&[plain.batch(1), plain.batch(2)]),
        written(&[totals.batch(2)]),
        written(&[detailed.batch(3), detailed.batch(1)]),
        written(&[large.batch(60)]),
    ]
}

/// Reads all of it. How many migrations came.
fn consume(bytes: &[u8], into_model: bool) -> u64 {
    let Ok(mut reader) = Reader::new("fuzz", bytes) else {
        return 0;
    };
    let mut model = into_model.then(|| Model::new(reader.facts().clone()));
    let mut migrations = 0;
    for batch in reader.by_ref() {
        migrations += batch.migrations.len() as u64;
        match &mut model {
            Some(model) => model.apply(batch),
            // Only now is each of them made.
            None => drop(batch.migrations.into_vec()),
        }
    }
    let counted = |model: &Model| model.records().migrations() == migrations;
    assert!(model.as_ref().is_none_or(counted));
    assert!(reader.ending().is_some());
    migrations
}

/// The most memory that this process has had, KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

/// xorshift: the same for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// One way in which bytes go wrong.
    fn damage(&mut self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        let at = self.below(bytes.len());
        let until = at + self.below(bytes.len() - at);
        match self.below(14) {
            0..=2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.next() as u8;
                }
            }
            4 | 5 => self.number(bytes),
            6 => bytes.truncate(at),
            7 => drop(bytes.drain(at..until.min(at + 64))),
            8 => {
                let again = bytes[at..until].to_vec();
                bytes.splice(at..at, again);
            }
            9..=12 => self.repack(bytes),
            _ => {
                let other = &others[self.below(others.len())];
                let from = self.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }

    /// What is packed goes wrong, and is packed as it should be: what reads it gets to see it.
    fn repack(&mut self, bytes: &mut Vec<u8>) {
        let mut inside = Self(self.next());
        let _ = repack(
            bytes,
            |limit| self.below(limit),
            |plain| inside.change(plain),
        );
    }

    fn change(&mut self, plain: &mut Vec<u8>) {
        let at = self.below(plain.len());
        match self.below(6) {
            0 | 1 if !plain.is_empty() => plain[at] = self.next() as u8,
            2 | 3 if !plain.is_empty() => self.number(plain),
            4 => plain.truncate(at / 8 * 8),
            _ => {
                let last = plain.last_chunk::<8>().copied().unwrap_or_default();
                let more = 1 << self.below(MOST_PACKED.ilog2() as usize - 2);
                plain.extend(last.iter().cycle().take(8 * more));
            }
        }
    }

    /// A number, where numbers of this size stand, becomes an extreme one.
    fn number(&mut self, bytes: &mut [u8]) {
        let width = [2, 4, 8][self.below(3)];
        let at = self.below(bytes.len()) / width * width;
        let number = EXTREMES[self.below(EXTREMES.len())].to_le_bytes();
        for (byte, new) in bytes[at..].iter_mut().zip(&number[..width]) {
            *byte = *new;
        }
    }
}
