//! The report has what the model has, in every form.

use serde_json::Value;

use super::Report;
use crate::insight::{Thresholds, findings};
use crate::model::Model;
use migscope_testkit::{Synthetic, facts};

fn model() -> Model {
    let mut synthetic = Synthetic::new(21).with_details();
    let mut model = Model::new(facts());
    (0..5).for_each(|_| model.apply(synthetic.batch(400)));
    model
}

fn report(model: &Model) -> Report<'_> {
    Report::new(model, "run.arrow", &Thresholds::default())
}

fn json(model: &Model) -> Value {
    serde_json::from_str(&report(model).json()).unwrap()
}

/// The sum of a number in each object of a list.
fn sum(list: &Value, pointer: &str) -> u64 {
    let objects = list.as_array().unwrap().iter();
    objects
        .map(|object| object.pointer(pointer).and_then(Value::as_u64).unwrap())
        .sum()
}

#[test]
fn tables_add_up_to_the_totals() {
    let json = json(&model());
    for table in ["drivers", "processes"] {
        assert_eq!(sum(&json[table], "/migrations"), 2000, "{table}");
        assert_eq!(sum(&json[table], "/ledger/moved"), json["ledger"]["moved"]);
        assert_eq!(
            sum(&json[table], "/not_collected"),
            json["ledger"]["not_collected"]
        );
        assert_eq!(
            sum(&json[table], "/time_ns"),
            json["total"]["both"]["sum_ns"]
        );
    }
    let completed = |direction: &str| {
        let kinds = json["kinds"].as_array().unwrap().iter();
        let chosen = kinds.filter(|kind| {
            kind["outcome"] == "completed"
                && (direction == "both" || kind["direction"] == direction)
        });
        chosen
            .map(|kind| kind["migrations"].as_u64().unwrap())
            .sum::<u64>()
    };
    for direction in ["to_device", "to_system", "both"] {
        let batching = &json["batching"][direction];
        let calls = completed(direction);
        assert_eq!(sum(&batching["sizes"], "/calls"), calls);
    }
    let costs = json["costs"].as_array().unwrap().iter();
    let fitted = costs.map(|group| group["steps"]["total"]["calls"].as_u64().unwrap());
    assert_eq!(fitted.sum::<u64>(), completed("both"));
    assert!(json["other_processes"].is_null());
    assert_eq!(json["slowest"].as_array().unwrap().len(), 100);
    let longest = json["total"]["both"]["max_ns"].as_u64();
    assert_eq!(json["slowest"][0]["total_ns"].as_u64(), longest);
}

#[test]
fn findings_are_the_same_in_every_form() {
    let model = model();
    let (text, json) = (report(&model).text(false), json(&model));
    let expected = findings(&model, &Thresholds::default());
    assert!(!expected.is_empty());
    assert_eq!(json["findings"].as_array().unwrap().len(), expected.len());
    for (at, finding) in expected.iter().enumerate() {
        let of = &json["findings"][at];
        assert_eq!(of["kind"], finding.kind.name());
        assert_eq!(of["cost_ns"].as_u64(), finding.cost_ns);
        let head = format!("  {}: {}\n", finding.severity.name(), finding.kind.name());
        assert!(text.contains(&head), "{head}");
    }
}

#[test]
fn what_is_not_known_is_null() {
    let json = json(&Model::new(facts()));
    assert_eq!(json["costs"].as_array().unwrap().len(), 0);
    assert!(json["total"]["both"]["p999_ns"].is_null());
    for empty in ["drivers", "processes", "slowest", "findings"] {
        assert_eq!(json[empty].as_array().unwrap().len(), 0, "{empty}");
    }
}

#[test]
fn a_terminal_gets_the_same_lines_with_colours_and_bars() {
    let model = model();
    let (plain, rich) = (report(&model).text(false), report(&model).text(true));
    assert!(rich.contains("\x1b[") && rich.contains('█'));
    let stripped = anstream::adapter::strip_str(&rich).to_string();
    let bars = |c: char| " █▉▊▋▌▍▎▏".contains(c);
    for (plain, rich) in plain.lines().zip(stripped.lines()) {
        assert_eq!(rich.trim_end_matches(bars), plain);
    }
}

