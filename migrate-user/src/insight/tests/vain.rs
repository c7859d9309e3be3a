//! What was begun and came to nothing, what was not seen, and how many of something mean something.

use super::*;

/// Each call asks for 512 pages; of the first `calls` one page is held by somebody, and nothing
/// moves.
fn all_or_nothing(calls: u64) -> Model {
    run(move |number, migration| {
        resize(migration, 512);
        if number < calls {
            migration.direction = Direction::Unknown;
            migration.ledger = Ledger {
                requested: 512,
                skipped: 1,
                declined: 511,
                ..Ledger::default()
            };
            migration.skips = Some(Skips {
                not_collected: 0,
                unmap_failed: 1,
            });
            migration.declined_holes = Some(0);
        }
    })
}

#[test]
fn given_up() {
    let finding = only(&all_or_nothing(100), Kind::GivenUp);
    assert!(
        finding
            .what
            .starts_with("51,100 pages were given up because 100 pages could not be taken"),
        "{finding:?}"
    );
    assert_eq!(
        finding.evidence[0],
        "25.0% of all pages that the kernel had collected in all migrations, in 100 calls"
    );
    assert!(
        finding.evidence[1].starts_with("unmap_failed: 100 pages"),
        "{finding:?}"
    );
    let zeros = finding
        .evidence
        .iter()
        .any(|line| line.contains(" 0 pages"));
    assert!(!zeros, "{finding:?}");
    assert_eq!(finding.cost_ns, Some(100 * (10_000 + 100 * 512)));
    assert_eq!(kinds(&all_or_nothing(10)), BTreeSet::new());
}

/// The same twenty times, and nothing else: it is not that device memory is full.
#[test]
fn twenty_calls_are_enough_to_say_so() {
    let some = Synthetic::new(1).migration();
    let mut model = Model::new(facts());
    let migrations = (0..20).map(|number| Migration {
        direction: Direction::Unknown,
        ledger: Ledger {
            requested: 512,
            skipped: 1,
            declined: 511,
            ..Ledger::default()
        },
        skips: Some(Skips {
            not_collected: 1,
            unmap_failed: 0,
        }),
        declined_holes: Some(0),
        ..calm(number, &some)
    });
    model.apply(Batch {
        migrations: migrations.collect(),
        waits: Vec::new(),
        status: Some(Status {
            ended: 20,
            ..Status::default()
        }),
    });
    let found = all(&model);
    let finding = found.iter().find(|finding| finding.kind == Kind::GivenUp);
    let what = &finding.unwrap().what;
    assert!(
        what.starts_with("10,220 pages were given up because 20 pages"),
        "{what}"
    );
    assert!(!kinds(&model).contains(&Kind::Declines), "{found:#?}");
}

/// A driver that goes on without some pages has another reason to decline all of others.
#[test]
fn declines_of_drivers_that_take_a_part_stay_declines() {
    let model = run(|number, migration| {
        resize(migration, 512);
        let declined = if number % 4 == 0 { 511 } else { 0 };
        migration.ledger = Ledger {
            requested: 512,
            skipped: 1,
            declined,
            moved: 511 - declined,
            ..Ledger::default()
        };
        migration.declined_holes = Some(0);
    });
    only(&model, Kind::Declines);
}

#[test]
fn rollbacks() {
    let roll_back = |every: u64| {
        run(move |number, migration| {
            if number % every == 0 {
                let pages = migration.ledger.requested;
                migration.outcome = Outcome::RolledBack;
                migration.ledger = Ledger {
                    requested: pages,
                    rolled_back: pages,
                    ..Ledger::default()
                };
                migration.steps[2] = None;
                migration.steps[3] = None;
            }
        })
    };
    let finding = only(&roll_back(4), Kind::Rollbacks);
    assert!(
        finding.what.starts_with("25.0% of all migrations"),
        "{finding:?}"
    );
    // 100 calls of 64 pages: setup, what is between, and finalize.
    assert_eq!(finding.cost_ns, Some(100 * 70 * (100 + 64)));
    assert_eq!(kinds(&roll_back(20)), BTreeSet::new());
}

