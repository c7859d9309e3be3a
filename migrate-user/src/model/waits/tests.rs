use super::*;
use crate::trace::{
    Batch, Contended, Facts, Ledger, Migration, Status, WaitFigure, WaitResult, Worker,
};
use migscope_testkit::{START_NS, Synthetic, facts, plain_wait};

const MS: u64 = 1_000_000;

fn following() -> Facts {
    let mut facts = facts();
    (facts.details.waits, facts.details.device_side) = (true, true);
    facts
}

/// A wait of thread 11 of process 10, from a time on, of so many milliseconds.
fn wait(kind: WaitKind, result: WaitResult, at_ms: u64, ms: u64) -> Wait {
    Wait {
        sequence: at_ms * 100 + ms,
        time_ns: START_NS + at_ms * MS,
        pid: Some(10),
        tid: Some(11),
        address: Some(0x7000_1000),
        ..plain_wait(kind, result, ms * MS)
    }
}

/// A fault of a thread that waited so long for its own migration to begin.
fn fault(tid: u32, at_ms: u64, before_ms: u64) -> Wait {
    Wait {
        tid: Some(tid),
        before_setup_ns: Some(before_ms * MS),
        in_migration_ns: Some(MS),
        ..wait(WaitKind::Fault, WaitResult::Moved, at_ms, before_ms + 1)
    }
}

/// A migration of 16 pages around the address that is waited for.
fn migration(sequence: u64, at_ms: u64, ms: u64) -> Migration {
    Migration {
        sequence,
        time_ns: START_NS + at_ms * MS,
        pid: Some(10),
        tid: Some(12),
        worker: None,
        address: Some(0x7000_0000),
        ledger: Ledger {
            requested: 16,
            moved: 16,
            ..Ledger::default()
        },
        steps: [Some(ms * MS), None, None, None, None],
        probe: [0; 3],
        ..Synthetic::new(1).migration()
    }
}

fn batch(migrations: Vec<Migration>, waits: Vec<Wait>, at_ms: u64) -> Batch {
    let status = Status {
        time_ns: START_NS + at_ms * MS,
        ..Status::default()
    };
    Batch {
        migrations: migrations.into(),
        waits,
        status: Some(status),
    }
}

fn model(batches: impl IntoIterator<Item = Batch>) -> Model {
    let mut model = Model::new(following());
    batches.into_iter().for_each(|batch| model.apply(batch));
    model
}

fn for_page(at_ms: u64, ms: u64) -> Wait {
    wait(WaitKind::Migrating, WaitResult::Done, at_ms, ms)
}

#[test]
fn records_and_the_kernel_count_the_same() {
    let mut synthetic = Synthetic::new(5).with_details().with_waits().with_totals();
    let model = model((0..20).map(|_| synthetic.batch(60)));
    let exact = model.exact().unwrap();
    let (records, kernel) = (model.wait_totals(), WaitTotals::of_totals(exact));
    assert_eq!(model.waits_from(), Origin::Records);
    assert!(records.waits() >= 400);
    assert_eq!(records.counts(), kernel.counts());
    assert_eq!(records.figures(), kernel.figures());
    for &figure in WaitFigure::ALL {
        let (own, of_kernel) = (records.durations(figure), kernel.durations(figure));
        assert_eq!(own.sum(), of_kernel.sum());
        assert!(own.max() <= of_kernel.max(), "{figure:?}");
    }
    let by_process: u64 = model
        .waits()
        .processes()
        .iter()
        .map(|of| of.sums.waits)
        .sum();
    let by_thread: u64 = model.waits().threads().iter().map(|of| of.sums.waits).sum();
    assert_eq!((by_process, by_thread), (records.waits(), records.waits()));
}

#[test]
fn where_records_are_lost_the_kernel_tells() {
    let mut synthetic = Synthetic::new(5).with_waits().with_totals();
    let mut batch = synthetic.batch(60);
    let all = batch.waits.len() as u64;
    batch.waits.truncate(3);
    batch.status.as_mut().unwrap().losses[Loss::WaitLost as usize] = all - 3;
    let mut model = model([batch]);
    assert_eq!(model.waits_from(), Origin::Kernel);
    assert_eq!(model.wait_totals().waits(), all);
    assert_eq!(
        (model.waits_lost(), model.has_all_waits()),
        (all - 3, false)
    );
    // Migrations are another matter.
    assert_eq!(model.coverage().from, Origin::Records);
    // What was lost before is not lost now.
    model.reset();
    assert_eq!((model.waits_lost(), model.wait_totals().waits()), (0, 0));
}

