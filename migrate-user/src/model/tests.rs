//! The state agrees with the records, however they come.

use migrate_ebpf::wire::{Loss, anomaly};

use super::{Model, Origin, Tally, rates};
use crate::trace::{Batch, Direction, Exact, Facts, Ledger, Status, Step, ledger};
use migscope_testkit::{START_NS, Synthetic, facts};

fn model(batches: &[Batch]) -> Model {
    let mut model = Model::new(facts());
    for batch in batches {
        model.apply(batch.clone());
    }
    model
}

#[test]
fn counts_what_the_records_say() {
    let mut synthetic = Synthetic::new(1);
    let batches: Vec<Batch> = (0..20).map(|_| synthetic.batch(100)).collect();
    let model = model(&batches);
    let all: Vec<_> = batches.iter().flat_map(|batch| &batch.migrations).collect();

    let mut sum = Ledger::default();
    all.iter().for_each(|m| ledger::add(&mut sum, &m.ledger));
    assert_eq!(model.totals().ledger(None), sum);
    assert_eq!(ledger::balance(&sum), Some(sum.requested));
    assert_eq!(
        (model.totals().migrations(), model.totals().unbalanced()),
        (2000, 0)
    );

    for kind in model.totals().kinds() {
        let same = all.iter().filter(|m| {
            (m.direction, m.cause, m.outcome) == (kind.direction, kind.cause, kind.outcome)
        });
        assert_eq!(same.count() as u64, kind.migrations);
    }
    assert_eq!(
        model
            .totals()
            .kinds()
            .map(|kind| kind.migrations)
            .sum::<u64>(),
        2000
    );

    for step in Step::ALL {
        let times = all.iter().filter_map(|m| m.steps[step as usize]);
        let of = model.steps().of(step, None);
        assert_eq!(of.count(), times.clone().count() as u64);
        assert_eq!(of.sum(), times.clone().sum::<u64>());
        assert_eq!(of.max(), times.max());
    }
}

#[test]
fn directions_add_up() {
    let model = model(&[Synthetic::new(2).batch(500)]);
    let mut sum = Ledger::default();
    for &direction in Direction::ALL {
        ledger::add(&mut sum, &model.totals().ledger(Some(direction)));
    }
    assert_eq!(sum, model.totals().ledger(None));
    let in_history: u64 = model.rates().history().map(|bin| bin.pages(None)).sum();
    assert!(in_history <= ledger::arrived(&sum));
}

#[test]
fn an_unbalanced_ledger_is_counted() {
    let mut batch = Synthetic::new(3).batch(3);
    batch.migrations.make()[0].ledger.moved += 1;
    batch.migrations.make()[1].anomalies = anomaly::UNBALANCED;
    assert_eq!(model(&[batch]).totals().unbalanced(), 2);
}

#[test]
fn reasons_add_up_to_what_was_skipped() {
    let batch = Synthetic::new(7).batch(1000);
    let unknown: u64 = batch
        .migrations
        .made()
        .iter()
        .filter(|migration| migration.skips.is_none())
        .map(|migration| migration.ledger.skipped)
        .sum();
    let model = model(&[batch]);
    let reasons = model.totals().reasons();
    assert!(unknown > 0 && reasons.known());
    assert_eq!(reasons.unknown, unknown);
    assert_eq!(
        reasons.not_collected + reasons.unmap_failed + reasons.unknown,
        model.totals().ledger(None).skipped
    );
}

#[test]
fn reasons_that_were_never_seen_are_not_known() {
    let mut batch = Synthetic::new(8).batch(100);
    for migration in &mut batch.migrations {
        migration.skips = None;
    }
    assert!(!model(&[batch]).totals().reasons().known());
    assert!(model(&[]).totals().reasons().known());
}

#[test]
fn losses_are_the_tracers_own_and_survive_a_reset() {
    let mut synthetic = Synthetic::new(4);
    synthetic.lose(Loss::RingFull as usize, 7);
    synthetic.lose(Loss::Incomplete as usize, 2);
    let mut model = model(&[synthetic.batch(10)]);
    assert_eq!(model.losses().unwrap().lost(), 9);
    assert_eq!(model.unaccounted(), Some(0));
    model.reset();
    assert_eq!(model.losses().unwrap().lost(), 9);
    assert_eq!((model.totals().migrations(), model.elapsed_ns()), (0, 0));
    assert_eq!(model.facts(), &facts());
}

#[test]
fn what_ended_and_never_came_is_noticed() {
    let mut batch = Synthetic::new(5).batch(10);
    batch.migrations.make().truncate(8);
    assert_eq!(model(&[batch]).unaccounted(), Some(2));
}

