//! The state agrees with the records, however they come.

use migrate_ebpf::wire::{Loss, anomaly};

use super::{Direction, Ledger, Model, Step, ledger};
use crate::source::{Batch, Status};
use crate::support::{START_NS, Synthetic, facts};

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
            (m.direction, m.trigger, m.outcome) == (kind.direction, kind.trigger, kind.outcome)
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
    batch.migrations[0].ledger.moved += 1;
    batch.migrations[1].anomalies = anomaly::UNBALANCED;
    assert_eq!(model(&[batch]).totals().unbalanced(), 2);
}

#[test]
fn reasons_add_up_to_what_was_skipped() {
    let batch = Synthetic::new(7).batch(1000);
    let unknown: u64 = batch
        .migrations
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
    batch.migrations.truncate(8);
    assert_eq!(model(&[batch]).unaccounted(), Some(2));
}

#[test]
fn a_status_alone_lets_time_pass() {
    let status = Status {
        time_ns: START_NS + 3_500_000_000,
        ..Status::default()
    };
    let model = model(&[Batch {
        migrations: Vec::new(),
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