#[test]
fn what_was_not_followed_is_unknown() {
    let mut facts = facts();
    assert!(!Model::new(facts.clone()).follows_waits());
    facts.details.waits = true;
    let model = Model::new(facts);
    let followed: Vec<_> = model.followed().collect();
    assert_eq!(followed, [WaitKind::Fault, WaitKind::Migrating]);
}

#[test]
fn a_waiter_is_told_whose_migration_it_was() {
    // The record of the migration comes in a later batch.
    let model = model([
        batch(vec![migration(7, 90, 5)], vec![for_page(101, 4)], 110),
        batch(vec![migration(8, 100, 30)], vec![], 140),
    ]);
    let joined = model.waits().joined(Why::Page);
    assert_eq!(
        (joined.waits, joined.total_ns, joined.unknown),
        (1, 4 * MS, 0)
    );
    let blocker = joined.blockers[0];
    assert_eq!((blocker.thread, blocker.sequence), (Some(12), 8));
    assert_eq!(model.waits().worst()[0].moved.unwrap().sequence, 8);
}

#[test]
fn an_answer_stays_when_time_goes_by() {
    let first = batch(vec![migration(8, 100, 30)], vec![for_page(101, 4)], 140);
    let model = model([first, batch(vec![], vec![], 9_000)]);
    assert!(model.waits().joins.so_far().is_empty());
    assert_eq!(model.waits().worst()[0].moved.unwrap().sequence, 8);
    assert_eq!(model.waits().joined(Why::Page).waits, 1);
}

#[test]
fn where_it_may_have_been_either_nobody_knows() {
    let two = vec![migration(8, 100, 30), migration(9, 130, 4)];
    let model = model([batch(two, vec![for_page(101, 32)], 140)]);
    let joined = model.waits().joined(Why::Page);
    assert_eq!(
        (joined.waits, joined.unknown, joined.unknown_ns),
        (0, 1, 32 * MS)
    );
    assert_eq!(model.waits().worst()[0].moved, None);
}

#[test]
fn another_process_place_or_time_is_none_of_it() {
    let other = Migration {
        pid: Some(99),
        ..migration(1, 100, 9)
    };
    let beside = Migration {
        address: Some(0x7000_2000),
        ..migration(2, 100, 9)
    };
    let eviction = Migration {
        pid: None,
        address: None,
        ..migration(3, 100, 9)
    };
    let late = migration(4, 106, 9);
    let all = vec![other, beside, eviction, late];
    let model = model([batch(all, vec![for_page(101, 4)], 140)]);
    assert_eq!(model.waits().joined(Why::Page).unknown, 1);
}

#[test]
fn a_device_asks_again_because_of_what_was_moved_meanwhile() {
    let retry = Wait {
        address: Some(0x6fff_0000),
        pages: Some(512),
        ..wait(WaitKind::RangeFault, WaitResult::Retry, 100, 20)
    };
    let done = Wait {
        result: WaitResult::Done,
        ..retry.clone()
    };
    let moved = vec![migration(1, 101, 2), migration(2, 110, 2)];
    let waits = vec![retry.clone(), retry, done];
    let model = model([batch(moved, waits, 140)]);
    let joined = model.waits().joined(Why::Retry);
    assert_eq!((joined.waits, joined.unknown), (2, 0));
    assert_eq!(joined.blockers[0].sequence, 1);
    assert_eq!(model.waits().joined(Why::Page), Joined::default());
    let range = *model.waits().ranges()[0];
    assert_eq!(
        (range.sums.waits, range.sums.retries, range.longest),
        (3, 2, 2)
    );
    assert_eq!(range.sums.retries_ns, 40 * MS);
}