#[test]
fn a_status_alone_lets_time_pass() {
    let status = Status {
        time_ns: START_NS + 3_500_000_000,
        ..Status::default()
    };
    let model = model(&[Batch {
        migrations: Default::default(),
        waits: Vec::new(),
        status: Some(status),
    }]);
    assert_eq!(model.elapsed_ns(), 3_500_000_000);
    assert_eq!(model.rates().history().len(), 3);
    assert_eq!(model.average(None).map(|rate| rate.calls), Some(0.0));
}

#[test]
fn memory_is_bounded() {
    let mut synthetic = Synthetic::new(6);
    let mut model = Model::new(facts());
    for _ in 0..10 {
        model.apply(synthetic.batch(500));
    }
    assert_eq!(model.recent().len(), super::recent::KEPT);
    let newest = model.recent().iter().next().map(|m| m.sequence);
    assert_eq!(newest, Some(4999));
}

/// Of every process, range and driver that there can be, without end: what is kept does not grow,
/// and what is summed up is whole.
#[test]
fn an_endless_run_does_not_grow() {
    const RECORDS: u64 = 200_000;
    let mut some = Synthetic::new(13).batch(1000).migrations;
    let mut model = Model::new(facts());
    for number in 0..RECORDS {
        let migration = &mut some.make()[(number % 1000) as usize];
        migration.sequence = number;
        migration.time_ns = START_NS + number * 50_000;
        migration.pid = Some((number / 10 % 5000) as u32);
        migration.address = Some(number.wrapping_mul(0x9e37_79b9) << 12);
        model.apply(Batch {
            migrations: vec![migration.clone()].into(),
            waits: Vec::new(),
            status: None,
        });
    }
    let (recent, slowest) = (model.recent().len(), model.slowest().len());
    assert_eq!(
        (recent, slowest),
        (super::recent::KEPT, super::slowest::KEPT)
    );
    assert_eq!(model.processes().len(), super::processes::KEPT);
    let kept: u64 = model.processes().iter().map(|p| p.sums.migrations).sum();
    let others = model.processes().others().unwrap().sums.migrations;
    assert_eq!(kept + others, RECORDS);
    assert!(model.retries().sorted().len() <= super::sets::KEPT);
    assert!(model.ping_pong().sorted().len() <= super::sets::KEPT);
    assert!(model.ping_pong().evicted() > 0);
    assert_eq!(model.drivers().sorted().len(), 2);
}

/// The kernel's totals of everything, and a model that gets every n-th record only, and of those
/// not the first `lost`.
fn incomplete(every: u32, lost: u64) -> (Model, Vec<Batch>) {
    let mut synthetic = Synthetic::new(9).with_totals();
    let batches: Vec<Batch> = (0..20).map(|_| synthetic.batch(101)).collect();
    let mut model = Model::new(Facts {
        record_every: every,
        ..facts()
    });
    for batch in &batches {
        let mut batch = batch.clone();
        let chosen = |sequence: u64| every > 0 && sequence.is_multiple_of(every.into());
        batch
            .migrations
            .make()
            .retain(|m| chosen(m.sequence) && m.sequence / u64::from(every) >= lost);
        let status = batch.status.as_mut().unwrap();
        status.losses[Loss::RingFull as usize] = lost;
        model.apply(batch);
    }
    (model, batches)
}

fn last_exact(batches: &[Batch]) -> &Exact {
    let status = batches.last().and_then(|batch| batch.status.as_ref());
    status.and_then(|status| status.exact.as_deref()).unwrap()
}

#[test]
fn whole_records_are_what_the_kernel_counts() {
    let (model, batches) = incomplete(1, 0);
    assert_eq!(model.coverage().from, Origin::Records);
    assert_eq!(model.records(), last_exact(&batches));
    assert_eq!(model.exact(), Some(last_exact(&batches)));
    for (record, total) in model
        .records()
        .figures
        .iter()
        .zip(&last_exact(&batches).figures)
    {
        for quantile in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
            assert_eq!(
                record.values.histogram().value_at_quantile(quantile),
                total.values.histogram().value_at_quantile(quantile)
            );
        }
    }
}

#[test]
fn figures_are_the_kernels_when_records_do_not_tell_everything() {
    for (every, lost) in [(1, 7), (10, 0), (10, 3), (0, 0)] {
        let (model, batches) = incomplete(every, lost);
        let exact = last_exact(&batches);
        assert_eq!(model.coverage().from, Origin::Kernel, "{every} {lost}");
        assert_eq!(model.totals(), exact);
        assert!(model.records().migrations() < exact.migrations());
        let setup = model.steps().of(Step::Setup, None);
        assert_eq!(setup.count(), 20 * 101);
        let calls = model.average(None).unwrap().calls * model.elapsed_ns() as f64 / 1e9;
        assert!((calls - 2020.0).abs() < 0.1, "{calls}");
        assert!(
            model
                .rates()
                .over(5, None)
                .is_some_and(|rate| rate.pages > 0.0)
        );
        assert_eq!(model.unaccounted(), Some(0));
    }
}

