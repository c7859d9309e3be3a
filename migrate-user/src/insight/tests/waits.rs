//! Findings of waits: where they should be, and not where they should not.

use super::*;
use crate::trace::{Contended, Details, Wait, WaitKind, WaitResult, Worker};

use migscope_testkit::plain_wait;

const US: u64 = 1_000;

/// A calm run with so many waits beside it, made by `wait` of the number of each.
fn beside(details: Details, calls: &[Migration], waits: impl Iterator<Item = Wait>) -> Model {
    let facts = Facts { details, ..facts() };
    let mut model = with(facts, Status::default(), |_, _| ());
    model.apply(Batch {
        migrations: calls.iter().cloned().collect(),
        waits: waits.collect(),
        status: None,
    });
    model
}

fn followed() -> Details {
    Details {
        waits: true,
        device_side: true,
        ..Details::default()
    }
}

fn wait(number: u64, kind: WaitKind, result: WaitResult, ns: u64) -> Wait {
    Wait {
        sequence: number,
        time_ns: START_NS + number * 1_000_000,
        pid: Some(1200),
        tid: Some(1300 + (number % 4) as u32),
        address: Some(0x7e00_0000_0000),
        ..plain_wait(kind, result, ns)
    }
}

/// Four threads fault at a time, every four milliseconds, and go one by one.
fn fault(number: u64, each_ns: u64) -> Wait {
    let before_ns = (1 + number % 4) * each_ns;
    Wait {
        time_ns: START_NS + number / 4 * 4_000_000,
        before_setup_ns: Some(before_ns),
        in_migration_ns: Some(20 * US),
        ..wait(
            number,
            WaitKind::Fault,
            WaitResult::Moved,
            before_ns + 20 * US,
        )
    }
}

/// A migration of a page at the address that is waited for, by another thread.
fn at_the_address(number: u64) -> Migration {
    let mut one = calm(CALLS + number, &Synthetic::new(1).migration());
    one.time_ns = START_NS + number * 1_000_000;
    one.address = Some(0x7e00_0000_0000);
    (one.pid, one.tid, one.worker) = (Some(1200), Some(1777), None);
    one.cause = Cause::DeviceFault;
    one
}

#[test]
fn threads_that_queue_at_the_driver() {
    let convoy = |each_ns| beside(followed(), &[], (0..200).map(move |at| fault(at, each_ns)));
    let model = convoy(100 * US);
    let finding = only(&model, Kind::LockConvoy);
    // 50 times 100, 200, 300 and 400 µs; the first of each four meets nobody that has ended.
    assert_eq!(finding.cost_ns, Some(50 * 900 * US));
    assert!(finding.what.contains("at least 4 threads"), "{finding:?}");
    assert!(finding.evidence[0].starts_with("before setup: 50.0 ms of the 54.0 ms of 200 faults"));
    assert!(finding.try_this[0].contains("--sub-steps"), "{finding:?}");
    assert_eq!(
        kinds(&convoy(5 * US)),
        BTreeSet::new(),
        "most is in the migration"
    );
    let alone = |at: u64| Wait {
        time_ns: START_NS + at * 1_000_000,
        ..fault(at, 100 * US)
    };
    let alone = beside(followed(), &[], (0..200).map(alone));
    assert_eq!(kinds(&alone), BTreeSet::new(), "none waits for another");
    let few = beside(followed(), &[], (0..16).map(|at| fault(at, 100 * US)));
    assert_eq!(kinds(&few), BTreeSet::new());
}

#[test]
fn the_lock_and_its_holder_are_named() {
    let slept = |at| Wait {
        contended: Some(Contended {
            all_ns: 90 * US,
            ns: 90 * US,
            lock: "svms.lock".into(),
            holder: Some(Worker {
                tid: 77,
                comm: "kworker/1:2".into(),
            }),
            holder_stack: Some(
                "worker_thread_[k];svm_copy_[k];dma_fence_wait_[k];schedule_[k];__schedule_[k]"
                    .into(),
            ),
        }),
        ..fault(at, 100 * US)
    };
    let model = beside(followed(), &[], (0..200).map(slept));
    let finding = only(&model, Kind::LockConvoy);
    let lock = finding.evidence.last().unwrap();
    assert!(
        lock.starts_with("lock svms.lock: slept for in 200 waits, 18.0 ms in sum; held by kworker/1:2 (thread 77)"),
        "{lock}"
    );
    assert!(
        lock.ends_with(
            "off its CPU in dma_fence_wait_[k], called by svm_copy_[k], called by worker_thread_[k]"
        ),
        "{lock}"
    );
    assert!(!finding.try_this[0].contains("--sub-steps"));
}

