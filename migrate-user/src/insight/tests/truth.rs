//! Processes whose pages are known: what is said of random runs is held against what happened to
//! each page.

use super::recordings::model;
use super::*;

const PAGES: usize = 1200;
const SECOND: u64 = 1_000_000_000;

/// A process's memory: on which side each page is, when it came, and whether somebody waits for it
/// to come back.
struct Memory {
    on_device: [bool; PAGES],
    since_ns: [u64; PAGES],
    seed: u64,
    now_ns: u64,
}

/// What happened.
#[derive(Debug, Default)]
struct Truth {
    came_back: u64,
    /// Pages that calls asked for, that were there already, and were seen to arrive there.
    there: u64,
    moved: u64,
}

impl Memory {
    fn new(seed: u64) -> Self {
        Self {
            on_device: [false; PAGES],
            since_ns: [0; PAGES],
            seed,
            now_ns: START_NS,
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % limit
    }

    /// One call for a range: of what is on the other side, each page moves or is refused; an
    /// eviction takes any and tells of none.
    fn call(&mut self, some: &Migration, truth: &mut Truth) -> Migration {
        self.now_ns += self.below(40_000_000);
        let out = self.below(2) == 0;
        let evicts = !out && self.below(8) == 0;
        let first = self.below(PAGES as u64) as usize;
        let most = [1, 4, 64, 700][self.below(4) as usize];
        let pages = (1 + self.below(most) as usize).min(PAGES - first);
        let refused = [0, 0, 3, 40][self.below(4) as usize];
        let mut ledger = Ledger::default();
        let mut skips = Skips {
            not_collected: 0,
            unmap_failed: 0,
        };
        ledger.requested = pages as u64;
        let start_ns = self.now_ns;
        self.now_ns += 1000;
        let end_ns = self.now_ns;
        for page in first..first + pages {
            let seen = self.since_ns[page] > 0;
            if self.on_device[page] == out {
                skips.not_collected += 1;
                truth.there += u64::from(seen);
            } else if self.below(100) < refused {
                match self.below(4) {
                    0 => ledger.declined += 1,
                    1 => ledger.wasted_copy += 1,
                    2 => skips.not_collected += 1,
                    _ => skips.unmap_failed += 1,
                }
            } else {
                ledger.moved += 1;
                let stay_ns = start_ns - self.since_ns[page].min(start_ns);
                // Where a page began, it did not arrive.
                if seen && self.since_ns[page] != u64::MAX && stay_ns <= SECOND && !evicts {
                    truth.came_back += 1;
                }
                self.on_device[page] = out;
                // What is evicted does not come back, but comes again.
                self.since_ns[page] = if evicts { u64::MAX } else { end_ns };
            }
        }
        ledger.skipped = skips.not_collected + skips.unmap_failed;
        truth.moved += ledger.moved;
        Migration {
            time_ns: start_ns,
            pid: (!evicts).then_some(7),
            direction: [Direction::ToSystem, Direction::ToDevice][usize::from(out)],
            cause: if evicts {
                Cause::Eviction
            } else {
                Cause::Driver
            },
            outcome: Outcome::Completed,
            address: (!evicts).then_some(0x7f00_0010_0000 + first as u64 * 4096),
            ledger,
            skips: Some(skips),
            declined_holes: Some(0),
            free: Some(0),
            steps: [Some(600), Some(100), Some(100), Some(100), Some(100)],
            probe: [0; 3],
            ..some.clone()
        }
    }
}

/// A run of so many calls, and what happened in it.
fn run_of(seed: u64, calls: u64) -> (Vec<Batch>, Truth) {
    let some = Synthetic::new(1).migration();
    let mut memory = Memory::new(seed);
    let mut truth = Truth::default();
    let batches = (0..calls).map(|sequence| Batch {
        migrations: vec![Migration {
            sequence,
            ..memory.call(&some, &mut truth)
        }]
        .into(),
        waits: Vec::new(),
        status: Some(Status {
            time_ns: memory.now_ns,
            ended: sequence + 1,
            ..Status::default()
        }),
    });
    (batches.collect(), truth)
}

#[test]
fn bounds_hold_what_happened() {
    let (mut knows_there, mut least, mut truly) = (0, 0, 0);
    for seed in 1..200 {
        let (batches, truth) = run_of(seed, 150);
        let model = model(&facts(), &batches);
        let ping_pong = model.ping_pong();
        let bounds = ping_pong.total_pages()..=ping_pong.most_pages();
        assert!(
            bounds.contains(&truth.came_back),
            "{bounds:?} {truth:?}, seed {seed}"
        );
        let there = model.already_there().unwrap();
        assert!(there <= truth.there, "{there} {truth:?}, seed {seed}");
        knows_there += u64::from(there > 0);
        least += ping_pong.total_pages();
        truly += truth.came_back;
    }
    assert!(knows_there > 100, "hardly anything is known: {knows_there}");
    assert!(least > truly / 50, "{least} of {truly}");
}