#[test]
fn received_and_lost_and_left_out_is_what_ended() {
    for (every, lost) in [(1, 0), (1, 5), (3, 4), (7, 0), (2020, 0), (5000, 0)] {
        let (model, _) = incomplete(every, lost);
        let left_out = model.left_out().unwrap();
        let received = model.records().migrations();
        assert_eq!(received + lost + left_out, 2020, "{every}");
    }
    let (mut model, _) = incomplete(10, 0);
    let status = Status {
        ended: 2020 + 31,
        ..Status::default()
    };
    model.apply(Batch {
        status: Some(status),
        ..Batch::default()
    });
    // 2020, 2030, 2040 and 2050 were to be recorded.
    assert_eq!(model.unaccounted(), Some(4));
    let (mut totals_only, _) = incomplete(0, 0);
    assert_eq!(totals_only.left_out(), Some(2020));
    let status = Status {
        ended: 2020 + 5,
        ..Status::default()
    };
    totals_only.apply(Batch {
        status: Some(status),
        ..Batch::default()
    });
    assert_eq!(
        totals_only.unaccounted(),
        Some(5),
        "since the totals were read"
    );
}

#[test]
fn rates_of_totals_add_up_to_the_totals() {
    let mut synthetic = Synthetic::new(10).with_totals();
    let mut model = Model::new(Facts {
        record_every: 0,
        ..facts()
    });
    let mut exact = None;
    for _ in 0..10 {
        let mut status = synthetic.batch(1000).status;
        exact = status.as_ref().and_then(|status| status.exact.clone());
        model.apply(Batch {
            status: status.take(),
            ..Batch::default()
        });
    }
    // The second under way is not in the history: let it pass.
    let mut status = synthetic.status();
    status.time_ns += 2_000_000_000;
    model.apply(Batch {
        status: Some(status),
        ..Batch::default()
    });
    let exact = exact.unwrap();
    let sum = |of: &dyn Fn(&rates::Bin) -> u64| model.rates().history().map(of).sum::<u64>();
    assert_eq!(sum(&|bin| bin.calls(None)), exact.migrations());
    let arrived = ledger::arrived(&exact.ledger(Some(Direction::ToSystem)));
    assert_eq!(sum(&|bin| bin.pages(Some(Direction::ToSystem))), arrived);
}

#[test]
fn a_reset_leaves_what_was_before_out_of_the_kernels_totals_too() {
    let mut synthetic = Synthetic::new(11).with_totals();
    synthetic.lose(Loss::RingFull as usize, 3);
    let mut model = model(&[synthetic.batch(500)]);
    assert_eq!(model.coverage().from, Origin::Kernel);
    model.reset();
    assert_eq!(model.totals(), &Exact::default());
    // Nothing was lost since: the records tell everything.
    let mut later = Tally::default();
    let batch = synthetic.batch(300);
    batch.migrations.each(|row| later.count(row));
    model.apply(batch);
    assert_eq!(model.coverage().from, Origin::Records);
    assert_eq!(model.totals(), later.exact());
    assert_eq!(model.exact(), Some(later.exact()));
    synthetic.lose(Loss::RingFull as usize, 1);
    model.apply(synthetic.batch(0));
    assert_eq!(model.coverage().from, Origin::Kernel);
    assert_eq!(model.totals(), later.exact());
}

#[test]
fn what_was_asked_for_is_summed_up_over_the_records_that_have_it() {
    let mut batch = Synthetic::new(12).with_details().batch(100);
    for migration in &mut batch.migrations.make()[..40] {
        (migration.parts, migration.off_cpu) = (None, None);
    }
    let measured = &batch.migrations.made()[40..];
    let rmap: u64 = measured
        .iter()
        .filter_map(|m| m.parts)
        .map(|p| p.rmap_ns)
        .sum();
    let setup: u64 = measured.iter().filter_map(|m| m.steps[0]).sum();
    let model = model(&[batch.clone()]);
    let (parts, off_cpu) = (model.parts(), model.off_cpu());
    assert_eq!((parts.migrations, off_cpu.migrations), (60, 60));
    assert_eq!((parts.sums_ns[2], parts.setup_ns), (rmap, setup));
    assert_eq!(off_cpu.steps_ns[0], setup);
    let drivers = model.drivers().sorted();
    assert_eq!(
        drivers
            .iter()
            .map(|driver| driver.sums.migrations)
            .sum::<u64>(),
        100
    );
}