#[test]
fn threads_that_wait_together_are_counted() {
    // Three come at once and go one by one; a fourth comes when they have gone.
    let waits = vec![
        fault(1, 100, 5),
        fault(2, 101, 9),
        fault(3, 102, 13),
        fault(4, 200, 5),
    ];
    let model = model([batch(vec![], waits, 300)]);
    let convoy = model.waits().convoys()[0];
    assert_eq!(
        (convoy.threads, convoy.together, convoy.together_ns),
        (3, 2, 22 * MS)
    );
    assert_eq!(
        (convoy.sums.made, convoy.sums.before_setup_ns),
        (4, 32 * MS)
    );
}

#[test]
fn the_lock_that_took_most_comes_first() {
    let held = |lock: &str, ms: u64, holder: Option<u32>| Wait {
        contended: Some(Contended {
            all_ns: ms * MS,
            ns: ms * MS,
            lock: lock.into(),
            holder: holder.map(|tid| Worker {
                tid,
                comm: "kworker/0:1".into(),
            }),
            holder_stack: holder.map(|tid| format!("f{tid}_[k]").into()),
        }),
        ..fault(1, 100, ms)
    };
    let waits = vec![
        held("a", 3, Some(5)),
        held("b", 2, None),
        held("b", 4, Some(6)),
        held("b", 9, None),
    ];
    let model = model([batch(vec![], waits, 300)]);
    let [b, a] = model.waits().locks() else {
        panic!("{:?}", model.waits().locks());
    };
    assert_eq!(
        (&*b.name, b.waits, b.total_ns, b.longest_ns),
        ("b", 3, 15 * MS, 9 * MS)
    );
    assert_eq!(b.holder.as_ref().unwrap().tid, 6);
    assert_eq!(b.holder_stack.as_deref(), Some("f6_[k]"));
    assert_eq!((&*a.name, a.total_ns), ("a", 3 * MS));
}

#[test]
fn memory_is_bounded() {
    let mut model = Model::new(following());
    for round in 0..40 {
        let each = |at: u64| Wait {
            pid: Some((round * 1000 + at) as u32),
            address: Some(at << 12),
            contended: Some(Contended {
                all_ns: 1,
                ns: 1,
                lock: format!("{round} {at}").into(),
                holder: None,
                holder_stack: None,
            }),
            ..for_page(round, 1)
        };
        let moved = |at: u64| Migration {
            address: Some(at << 20),
            ..migration(at, round, 1)
        };
        let waits = (0..1000).map(each).collect();
        let moved = (0..1000).map(moved).collect();
        model.apply(batch(moved, waits, round));
    }
    let waits = model.waits();
    assert!(waits.processes().len() <= super::super::sets::KEPT);
    assert!(waits.worst().len() <= 5 * 100 && waits.locks().len() <= 64);
    let joined = waits.joined(Why::Page);
    assert_eq!(joined.waits + joined.unknown, 40_000);
}

#[test]
fn what_came_when_migrations_are_forgotten_is_unknown() {
    let many = |from: u64| {
        (from..from + 20_000)
            .map(|at| migration(at, 50, 1))
            .collect()
    };
    let model = model([
        batch(many(0), vec![], 60),
        batch(vec![migration(30_000, 48, 6)], vec![for_page(49, 3)], 70),
    ]);
    assert_eq!(model.waits().joined(Why::Page).unknown, 1);
}

#[test]
fn takes_any_number() {
    let any = Wait {
        time_ns: u64::MAX,
        address: Some(u64::MAX),
        pages: Some(u64::MAX),
        total_ns: u64::MAX,
        before_setup_ns: Some(u64::MAX),
        ..wait(WaitKind::RangeFault, WaitResult::Retry, 1, 1)
    };
    let moved = Wait {
        kind: WaitKind::Fault,
        result: WaitResult::MovedByOther,
        ..any.clone()
    };
    let model = model([batch(
        vec![migration(1, 1, 1)],
        vec![any.clone(), any, moved],
        1,
    )]);
    assert_eq!(model.wait_totals().total_ns(WaitKind::RangeFault), u64::MAX);
    assert_eq!(model.waits().worst().len(), 3);
    model.waits().joined(Why::Page);
}
