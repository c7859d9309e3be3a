//! What each sentence is of: all migrations, those that were recorded, those that the filter lets
//! through; and what cannot be told of them.

use super::recordings::{model, of, read, through};
use super::*;
use crate::model::Tally;
use crate::report::Report;
use crate::text::percent;

/// All that a finding says of its figures.
fn said(finding: &Finding) -> String {
    let lines = [&finding.what, &finding.cost];
    let lines = lines.into_iter().chain(&finding.evidence);
    lines.map(|line| format!("{line}\n")).collect()
}

fn find(model: &Model, kind: Kind) -> Finding {
    let found = all(model).into_iter();
    let mut found = found.filter(|one| one.kind == kind);
    found.next().unwrap_or_else(|| panic!("no {}", kind.name()))
}

fn not_judged(model: &Model) -> String {
    super::super::unjudged(model, &Thresholds::default()).join("\n")
}

fn records(batches: &[Batch]) -> impl Iterator<Item = &Migration> {
    let made = batches.iter().map(|batch| batch.migrations.made());
    made.flat_map(|made| made.iter())
}

const THERE: &str = "which pages were where they should go already was not judged";

/// All records came, and it is the filter that leaves out what would tell.
#[test]
fn what_a_filter_leaves_out_was_not_lost() {
    for filter in [
        "pid=50",
        "driver=migrate_test",
        "slower-than=1ms",
        "time=1s..20s",
    ] {
        let model = through(filter, "mixed");
        let skips = said(&find(&model, Kind::Skips));
        let why = "is unknown: the filter may leave out what would tell";
        assert!(skips.contains(why), "{filter}: {skips}");
        assert!(!skips.contains("not every migration"), "{filter}: {skips}");
        assert!(not_judged(&model).contains(THERE), "{filter}");
    }
    assert!(!not_judged(&of("mixed")).contains(THERE));
    let sampled = of("sampled");
    let why = format!("not every migration was recorded: {THERE}");
    assert!(not_judged(&sampled).contains(&why));
    let (facts, mut batches) = read("mixed");
    batches.iter_mut().for_each(|batch| batch.status = None);
    let untold = not_judged(&model(&facts, &batches));
    assert!(untold.contains(&format!(
        "whether every migration was recorded is unknown: {THERE}"
    )));
}

/// A condition that every migration meets.
#[test]
fn a_filter_that_lets_all_through_hides_nothing() {
    let (filtered, whole) = (through("min-pages=0", "mixed"), of("mixed"));
    assert_eq!(kinds(&filtered), kinds(&whole));
    assert_eq!(not_judged(&filtered), "");
    assert_eq!(filtered.already_there(), whole.already_there());
}

/// 248 records of one process are left of 20,000 migrations; of others, every tenth was recorded.
#[test]
fn what_is_of_the_records_is_not_said_of_all() {
    for (filter, name, number) in [("pid=53", "lossy", 248), ("cause=driver", "sampled", 109)] {
        let (_, batches) = read(name);
        let by_driver = |m: &&Migration| name == "lossy" || m.cause == Cause::Driver;
        assert_eq!(records(&batches).filter(by_driver).count(), number);
        let found = all(&through(filter, name));
        let base = format!("the {number} recorded migrations that the filter lets through");
        for finding in &found {
            let said = said(finding);
            assert!(!said.contains("all migrations"), "{finding:#?}");
        }
        let named = found.iter().filter(|one| said(one).contains(&base)).count();
        assert!(named >= 3, "{found:#?}");
    }
    let text = said(&find(&of("sampled"), Kind::WastedCopies));
    assert!(
        text.contains("in vain in the recorded migrations"),
        "{text}"
    );
}

/// How bad something is does not depend on whether a filter that lets all of it through is there.
#[test]
fn a_filter_makes_nothing_worse() {
    let (whole, filtered) = (of("lossy"), through("pid=53", "lossy"));
    for kind in [Kind::Tail, Kind::PingPong] {
        let (one, other) = (find(&whole, kind), find(&filtered, kind));
        assert_eq!(one.severity, other.severity, "{other:#?}");
        let unknown = "; how much of the time of all is unknown, as records were lost";
        assert!(other.cost.contains(unknown), "{other:#?}");
        assert!(!one.cost.contains(unknown), "{one:#?}");
    }
}

