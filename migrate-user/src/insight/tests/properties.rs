//! What no finding may say, of whatever run: more than all, more saved than spent, more pages than
//! moved, a share of nothing named.

use super::recordings::{came_back, model, read};
use super::*;
use crate::report::Report;

/// Words of which each sentence with a share has one: what it is a share of.
const BASES: [&str; 9] = [
    // These are no shares.
    "95% interval",
    "all migrations",
    "recorded",
    "that were measured",
    "where it was measured",
    "of setup",
    "of them",
    "of all",
    "that ended",
];

/// The numbers in front of a sign or a word: `12.3` of `12.3% of ...`, `1234` of `1,234 pages`.
fn before(text: &str, what: &str) -> Vec<f64> {
    text.match_indices(what)
        .filter_map(|(at, _)| {
            let text = &text[..at];
            let begins = text.rfind(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','));
            let begins = begins.map_or(0, |at| at + text[at..].chars().next().unwrap().len_utf8());
            text[begins..].replace(',', "").parse().ok()
        })
        .collect()
}

fn sentences(finding: &Finding) -> impl Iterator<Item = &String> {
    let said = [&finding.what, &finding.cost];
    said.into_iter().chain(&finding.evidence)
}

/// Checks all that is said of a run against sums over its records. `requested` and `time_ns`: of
/// all migrations, recorded or not.
fn check(model: &Model, records: &[Migration], (requested, time_ns): (u64, u64)) {
    let spent_ns: u64 = records.iter().map(Migration::total_ns).sum();
    for finding in all(model) {
        for sentence in sentences(&finding) {
            for share in before(sentence, "%") {
                assert!(share <= 100.0, "{sentence}: {finding:#?}");
                let is_named = BASES.iter().any(|base| sentence.contains(base));
                assert!(is_named, "{sentence}: of what?");
            }
            for pages in before(sentence, " pages") {
                assert!(pages <= requested as f64, "{sentence}: of {requested}");
            }
        }
        let most_ns = spent_ns.max(time_ns);
        if finding.kind != Kind::TracerCost {
            assert!(
                finding.cost_ns.is_none_or(|ns| ns <= most_ns),
                "{finding:#?}"
            );
        }
    }
    let batching = model.batching();
    for pages in [1, 16, 512, 1 << 30] {
        let saved_ns = batching.saved_in_all_ns(pages);
        assert!(
            saved_ns.is_none_or(|saved| saved <= spent_ns as f64 + 1.0),
            "{saved_ns:?}"
        );
    }
    let ping_pong = model.ping_pong();
    let moved: u64 = records.iter().map(|m| m.ledger.moved).sum();
    assert!(ping_pong.total_pages() <= ping_pong.most_pages());
    assert!(ping_pong.most_pages() <= moved);
    assert!(ping_pong.total_ns() <= spent_ns);
    assert!(
        model
            .migration_time()
            .share()
            .is_none_or(|share| share <= 1.0)
    );
    let text = Report::new(model, "x", &Thresholds::default()).text(false);
    for share in before(&text, "%") {
        assert!(share <= 100.0, "{share}% in\n{text}");
    }
}

/// Random runs: of few and of many, with and without details, whole, sampled, lossy and filtered.
#[test]
fn of_random_runs_nothing_is_said_that_cannot_be() {
    for seed in 1..60 {
        let details = seed % 3 == 0;
        let synthetic = Synthetic::new(seed).with_totals();
        let mut synthetic = if details {
            synthetic.with_details()
        } else {
            synthetic
        };
        let every = [1, 1, 7][seed as usize % 3];
        let lost = [0, 150][seed as usize / 3 % 2];
        let facts = Facts {
            record_every: every,
            filter: (seed % 5 == 0).then(|| "--slower-than 1us".to_owned()),
            ..facts()
        };
        let whole: Vec<Batch> = (0..4).map(|_| synthetic.batch(5 * seed as usize)).collect();
        let all = || {
            whole
                .iter()
                .flat_map(|batch| batch.migrations.made().iter())
        };
        let requested = all().map(|m| m.ledger.requested).sum();
        let time_ns = all().map(Migration::total_ns).sum();
        let comes = |m: &Migration| m.sequence.is_multiple_of(every.into()) && m.sequence >= lost;
        let records: Vec<Migration> = all().filter(|m| comes(m)).cloned().collect();
        let some: Vec<Batch> = whole
            .iter()
            .cloned()
            .map(|mut batch| {
                batch.migrations.make().retain(|m| comes(m));
                let status = batch.status.as_mut().unwrap();
                status.losses[Loss::RingFull as usize] = lost.min(status.ended) / u64::from(every);
                batch
            })
            .collect();
        check(&model(&facts, &some), &records, (requested, time_ns));
    }
}

/// The same of what was recorded. Where the kernel's totals tell of more, it is they that count.
#[test]
fn of_recordings_nothing_is_said_that_cannot_be() {
    for name in [
        "mixed",
        "pinned",
        "batching-small",
        "even-and-odd",
        "filter-1",
        "lossy",
        "sampled",
    ] {
        let (facts, batches) = read(name);
        let all = batches
            .iter()
            .flat_map(|batch| batch.migrations.made().iter());
        let records: Vec<Migration> = all.cloned().collect();
        let model = model(&facts, &batches);
        let sum = |of: &dyn Fn(&Migration) -> u64| records.iter().map(of).sum::<u64>();
        let exact = model.exact();
        let requested = exact.map_or(0, |exact| exact.ledger(None).requested);
        let requested = requested.max(sum(&|m| m.ledger.requested));
        let time_ns = model.steps().total_ns(None).max(sum(&Migration::total_ns));
        check(&model, &records, (requested, time_ns));
        let (least, most) = came_back(
            records.iter(),
            facts.record_every == 1 && name != "lossy" && facts.filter.is_none(),
        );
        let said = model.ping_pong();
        assert_eq!(
            (said.total_pages(), said.most_pages()),
            (least, most),
            "{name}"
        );
    }
}

#[test]
fn numbers_are_found_where_they_stand() {
    assert_eq!(before("±12.3% of 1,234 pages", "%"), [12.3]);
    assert_eq!(
        before("12.3% of 1,234 pages, 5 pages", " pages"),
        [1234.0, 5.0]
    );
    assert_eq!(before("no pages", " pages"), [0.0; 0]);
}