/// A process may call itself what it likes, and a file too.
#[test]
fn the_page_of_html_is_whole_and_takes_nothing_from_elsewhere() {
    let mut synthetic = Synthetic::new(22);
    let mut model = Model::new(facts());
    let mut batch = synthetic.batch(1000);
    for migration in &mut batch.migrations.make()[..500] {
        migration.comm = Some("<script>alert(1)</script>".into());
        migration.pid = Some(7);
    }
    model.apply(batch);
    let page = Report::new(&model, "<run & \"more\">", &Thresholds::default()).html();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"));
    assert!(page.contains("&lt;run &amp; &quot;more&quot;&gt;"));
    for elsewhere in ["http://", "https://", "url(", "@import", " src="] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"));
    for element in ["svg", "table", "figure", "div", "path", "td"] {
        let (begun, ended) = (
            page.matches(&format!("<{element}>")).count()
                + page.matches(&format!("<{element} ")).count(),
            page.matches(&format!("</{element}>")).count(),
        );
        assert!(begun > 0 && begun == ended, "{element}: {begun} {ended}");
    }
    let moved = crate::text::count(model.totals().ledger(None).moved);
    assert!(page.contains(&format!("<td>moved</td><td>{moved}</td>")));
}

#[test]
fn the_page_of_html_explains_what_it_has_not() {
    let model = Model::new(facts());
    let page = report(&model).html();
    assert!(page.contains("No migration was recorded") && !page.contains("NaN"));
}

/// What is read of a run under a filter that came later.
fn chosen(synthetic: Synthetic, record_every: u32, words: &str) -> Model {
    let mut synthetic = synthetic;
    let mut all = facts();
    all.record_every = record_every;
    let filter = words.parse().unwrap();
    let mut model = Model::new(all.chosen_by(&filter));
    for _ in 0..5 {
        let mut batch = synthetic.batch(400);
        if record_every == 0 {
            batch.migrations.make().clear();
        }
        batch.choose(&filter, &all.run());
        model.apply(batch);
    }
    model
}

#[test]
fn a_filter_that_no_record_can_answer_is_unknown() {
    let model = chosen(Synthetic::new(21).with_totals(), 0, "pid=1200");
    let (text, html) = (report(&model).text(false), report(&model).html());
    for page in [&text, &html] {
        assert!(page.contains("which migrations the filter lets through is unknown"));
        assert!(page.contains("unknown: records are off"));
        assert!(!page.contains("lets no migration through") && !page.contains("pages/s"));
    }
    let json = json(&model);
    for unknown in [
        "migrations",
        "kinds",
        "rates",
        "ledger",
        "steps",
        "migration_time",
    ] {
        assert!(json[unknown].is_null(), "{unknown}");
    }
    assert_eq!(json["ended"], 2000);
    let none = chosen(Synthetic::new(21), 1, "pid=7");
    let text = report(&none).text(false);
    assert!(text.contains("The filter lets no migration through."));
    assert_eq!(self::json(&none)["migrations"], 0);
}

#[test]
fn rates_and_times_of_some_are_at_least_those() {
    let mut synthetic = Synthetic::new(21);
    synthetic.lose(migrate_ebpf::wire::Loss::RingFull as usize, 500);
    let some = chosen(synthetic, 1, "min-pages=1");
    let text = report(&some).text(false);
    let time = text.lines().find(|line| line.starts_with("Time")).unwrap();
    assert!(
        time.contains("at least ") && time.contains(" in recorded migrations, of "),
        "{time}"
    );
    assert!(text.contains("  At least: of the recorded migrations."));
    assert!(text.contains("  Completed calls, of the recorded migrations."));
    assert!(
        report(&some)
            .html()
            .contains("on average, at least: of the recorded")
    );
    assert!(
        report(&some)
            .html()
            .contains("All below is of the recorded migrations.")
    );
    let all = chosen(Synthetic::new(21), 1, "min-pages=1");
    let text = report(&all).text(false);
    assert!(!text.contains("At least") && !text.contains("recorded migrations"));
}

#[test]
fn a_time_after_the_end_is_not_when_it_was_recorded() {
    let model = chosen(Synthetic::new(21), 1, "time=1000h..");
    let text = report(&model).text(false);
    assert!(text.contains("Recorded    nothing of it in the time that the filter asks for, by"));
    let model = chosen(Synthetic::new(21), 1, "time=0s..");
    assert!(report(&model).text(false).contains("UTC, for 0:00:0"));
}

#[test]
fn a_circle_says_of_which_pages_the_time_is() {
    let mut batch = Synthetic::new(21).batch(3);
    for migration in batch.migrations.make() {
        migration.outcome = crate::trace::Outcome::Completed;
        migration.ledger = crate::trace::Ledger {
            requested: 1,
            moved: 1,
            ..Default::default()
        };
        migration.steps = [Some(1000), None, None, None, None];
    }
    let mut model = Model::new(facts());
    model.apply(batch);
    let html = report(&model).html();
    let said = "<title>3 calls of about 1 page: 1.00 µs per page asked for</title>";
    assert!(html.contains(said), "{html}");
}