/// Nothing tells whether there were more migrations than those that left a record.
#[test]
fn without_a_word_of_the_tracer_all_is_not_known() {
    let (facts, mut batches) = read("mixed");
    batches.iter_mut().for_each(|batch| batch.status = None);
    let number = records(&batches).count();
    let model = model(&facts, &batches);
    let found = all(&model);
    assert!(found.len() > 3);
    for finding in &found {
        assert!(!said(finding).contains("all migrations"), "{finding:#?}");
    }
    let base = "the 7,146 recorded migrations";
    assert_eq!(number, 7146);
    assert!(said(&find(&model, Kind::Declines)).contains(base));
    let text = Report::new(&model, "x", &Thresholds::default()).text(false);
    let covers = "every migration that left a record; figures from the records; how many others";
    assert!(text.contains(covers), "{text}");
    assert_eq!(model.already_there(), None);
}

/// What the kernel had collected are all pages but those that it skipped or refused.
#[test]
fn collected_is_what_was_not_skipped() {
    let (_, batches) = read("mixed");
    let sum = |of: &dyn Fn(&Ledger) -> u64| records(&batches).map(|m| of(&m.ledger)).sum::<u64>();
    let collected = sum(&|of| of.requested - of.skipped - of.rejected);
    let declined = sum(&|of| of.declined);
    let finding = find(&of("mixed"), Kind::Declines);
    let share = percent(declined as f64 / collected as f64);
    assert!(
        finding.what.contains(&format!("to {share} of the pages")),
        "{finding:#?}"
    );
    let of = format!("of {} pages", crate::text::count(collected));
    assert!(finding.evidence[0].contains(&of), "{finding:#?}");
}

/// Process 1200 gives up what was collected because a page was missing, process 1201 declines some
/// pages for another reason: the rest of those was holes.
fn two_reasons(number: u64, migration: &mut Migration) {
    resize(migration, 512);
    migration.declined_holes = Some(0);
    if number.is_multiple_of(8) {
        migration.direction = Direction::Unknown;
        migration.ledger = Ledger {
            requested: 512,
            skipped: 1,
            declined: 511,
            ..Ledger::default()
        };
    } else if migration.pid == Some(1201) {
        take(migration, 128).declined = 128;
        migration.declined_holes = Some(100);
    }
}

#[test]
fn who_gave_up_did_not_decline() {
    let model = run(two_reasons);
    let finding = find(&model, Kind::Declines);
    // 200 calls of 128 pages, of which 100 are holes.
    let expected = [
        "most by process trainer (1201): 25,600 pages, 100% of them",
        "most by driver migrate_test: 25,600 pages, 100% of them",
        "20,000 pages (78.1 MiB) of those declined held nothing",
    ];
    for line in expected {
        assert!(
            finding.evidence.iter().any(|one| one == line),
            "{finding:#?}"
        );
    }
    let given_up = find(&model, Kind::GivenUp);
    let line = "most by process trainer (1200): 25,550 pages, 100% of them";
    assert!(
        given_up.evidence.iter().any(|one| one == line),
        "{given_up:#?}"
    );
}

/// Half of the records were lost: of the others, the kernel's totals know the holes, but not what
/// was given up.
#[test]
fn holes_are_those_of_the_records_where_declined_pages_are() {
    let some = Synthetic::new(1).migration();
    let mut kernel = Tally::default();
    for number in 0..2 * CALLS {
        let mut migration = calm(number, &some);
        two_reasons(number, &mut migration);
        kernel.count(&(&migration).into());
    }
    let mut status = Status {
        exact: Some(kernel.exact().clone().into()),
        ..Status::default()
    };
    status.losses[Loss::RingFull as usize] = CALLS;
    let finding = find(&with(facts(), status, two_reasons), Kind::Declines);
    assert!(
        finding.evidence[0].starts_with("declined: 25,600 pages"),
        "{finding:#?}"
    );
    assert!(
        finding.evidence[1].starts_with("20,000 pages"),
        "{finding:#?}"
    );
}

