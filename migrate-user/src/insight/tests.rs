//! Each finding is made where it should be, and not where it should not.

mod bases;
mod bounds;
mod properties;
mod recordings;
mod truth;
mod vain;
mod waits;

use std::collections::BTreeSet;

use migrate_ebpf::wire::Loss;

use super::{Finding, Kind, Severity, Thresholds, findings};
use crate::model::Model;
use crate::trace::{
    Batch, Cause, Direction, Facts, Ledger, Migration, Outcome, Parts, Skips, Status,
};
use migscope_testkit::{START_NS, Synthetic, facts};

/// How many migrations a run has.
const CALLS: u64 = 400;

/// A run in which nothing is wrong: each call moves all its pages, once, and takes its time.
/// `change` makes of the n-th what it likes.
fn run(change: impl FnMut(u64, &mut Migration)) -> Model {
    with(facts(), Status::default(), change)
}

fn with(facts: Facts, status: Status, mut change: impl FnMut(u64, &mut Migration)) -> Model {
    let mut model = Model::new(facts);
    let some = Synthetic::new(1).migration();
    let migrations = (0..CALLS).map(|number| {
        let mut migration = calm(number, &some);
        change(number, &mut migration);
        migration
    });
    model.apply(Batch {
        migrations: migrations.collect(),
        waits: Vec::new(),
        status: Some(Status {
            time_ns: START_NS + CALLS * 1_000_000,
            ended: CALLS,
            ..status
        }),
    });
    model
}

fn calm(number: u64, some: &Migration) -> Migration {
    let mut calm = Migration {
        sequence: number,
        time_ns: START_NS + number * 1_000_000,
        pid: Some(1200 + (number % 2) as u32),
        direction: Direction::ToDevice,
        cause: Cause::Driver,
        outcome: Outcome::Completed,
        errno: None,
        address: Some(0x7f00_0000_0000 + (number << 21)),
        skips: Some(Skips {
            not_collected: 0,
            unmap_failed: 0,
        }),
        probe: [40, 60, 40],
        ..some.clone()
    };
    resize(&mut calm, 64 << (number % 4));
    calm
}

/// Makes it one of so many pages, all of which move, and which takes as long as those should.
fn resize(migration: &mut Migration, pages: u64) {
    migration.ledger = moved(pages);
    migration.steps = [20, 40, 15, 15, 10].map(|ns| Some(100 * ns + ns * pages));
}

fn moved(pages: u64) -> Ledger {
    Ledger {
        requested: pages,
        moved: pages,
        ..Ledger::default()
    }
}

/// Takes `pages` from those that moved. The rest of the ledger is for the caller.
fn take(migration: &mut Migration, pages: u64) -> &mut Ledger {
    migration.ledger.moved -= pages;
    &mut migration.ledger
}

fn all(model: &Model) -> Vec<Finding> {
    findings(model, &Thresholds::default())
}

fn kinds(model: &Model) -> BTreeSet<Kind> {
    all(model).iter().map(|finding| finding.kind).collect()
}

/// The only finding there is, and what it says.
fn only(model: &Model, kind: Kind) -> Finding {
    let found = all(model);
    assert_eq!(kinds(model), BTreeSet::from([kind]), "{found:#?}");
    let finding = found.into_iter().next().unwrap();
    assert!(!finding.evidence.is_empty() && !finding.try_this.is_empty());
    assert!(!finding.what.is_empty() && !finding.cost.is_empty());
    finding
}

#[test]
fn where_nothing_is_wrong_nothing_is_found() {
    assert_eq!(all(&run(|_, _| ())), []);
    assert_eq!(all(&Model::new(facts())), []);
}

#[test]
fn wasted_copies() {
    let waste = |pages: u64| {
        run(move |number, migration| {
            if number % 2 == 0 {
                take(migration, pages).wasted_copy = pages;
            }
        })
    };
    let finding = only(&waste(16), Kind::WastedCopies);
    assert!(finding.what.starts_with("3.3% of the pages"), "{finding:?}");
    // 200 calls of 64 or 256 pages, 16 of each in vain.
    let share = |pages: u64| 16.0 / pages as f64 * (10_000.0 + 100.0 * pages as f64);
    let expected = 100.0 * (share(64) + share(256));
    assert!((finding.cost_ns.unwrap() as f64 / expected - 1.0).abs() < 0.01);
    assert!(
        finding.evidence[1].contains("trainer (1200)"),
        "{finding:?}"
    );
    assert_eq!(kinds(&waste(1)), BTreeSet::new(), "one in 480 is rare");
}