#[test]
fn pages_that_others_migrate() {
    let waits = |ns| (0..100).map(move |at| wait(at, WaitKind::Migrating, WaitResult::Done, ns));
    let calls: Vec<_> = (0..100).map(at_the_address).collect();
    let model = beside(followed(), &calls, waits(20 * US));
    let found = all(&model);
    let finding = found
        .iter()
        .find(|of| of.kind == Kind::WaitsForOthers)
        .unwrap();
    assert_eq!(finding.cost_ns, Some(2_000 * US));
    assert!(
        finding.evidence.iter().any(|line| line.starts_with(
            "for migrations of process trainer (1200) by thread 1777, to_device, device_fault: 100 waits"
        )),
        "{finding:?}"
    );
    // Nobody knows for which migration it was.
    let unknown = beside(followed(), &[], waits(20 * US));
    let finding = only(&unknown, Kind::WaitsForOthers);
    assert!(
        finding.evidence.last().unwrap().contains("is known of 0%"),
        "{finding:?}"
    );
    assert_eq!(
        kinds(&beside(followed(), &[], waits(2 * US))),
        BTreeSet::new()
    );
}

#[test]
fn devices_that_ask_again_and_again() {
    let ask = |every: u64| {
        move |at: u64| {
            let is_in_vain = at.is_multiple_of(every);
            let result = if is_in_vain {
                WaitResult::Retry
            } else {
                WaitResult::Done
            };
            wait(at, WaitKind::RangeFault, result, 50 * US)
        }
    };
    let calls: Vec<_> = (0..100).map(at_the_address).collect();
    let model = beside(followed(), &calls, (0..100).map(ask(2)));
    let found = all(&model);
    let finding = found.iter().find(|of| of.kind == Kind::RetryStorm).unwrap();
    assert_eq!(finding.cost_ns, Some(2_500 * US));
    assert!(
        finding.what.starts_with("50.0% of the calls"),
        "{finding:?}"
    );
    assert!(
        finding.evidence[1].contains("50 of 100 calls in vain, up to 1 in a row, 2.50 ms"),
        "{finding:?}"
    );
    assert!(
        finding.evidence[2].starts_with("in the middle of 50 of them"),
        "{finding:?}"
    );
    assert_eq!(
        kinds(&beside(followed(), &[], (0..100).map(ask(10)))),
        BTreeSet::new()
    );
}

#[test]
fn what_was_not_followed_or_was_chosen_by_its_time_is_not_judged() {
    let of_waits = [Kind::LockConvoy, Kind::WaitsForOthers, Kind::RetryStorm];
    let judged = |details: Details, filter: Option<&str>| {
        let facts = Facts {
            details,
            filter: filter.map(str::to_owned),
            ..facts()
        };
        let model = with(facts, Status::default(), |_, _| ());
        let judged = super::super::judged(&model, &Thresholds::default());
        of_waits.map(|kind| judged.contains(&kind))
    };
    assert_eq!(judged(followed(), None), [true; 3]);
    assert_eq!(judged(Details::default(), None), [false; 3]);
    assert_eq!(judged(followed(), Some("slower-than=1ms")), [false; 3]);
    assert_eq!(judged(followed(), Some("cause=driver")), [false; 3]);
    let of_cpus = Details {
        device_side: false,
        ..followed()
    };
    assert_eq!(judged(of_cpus, None), [true, true, false]);
}

/// Findings of what was lost are of migrations.
#[test]
fn lost_waits_are_no_lost_migrations() {
    let mut status = Status::default();
    status.losses[Loss::WaitLost as usize] = 350;
    status.losses[Loss::WaitMissed as usize] = 350;
    let model = with(facts(), status, |_, _| ());
    assert_eq!(kinds(&model), BTreeSet::new());
    assert_eq!((model.made(), model.lost_since()), (Some(CALLS), Some(0)));
    assert!(model.has_all_records() && !model.has_all_waits());
}