#[test]
fn not_followed() {
    let lost = |losses: &[(Loss, u64)]| {
        let mut status = Status::default();
        for (loss, number) in losses {
            status.losses[*loss as usize] = *number;
        }
        with(facts(), status, |_, _| ())
    };
    let all = [
        (Loss::InFlightFull, 40),
        (Loss::Headless, 30),
        (Loss::HookMissed, 20),
        (Loss::Unfinished, 10),
    ];
    let found = findings(&lost(&all), &Thresholds::default());
    let finding = found
        .iter()
        .find(|finding| finding.kind == Kind::NotFollowed)
        .unwrap();
    assert!(
        finding.what.starts_with("100 migrations of 500 could not"),
        "{finding:?}"
    );
    assert_eq!(finding.severity, Severity::Notable);
    assert_eq!((finding.evidence.len(), finding.try_this.len()), (4, 4));
    for (loss, number) in all {
        let one = findings(&lost(&[(loss, number)]), &Thresholds::default());
        let one = one
            .iter()
            .find(|finding| finding.kind == Kind::NotFollowed)
            .unwrap();
        let name = loss.name();
        assert!(
            one.evidence[0].starts_with(&format!("{name}: {number}; ")),
            "{one:?}"
        );
    }
    // These have records, or a finding of their own.
    let others = [Loss::RingFull, Loss::Incomplete, Loss::StackLost];
    let others = lost(&others.map(|loss| (loss, 5)));
    assert!(!kinds(&others).contains(&Kind::NotFollowed));
}

/// amdgpu evicts range by range, by `migrate_vma_*`: with an owner and an address.
#[test]
fn evictions_with_an_address_are_evictions_too() {
    let evict = |every: u64| {
        run(move |number, migration| {
            migration.address = Some(0x7f00_0000_0000 + ((number / every) << 21));
            if number % every == 1 {
                migration.direction = Direction::ToSystem;
                migration.cause = Cause::Eviction;
            }
        })
    };
    let finding = only(&evict(3), Kind::Oversubscribed);
    assert!(
        finding.evidence[0].starts_with("133 evictions took"),
        "{finding:?}"
    );
    assert_eq!(kinds(&evict(40)), BTreeSet::new());
}

/// Whole chunks are evicted, however little of them is in use.
#[test]
fn free_pages_are_held_by_nobody() {
    let evict = |held: u64| {
        run(move |number, migration| {
            if number % 40 == 0 {
                resize(migration, 65_536);
                migration.direction = Direction::ToSystem;
                migration.cause = Cause::Eviction;
                migration.address = None;
                migration.ledger = Ledger {
                    requested: 65_536,
                    skipped: 65_536 - 64,
                    moved: 64,
                    ..Ledger::default()
                };
                migration.skips = Some(Skips {
                    not_collected: 65_536 - 64,
                    unmap_failed: 0,
                });
                migration.free = Some(65_536 - 64 - held);
            }
        })
    };
    assert_eq!(kinds(&evict(0)), BTreeSet::new());
    let finding = only(&evict(2_000), Kind::Skips);
    assert!(
        finding.evidence[0].starts_with("20,000 pages"),
        "{finding:?}"
    );
    assert!(
        finding.evidence[1].ends_with("that evictions found free are not among them"),
        "{finding:?}"
    );
}

/// Of twenty single pages one is slow by chance, and of a hundred two.
#[test]
fn a_few_slow_ones_are_no_tail() {
    let slow = |of_a_size: u64, slow: u64| {
        run(move |number, migration| {
            // The rest is of other sizes, and takes no time to speak of.
            let pages = if number < of_a_size {
                1
            } else {
                4 << (number % 6)
            };
            resize(migration, pages);
            migration.steps = migration.steps.map(|ns| ns.map(|ns| ns + 1_000 * pages));
            if number < slow {
                migration.steps = migration.steps.map(|ns| ns.map(|ns| 50 * ns));
            }
        })
    };
    let has_tail = |model: Model| kinds(&model).contains(&Kind::Tail);
    assert!(!has_tail(slow(20, 1)));
    assert!(!has_tail(slow(99, 3)), "too few of that size");
    assert!(!has_tail(slow(200, 2)), "too few that are slow");
    assert!(has_tail(slow(200, 3)));
}