#[test]
fn small_batches() {
    let sizes = |largest: u32| {
        run(move |number, migration| {
            let pages = 1 << (number % u64::from(largest));
            resize(migration, pages);
        })
    };
    let finding = only(&sizes(6), Kind::SmallBatches);
    let even = "a call costs 10.0 µs ± 0 ns by itself, and 100 ns ± 0 ns for each page (95% intervals); the two are equal at 100 pages";
    assert_eq!(finding.evidence[0], even);
    assert!(
        finding.try_this[0].contains("up to 32 pages"),
        "{finding:?}"
    );
    assert_eq!(kinds(&sizes(12)), BTreeSet::new());
    let single = run(|_, migration| resize(migration, 1));
    assert_eq!(only(&single, Kind::SmallBatches).cost_ns, None);
}

#[test]
fn pinned_skips() {
    let skip = |pages: u64, by: u32| {
        run(move |_, migration| {
            if migration.pid == Some(by) {
                take(migration, pages).skipped = pages;
                migration.skips = Some(Skips {
                    not_collected: 0,
                    unmap_failed: pages,
                });
            }
        })
    };
    let finding = only(&skip(32, 1201), Kind::PinnedSkips);
    assert!(finding.evidence[0].starts_with("unmap_failed: 6,400 pages"));
    assert!(
        finding.evidence[1].contains("trainer (1201): 6,400 pages, 100%"),
        "{finding:?}"
    );
    assert_eq!(kinds(&skip(2, 1201)), BTreeSet::new());
}

/// Of what was not collected it is not known why: that is not told as pins.
#[test]
fn skips() {
    let skip = |pages: u64| {
        run(move |_, migration| {
            take(migration, pages).skipped = pages;
            migration.skips = Some(Skips {
                not_collected: pages,
                unmap_failed: 0,
            });
        })
    };
    let finding = only(&skip(32), Kind::Skips);
    assert!(
        finding.evidence[0].starts_with("12,800 pages"),
        "{finding:?}"
    );
    assert_eq!(finding.severity, Severity::Notable);
    assert!(!finding.try_this[0].contains("RDMA"), "{finding:?}");
    assert_eq!(kinds(&skip(2)), BTreeSet::new());
}

/// Each range is asked for twice: the second time it is there.
#[test]
fn already_there() {
    let twice = |every: u64| {
        run(move |number, migration| {
            if number % every == 1 {
                let pages = 64 << ((number - 1) % 4);
                resize(migration, pages);
                migration.pid = Some(1200 + ((number - 1) % 2) as u32);
                migration.address = Some(0x7f00_0000_0000 + ((number - 1) << 21));
                take(migration, pages).skipped = pages;
                migration.skips = Some(Skips {
                    not_collected: pages,
                    unmap_failed: 0,
                });
            }
        })
    };
    let finding = only(&twice(2), Kind::AlreadyThere);
    assert_eq!(finding.severity, Severity::Minor);
    assert!(
        finding.what.starts_with("At least 50.0% of the pages"),
        "{finding:?}"
    );
    assert_eq!(kinds(&twice(40)), BTreeSet::new());
}

#[test]
fn declines() {
    let decline = |pages: u64| run(move |_, migration| take(migration, pages).declined = pages);
    let finding = only(&decline(32), Kind::Declines);
    assert!(
        finding.cost.starts_with("12,800 pages (50.0 MiB)"),
        "{finding:?}"
    );
    assert_eq!(kinds(&decline(2)), BTreeSet::new());
}

#[test]
fn dominant_step() {
    let copy = |factor: u64| run(move |_, m| m.steps[1] = m.steps[1].map(|ns| ns * factor));
    let finding = only(&copy(10), Kind::DominantStep);
    assert!(
        finding
            .what
            .contains("alloc_and_copy, which is the driver's")
    );
    assert_eq!(finding.severity, Severity::Minor);
    assert_eq!(kinds(&copy(3)), BTreeSet::new());
}