/// Of a process it is not known which of its pages were there already.
#[test]
fn who_skips_most_says_what_is_among_it() {
    let (_, batches) = read("mixed");
    let skips = records(&batches).filter_map(|m| Some(m.skips?.not_collected));
    let not_collected = crate::text::count(skips.sum());
    let finding = find(&of("mixed"), Kind::Skips);
    let line = format!(
        "most by process workload (50): {not_collected} pages not collected, there already or not, \
         100% of all such pages"
    );
    assert!(finding.evidence.contains(&line), "{finding:#?}");
    assert!(!finding.cost.contains("stayed"), "{finding:#?}");
    let none_there = run(|_, migration| {
        take(migration, 32).skipped = 32;
        migration.skips = Some(Skips {
            not_collected: 32,
            unmap_failed: 0,
        });
    });
    let text = said(&find(&none_there, Kind::Skips));
    assert!(
        !text.contains(" 0 pages") && !text.contains("\n0 pages"),
        "{text}"
    );
}

/// The share of the tracer is of both; that by which a call is slower is of the steps alone.
#[test]
fn a_traced_call_is_slower_by_the_tracer_over_the_steps() {
    let (_, batches) = read("mixed");
    let rejected = || records(&batches).filter(|m| m.errno == Some(22));
    let probe_ns: u64 = rejected().map(Migration::probe_ns).sum();
    let steps_ns: u64 = rejected().map(Migration::total_ns).sum();
    let finding = find(&through("errno=22", "mixed"), Kind::TracerCost);
    let times = (probe_ns + steps_ns) as f64 / steps_ns as f64;
    let longer = format!("takes {times:.1} times as long.");
    assert!(
        times > 8.0 && finding.what.ends_with(&longer),
        "{finding:#?}"
    );
    // 9 µs on top of calls that take 120 ns for each page, and 10 µs: 2^6 to 2^9 pages.
    let model = run(|_, migration| migration.probe = [3000; 3]);
    let mean_ns = [64.0, 128.0, 256.0, 512.0].map(|pages| 10_000.0 + 100.0 * pages);
    let share = percent(9000.0 / (mean_ns.iter().sum::<f64>() / 4.0));
    let finding = only(&model, Kind::TracerCost);
    assert!(
        finding.what.ends_with(&format!("takes {share} longer.")),
        "{finding:#?}"
    );
    let page = Report::new(&model, "x", &Thresholds::default());
    for text in [page.text(false), page.html()] {
        assert!(text.contains("3.60 ms, is in none of these: "), "{text}");
        assert!(!text.contains("of all, is in none"), "{text}");
    }
}

/// Only what this recording did can be left out next time.
#[test]
fn advice_against_the_tracers_cost_fits_the_recording() {
    let advice = |change: fn(&mut Facts)| {
        let mut facts = facts();
        change(&mut facts);
        let slow = |_: u64, migration: &mut Migration| migration.probe = [3000; 3];
        let model = with(facts, Status::default(), slow);
        find(&model, Kind::TracerCost).try_this.join("\n")
    };
    let plain = advice(|_| ());
    assert_eq!(
        plain,
        "Keep totals only (--totals-only), or trace less: --pid, --driver, --min-pages."
    );
    let parts = advice(|facts| {
        facts.details.sub_steps = true;
        facts.attached = Some("kprobe".to_owned());
    });
    assert!(
        parts.contains("--sub-steps.") && !parts.contains("stacks"),
        "{parts}"
    );
    assert!(parts.contains("--attach fentry"), "{parts}");
    let sums = said_of_totals_only();
    assert!(
        !sums.contains("totals-only") && sums.contains("Trace less"),
        "{sums}"
    );
}

fn said_of_totals_only() -> String {
    let (facts, batches) = read("totals-only");
    assert_eq!(facts.record_every, 0);
    let finding = find(&model(&facts, &batches), Kind::TracerCost);
    finding.try_this.join("\n")
}
