use std::collections::BTreeMap;

use migrate_ebpf::wire::Loss;
use migscope_testkit::{Synthetic, facts};
use serde_json::Value;

use super::*;
use crate::trace::{Batch, Details, Facts};

/// Runs of so many migrations each, of which only the kernel's totals are known.
fn runs(sizes: &[usize]) -> Vec<Run> {
    let facts = Facts {
        record_every: 0,
        not_hooked: Vec::new(),
        details: Details {
            waits: true,
            ..Details::default()
        },
        ..facts()
    };
    let mut synthetic = Synthetic::new(7).with_totals().with_waits();
    let mut run = |(nth, size): (u64, &usize)| {
        let before = synthetic.status();
        synthetic.batch(*size);
        let now = synthetic.status();
        let mut model = Model::new(Facts {
            started_ns: Some(before.time_ns),
            ..facts.clone()
        });
        model.apply(Batch {
            status: Some(now.since(&before)),
            ..Batch::default()
        });
        Run {
            model,
            phases: None,
            elapsed_ns: 1_000_000_000 + nth * 10_000_000,
            status: 0,
            under_way: [Some(0); 2],
        }
    };
    (0..).zip(sizes).map(&mut run).collect()
}

fn stat(runs: &[Run]) -> Stat<'_> {
    Stat {
        command: "./bench 'a b'",
        asked: runs.len() as u32,
        runs,
        interrupted: false,
    }
}