/// A run in which this part of the kernel's work was measured.
fn part(of: impl Fn(u64) -> Parts) -> Model {
    run(|_, migration| migration.parts = Some(of(migration.steps[0].unwrap())))
}

#[test]
fn setup_drain_and_invalidation() {
    let drain = |percent: u64| {
        part(move |setup| Parts {
            lru_drain_ns: setup * percent / 100,
            ..Parts::default()
        })
    };
    only(&drain(60), Kind::SetupDrain);
    assert_eq!(kinds(&drain(40)), BTreeSet::new());
    let invalidate = |percent: u64| {
        part(move |setup| Parts {
            invalidate_ns: setup * percent / 100,
            ..Parts::default()
        })
    };
    only(&invalidate(60), Kind::SetupInvalidation);
    assert_eq!(kinds(&invalidate(40)), BTreeSet::new());
}

#[test]
fn split() {
    let split = |every: u64| {
        run(move |number, migration| {
            let split_ns = if number % every == 0 { 1 } else { 0 };
            migration.parts = Some(Parts {
                split_ns,
                ..Parts::default()
            });
        })
    };
    only(&split(5), Kind::Split);
    assert_eq!(kinds(&split(20)), BTreeSet::new());
}

#[test]
fn ping_pong() {
    let bounce = |ranges: u64| {
        run(move |number, migration| {
            migration.pid = Some(1200);
            resize(migration, 64 << (number / 2 % 4));
            migration.address = Some(0x7f00_0000_0000 + ((number / 2 % ranges) << 21));
            if number % 2 == 1 {
                migration.direction = Direction::ToSystem;
            }
        })
    };
    let finding = only(&bounce(4), Kind::PingPong);
    assert!(
        finding.evidence[1].starts_with("process trainer (1200), 0x7f00"),
        "{finding:?}"
    );
    let once = run(|number, migration| {
        if number < 8 {
            migration.address = Some(0x7f00_0000_0000);
            migration.direction = [Direction::ToDevice, Direction::ToSystem][number as usize % 2];
        }
    });
    assert_eq!(kinds(&once), BTreeSet::new());
}

#[test]
fn oversubscribed() {
    let evict = |every: u64| {
        run(move |number, migration| {
            if number % every == 0 {
                migration.direction = Direction::ToSystem;
                migration.cause = Cause::Eviction;
                migration.address = None;
            }
        })
    };
    let finding = only(&evict(3), Kind::Oversubscribed);
    assert!(
        finding.evidence[0].starts_with("134 evictions took"),
        "{finding:?}"
    );
    assert_eq!(kinds(&evict(40)), BTreeSet::new());
}

#[test]
fn livelock() {
    let stuck = |times: u64| {
        run(move |number, migration| {
            if number < times {
                migration.address = Some(0x7f11_0000_0000);
                migration.pid = Some(1200);
                let pages = migration.ledger.moved;
                take(migration, pages).declined = pages;
            }
        })
    };
    let finding = only(&stuck(15), Kind::Livelock);
    assert!(finding.what.starts_with("15 calls in a row"));
    assert!(
        finding.evidence[0].contains("256 pages to_device from 0x7f1100000000"),
        "{finding:?}"
    );
    assert_eq!(kinds(&stuck(8)), BTreeSet::new());
}

#[test]
fn tail() {
    let slow = |factor: u64| {
        run(move |number, migration| {
            if number % 97 == 0 {
                migration.steps = migration.steps.map(|ns| ns.map(|ns| ns * factor));
            }
        })
    };
    let finding = only(&slow(20), Kind::Tail);
    assert!(
        finding
            .what
            .starts_with("At least 5 of all migrations took at least 10 times"),
        "{finding:?}"
    );
    assert_eq!(kinds(&slow(5)), BTreeSet::new());
}

#[test]
fn records_lost() {
    let lost = |number: u64| {
        let mut status = Status::default();
        status.losses[Loss::RingFull as usize] = number;
        with(facts(), status, |_, _| ())
    };
    let finding = only(&lost(150), Kind::RecordsLost);
    assert_eq!(finding.severity, Severity::Serious);
    assert_eq!(finding.evidence, ["ring_full: 150"]);
    assert_eq!(only(&lost(1), Kind::RecordsLost).severity, Severity::Minor);
    assert_eq!(kinds(&lost(0)), BTreeSet::new());
}

#[test]
fn stuck() {
    let hanging = |hanging_ns| {
        let status = Status {
            hanging_ns,
            ..Status::default()
        };
        with(facts(), status, |_, _| ())
    };
    let finding = only(&hanging(Some(12_300_000_000)), Kind::Stuck);
    assert_eq!(finding.severity, Severity::Serious);
    assert!(finding.what.contains("under way for 12.3 s"), "{finding:?}");
    for calm in [Some(9_000_000_000), Some(0), None] {
        assert_eq!(kinds(&hanging(calm)), BTreeSet::new());
    }
}

#[test]
fn tracer_cost() {
    let probe = |ns: u64| run(move |_, migration| migration.probe = [ns; 3]);
    let finding = only(&probe(3000), Kind::TracerCost);
    assert!(
        finding.evidence[0].starts_with("9.00 µs in each of 400 migrations"),
        "{finding:?}"
    );
    assert_eq!(kinds(&probe(300)), BTreeSet::new());
}

/// It is a part of whatever was seen, which what was lost does not make smaller.
#[test]
fn the_tracers_part_is_as_bad_where_records_are_lost() {
    let found = |lost| {
        let mut status = Status::default();
        status.losses[Loss::RingFull as usize] = lost;
        let model = with(facts(), status, |_, migration| migration.probe = [3000; 3]);
        let found = all(&model).into_iter();
        let mut cost = found.filter(|finding| finding.kind == Kind::TracerCost);
        cost.next().map(|finding| finding.severity)
    };
    assert!(found(0).is_some());
    assert_eq!(found(0), found(360));
}

#[test]
fn the_worst_comes_first_and_thresholds_can_be_moved() {
    let model = run(|number, migration| {
        migration.probe = [800; 3];
        if number % 2 == 0 {
            take(migration, 60).wasted_copy = 60;
        }
    });
    let found = all(&model);
    assert_eq!(kinds(&model).len(), 2);
    assert!(
        found.is_sorted_by_key(|finding| finding.severity),
        "{found:#?}"
    );
    assert_eq!(found[0].kind, Kind::WastedCopies);
    let blind = Thresholds {
        wasted_share: 1.0,
        tracer_share: 1.0,
        ..Thresholds::default()
    };
    assert_eq!(findings(&model, &blind), []);
}

#[test]
fn absurd_numbers_are_put_into_words_too() {
    let model = run(|_, migration| {
        migration.ledger.moved = u64::MAX;
        migration.ledger.wasted_copy = u64::MAX;
        migration.steps = [Some(u64::MAX); 5];
        migration.probe = [u64::MAX; 3];
    });
    assert!(!all(&model).is_empty());
}

/// Every kind, every threshold and its default are in the documentation.
#[test]
fn all_of_it_is_documented() {
    let text = include_str!("../../../docs/findings.md");
    for kind in Kind::ALL.iter().copied() {
        assert!(
            text.contains(&format!("### `{}`", kind.name())),
            "{}",
            kind.name()
        );
    }
    for (name, default) in names_and_values() {
        let line = format!("| `{name}` | {default} |");
        assert!(text.contains(&line), "{line}");
    }
}

fn names_and_values() -> serde_json::Map<String, serde_json::Value> {
    let serde_json::Value::Object(all) = serde_json::json!(Thresholds::default()) else {
        panic!("it is an object");
    };
    all
}

#[test]
fn thresholds_are_read_by_the_names_that_the_documentation_has() {
    let read = |text: &str| serde_json::from_str::<Thresholds>(text);
    let some = read(r#"{ "wasted-share": 0.5, "retries": 3 }"#).unwrap();
    assert_eq!((some.wasted_share, some.retries), (0.5, 3));
    assert_eq!(some.tail_factor, Thresholds::default().tail_factor);
    assert!(read(r#"{ "wasted_share": 0.5 }"#).is_err());
}