fn json_of(stat: &Stat<'_>) -> Value {
    let text = stat.write(Form::Json);
    assert_eq!(text.matches('\n').count(), 1, "one object, one line");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn one_run_is_a_page_of_its_figures() {
    let runs = runs(&[500]);
    insta::assert_snapshot!(stat(&runs).write(Form::Text));
}

#[test]
fn several_runs_have_means_and_deviations() {
    let mut runs = runs(&[300, 310, 305]);
    runs[1].under_way = [Some(2), Some(1)];
    runs[2].status = 3;
    let stat = Stat {
        asked: 5,
        ..stat(&runs)
    };
    insta::assert_snapshot!(stat.write(Form::Text));
}

#[test]
fn nothing_that_migrated_is_told_as_such() {
    let runs = runs(&[0]);
    let page = stat(&runs).write(Form::Text);
    assert!(
        page.contains("No memory was migrated in that time."),
        "{page}"
    );
    assert!(!page.contains("NaN"), "{page}");
}

/// What programs read is what the runs have, unrounded.
#[test]
fn json_has_every_run_and_what_they_have_in_common() {
    let runs = runs(&[300, 0, 200]);
    let json = json_of(&stat(&runs));
    assert_eq!(
        json["migrations"][0]["values"],
        serde_json::json!([300, 0, 200])
    );
    let mean = json["migrations"][0]["mean"].as_f64().unwrap();
    assert!((mean - 500.0 / 3.0).abs() < 1e-9);
    for row in crate::trace::ledger::Row::ALL {
        let pages = json["pages"].as_array().unwrap();
        let of_row = pages.iter().find(|it| it["name"] == row.name()).unwrap();
        for (nth, run) in runs.iter().enumerate() {
            let expected = row.of(&run.model.totals().ledger(None));
            assert_eq!(of_row["values"][nth], expected);
            assert_eq!(json["runs"][nth]["ledger"][row.name()], expected);
        }
    }
    assert_eq!(json["elapsed"][0]["values"][2], 1_020_000_000);
    assert_eq!(json["runs"][0]["losses"]["in_flight_full"], 0);
    let one = json_of(&stat(&runs[..1]));
    assert!(one["elapsed"][0]["deviation"].is_null());
}

/// The lines by their unit and name.
fn separated(stat: &Stat<'_>) -> BTreeMap<(String, String), Vec<String>> {
    let text = stat.write(Form::Separated(b';'));
    let fields = |line: &str| line.split(';').map(str::to_owned).collect::<Vec<_>>();
    let lines = text
        .lines()
        .filter(|line| !line.starts_with("# "))
        .map(fields);
    lines
        .map(|fields| ((fields[1].clone(), fields[2].clone()), fields))
        .collect()
}

#[test]
fn values_stand_between_separators() {
    let runs = runs(&[300, 100]);
    let one = separated(&stat(&runs[..1]));
    let key = |unit: &str, name: &str| (unit.to_owned(), name.to_owned());
    assert_eq!(
        one[&key("migrations", "migrations")],
        ["300", "migrations", "migrations"]
    );
    assert_eq!(one[&key("ns", "elapsed")][0], "1000000000");
    let both = separated(&stat(&runs));
    let migrations = &both[&key("migrations", "migrations")];
    assert_eq!(migrations[0], "200");
    let deviation: f64 = migrations[3].parse().unwrap();
    let percent: f64 = migrations[4].parse().unwrap();
    assert!((deviation - 20_000_f64.sqrt()).abs() < 1e-9);
    assert!((percent - deviation / 2.0).abs() < 1e-9);
    // The same figures as everywhere.
    let figures = stat(&runs).figures();
    assert_eq!(both.len(), figures.len());
}

/// A name with the separator in it stays one field.
#[test]
fn names_are_quoted_where_they_hold_the_separator() {
    let runs = runs(&[50]);
    let text = stat(&runs).write(Form::Separated(b' '));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(b' ')
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    assert!(reader.records().all(|line| line.unwrap().len() == 3));
}

#[test]
fn what_was_lost_is_told_in_every_form() {
    let mut runs = runs(&[50]);
    let mut synthetic = Synthetic::new(7).with_totals();
    synthetic.batch(50);
    synthetic.lose(Loss::Incomplete as usize, 3);
    synthetic.lose(Loss::WaitMissed as usize, 2);
    let mut status = synthetic.status();
    // A wait is no migration.
    status.ended -= 2;
    runs[0].model.apply(Batch {
        status: Some(status),
        ..Batch::default()
    });
    let stat = stat(&runs);
    let text = stat.write(Form::Text);
    for said in [
        "lost",
        "incomplete",
        "wait_missed",
        "2 waits could not be followed",
    ] {
        assert!(text.contains(said), "no {said} in {text}");
    }
    let json = json_of(&stat);
    assert_eq!(
        (
            &json["runs"][0]["lost"],
            &json["runs"][0]["losses"]["wait_missed"]
        ),
        (&3.into(), &2.into())
    );
    assert_eq!(json["losses"][0]["values"][0], 3);
    let lines = stat.write(Form::Separated(b','));
    assert!(lines.contains("\n3,migrations,incomplete\n"), "{lines}");
    assert!(lines.contains("\n2,waits,wait_missed\n"), "{lines}");
    assert!(lines.contains("\n# Waits are missing: "), "{lines}");
}

#[test]
fn a_read_in_the_middle_of_migrations_is_told() {
    let mut runs = runs(&[50]);
    let mut synthetic = Synthetic::new(7).with_totals();
    synthetic.batch(50);
    let mut status = synthetic.status();
    status.ended += 1;
    runs[0].model.apply(Batch {
        status: Some(status),
        ..Batch::default()
    });
    let text = stat(&runs).write(Form::Text);
    assert!(
        text.contains("1 migration ended just when the totals"),
        "{text}"
    );
    assert_eq!(json_of(&stat(&runs))["runs"][0]["blurred"], 1);
}

/// The lines have the same numbers under the same names in every form.
#[test]
fn lines_of_intervals_agree() {
    let runs = runs(&[120]);
    let interval = Interval {
        run: 2,
        time_ns: 1_500_000_000,
        model: &runs[0].model,
    };
    let json: Value = serde_json::from_str(&interval.line(Form::Json)).unwrap();
    let json = &json["interval"];
    assert_eq!(
        (&json["run"], &json["time_ns"]),
        (&2.into(), &1_500_000_000.into())
    );
    assert_eq!(json["migrations"], 120);
    let comma = Form::Separated(b',');
    let names = interval.heading(comma);
    let values = interval.line(comma);
    for (name, value) in names.trim().split(',').zip(values.trim().split(',')) {
        assert_eq!(json[name].to_string(), value, "{name}");
    }
    let text = [interval.heading(Form::Text), interval.line(Form::Text)].concat();
    insta::assert_snapshot!(text);
}

/// Runs of so many migrations each, of which this many left no record.
fn by_phase(sizes: &[usize], unrecorded: usize) -> Vec<Run> {
    let details = Details {
        phases: true,
        waits: true,
        ..Details::default()
    };
    let facts = Facts {
        record_every: 0,
        not_hooked: Vec::new(),
        details,
        ..facts()
    };
    let mut synthetic = Synthetic::new(7).with_details().with_totals().with_waits();
    let mut run = |(nth, size): (u64, &usize)| {
        let before = synthetic.status();
        let mut batch = synthetic.batch(*size);
        let status = Some(synthetic.status().since(&before));
        let mut model = Model::new(facts.clone());
        model.apply(Batch {
            status,
            ..Batch::default()
        });
        batch.migrations.make().truncate(size - unrecorded);
        let mut phases = Phases::default();
        phases.take(&batch);
        Run {
            model,
            phases: Some(phases),
            elapsed_ns: 1_000_000_000 + nth * 10_000_000,
            status: 0,
            under_way: [Some(0); 2],
        }
    };
    (0..).zip(sizes).map(&mut run).collect()
}

#[test]
fn phases_are_a_table() {
    let one = by_phase(&[400], 3);
    insta::assert_snapshot!(stat(&one).write(Form::Text));
}

#[test]
fn phases_of_several_runs_have_deviations() {
    let several = by_phase(&[400, 380, 410], 0);
    insta::assert_snapshot!(stat(&several).write(Form::Text));
}

/// The rows add up to the totals in every run, with what left no record; in every form.
#[test]
fn phases_add_up_to_the_totals() {
    let runs = by_phase(&[300, 200], 5);
    let stat = stat(&runs);
    let json = json_of(&stat);
    let phases = stat.phases().unwrap();
    for figure in &phases[0].figures {
        let mut sums = [0; 2];
        for phase in &phases {
            let of = phase.figure(&figure.name, figure.unit).unwrap();
            assert_eq!(of.of, figure.of);
            sums = std::array::from_fn(|run| sums[run] + of.values[run]);
        }
        let all = &figure.of.as_ref().unwrap().values;
        assert_eq!(&sums[..], all, "{}", figure.name);
    }
    let listed = json["phases"].as_array().unwrap();
    assert_eq!(listed.len(), phases.len());
    let unknown = listed.iter().find(|it| it["phase"].is_null()).unwrap();
    // Of the records that are there, a fourth tells none.
    let known = (0..295).filter(|nth| nth % 4 != 0).count();
    assert_eq!(unknown["figures"][0]["values"][0], 300 - known);
    assert_eq!(json["runs"][1]["unrecorded"], 5);
    let lines = separated(&stat);
    for (name, phase) in [
        ("train/forward", "in phase train/forward"),
        ("", "in no phase"),
    ] {
        let of = listed.iter().find(|it| it["phase"] == name).unwrap();
        let key = ("migrations".to_owned(), format!("migrations {phase}"));
        assert_eq!(
            lines[&key][0],
            of["figures"][0]["mean"].to_string(),
            "{phase}"
        );
    }
    let text = stat.write(Form::Text);
    assert!(
        text.contains("5 migrations of run 1 left no record"),
        "{text}"
    );
    assert!(json_of(&self::stat(&self::runs(&[5])))["phases"].is_null());
}

/// However a program calls its phases, no two figures have one name.
#[test]
fn phases_are_told_apart_by_their_names() {
    let mut runs = by_phase(&[40], 0);
    let mut batch = Synthetic::new(3).with_details().batch(2);
    for (migration, name) in batch
        .migrations
        .make()
        .iter_mut()
        .zip(["unknown", "no phase"])
    {
        migration.phase = Some(name.into());
    }
    runs[0].phases.as_mut().unwrap().take(&batch);
    let stat = stat(&runs);
    let by_phase: usize = stat
        .phases()
        .unwrap()
        .iter()
        .map(|it| it.figures.len())
        .sum();
    assert_eq!(separated(&stat).len(), stat.figures().len() + by_phase);
}
