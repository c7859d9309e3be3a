//! The report has what the model has, in every form.

use serde_json::Value;

use super::Report;
use crate::insight::{Thresholds, findings};
use crate::model::Model;
use crate::text::{bytes, count, duration};
use crate::trace::{Batch, Details, Direction, Facts, Migration, Step, Wait, WaitKind, WaitResult};
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

/// A run whose waits were followed, and those waits.
fn waiting() -> (Model, Vec<Wait>) {
    let mut synthetic = Synthetic::new(23).with_waits();
    let details = Details {
        waits: true,
        device_side: true,
        ..Details::default()
    };
    let mut model = Model::new(Facts { details, ..facts() });
    let batches: Vec<Batch> = (0..5).map(|_| synthetic.batch(300)).collect();
    let waits = batches.iter().flat_map(|batch| batch.waits.clone());
    let waits = waits.collect();
    batches.into_iter().for_each(|batch| model.apply(batch));
    (model, waits)
}

/// The sum over some waits.
fn of(waits: &[Wait], which: impl Fn(&Wait) -> bool, number: impl Fn(&Wait) -> u64) -> u64 {
    waits.iter().filter(|wait| which(wait)).map(number).sum()
}

/// A number of a wait.
type Number = fn(&Wait) -> u64;

/// Against plain sums of the records.
#[test]
fn waits_add_up_in_json() {
    let (model, waits) = waiting();
    let json = json(&model);
    let json = &json["waits"];
    assert_eq!(
        json["followed"].as_array().unwrap().len(),
        WaitKind::ALL.len()
    );
    assert_eq!(
        (&json["from"], &json["lost"]),
        (&"records".into(), &0.into())
    );
    for count in json["counts"].as_array().unwrap() {
        let name = |name: &str| count[name].as_str().unwrap().to_owned();
        let (kind, result) = (name("kind"), name("result"));
        let is_it = |wait: &Wait| (wait.kind.name(), wait.result.name()) == (&*kind, &*result);
        let numbers: [(&str, Number); 6] = [
            ("waits", |_| 1),
            ("pages", |wait| wait.pages.unwrap_or(0)),
            ("total_ns", |wait| wait.total_ns),
            ("before_setup_ns", |wait| wait.before_setup_ns.unwrap_or(0)),
            ("in_migration_ns", |wait| wait.in_migration_ns.unwrap_or(0)),
            ("page_lock_ns", |wait| wait.page_lock_ns),
        ];
        for (name, number) in numbers {
            assert_eq!(count[name], of(&waits, is_it, number), "{count}");
        }
    }
    let number = waits.len() as u64;
    let total_ns = of(&waits, |_| true, |wait| wait.total_ns);
    for list in ["counts", "processes", "threads"] {
        assert_eq!(sum(&json[list], "/waits"), number, "{list}");
        assert_eq!(sum(&json[list], "/total_ns"), total_ns, "{list}");
    }
    let retries = of(&waits, |wait| wait.result == WaitResult::Retry, |_| 1);
    assert_eq!(sum(&json["processes"], "/retries"), retries);
    let made = of(&waits, |wait| wait.migration.is_some(), |_| 1);
    assert_eq!(sum(&json["convoys"], "/waits"), made);
    assert_eq!(json["figures"]["before_setup_ns"]["count"], made);
    for &kind in WaitKind::ALL {
        let figure = &json["figures"][format!("{}_ns", kind.name())];
        let is_it = |wait: &Wait| wait.kind == kind;
        assert_eq!(figure["count"], of(&waits, is_it, |_| 1));
        assert_eq!(figure["sum_ns"], of(&waits, is_it, |wait| wait.total_ns));
    }
    let for_page =
        |wait: &Wait| wait.kind == WaitKind::Migrating || wait.result == WaitResult::MovedByOther;
    let others = &json["for_others"];
    let told = ["waits", "unknown"].map(|name| others[name].as_u64().unwrap());
    assert_eq!(told.iter().sum::<u64>(), of(&waits, for_page, |_| 1));
    let longest = waits.iter().map(|wait| wait.total_ns).max();
    assert_eq!(json["longest"][0]["total_ns"].as_u64(), longest);
}

#[test]
fn waits_are_in_text_and_html_where_they_were_followed() {
    let (model, waits) = waiting();
    let (text, html) = (report(&model).text(false), report(&model).html());
    for &kind in WaitKind::ALL {
        let number = count(of(&waits, |wait| wait.kind == kind, |_| 1));
        let row = |line: &str| {
            let mut words = line.split_whitespace();
            words.next() == Some(kind.name()) && words.next() == Some(&*number)
        };
        assert!(text.lines().any(row), "{} {number}:\n{text}", kind.name());
        let cells = format!("<td>{}</td><td>{number}</td>", kind.name());
        assert!(html.contains(&cells), "{cells}");
    }
    let longest = waits.iter().map(|wait| wait.total_ns).max().unwrap();
    let said = format!("The longest: {}, ", duration(longest));
    assert!(text.contains(&said), "{said}");
    assert!(html.contains("<h2>Longest waits</h2>"));
    // Where they were not, they are unknown.
    let (text, html) = (
        report(&self::model()).text(false),
        report(&self::model()).html(),
    );
    assert!(!text.contains("\nWaits ") && !html.contains("<h2>Waits</h2>"));
    assert!(json(&self::model())["waits"].is_null());
}

/// Against plain sums of the records.
#[test]
fn parts_of_the_drivers_steps_add_up() {
    let mut synthetic = Synthetic::new(24).with_details();
    let facts = Facts {
        details: Details {
            sub_steps: true,
            ..Details::default()
        },
        ..facts()
    };
    let mut model = Model::new(facts);
    let batch = synthetic.batch(500);
    let all: Vec<_> = batch.migrations.made().to_vec();
    model.apply(batch);
    let (json, text) = (json(&model), report(&model).text(false));
    let json = &json["driver_parts"];
    assert_eq!(json["migrations"], 500);
    for (nth, step) in [Step::AllocAndCopy, Step::FinalizeAndMap]
        .into_iter()
        .enumerate()
    {
        let parts = all
            .iter()
            .map(|migration| migration.driver_parts.unwrap()[nth]);
        let sums = parts.fold([0; 4], |sums: [u64; 4], of| {
            let more = [of.fence_ns, of.lock_ns, of.alloc_ns, of.dma_map_ns];
            [0, 1, 2, 3].map(|at| sums[at] + more[at])
        });
        let steps = all
            .iter()
            .map(|migration| migration.steps[step as usize].unwrap_or(0));
        let step_ns = steps.sum::<u64>();
        let object = &json[step.name()];
        assert_eq!(object["step_ns"], step_ns);
        let section = text.split(&format!("\n{} ", step.name())).nth(1).unwrap();
        let section = section.split("\n\n").next().unwrap();
        for (name, sum) in ["fence", "lock", "alloc", "dma_map"].into_iter().zip(sums) {
            assert_eq!(object[format!("{name}_ns")], sum, "{name}");
            let row = section
                .lines()
                .find(|line| line.trim_start().starts_with(name));
            let row = row.unwrap_or_else(|| panic!("{name}:\n{section}"));
            assert!(row.contains(&duration(sum)), "{row}");
        }
        assert!(section.contains(&duration(step_ns)), "{section}");
    }
    // What was not measured is unknown.
    let mut model = Model::new(migscope_testkit::facts());
    model.apply(Synthetic::new(24).batch(10));
    assert!(self::json(&model)["driver_parts"].is_null());
}

/// A run in which the parts of steps were measured, and its migrations.
fn measured(change: impl Fn(&mut Migration)) -> (Model, Vec<Migration>) {
    let details = Details {
        sub_steps: true,
        ..Details::default()
    };
    let mut model = Model::new(Facts { details, ..facts() });
    let mut batch = Synthetic::new(26).with_details().batch(500);
    batch.migrations.make().iter_mut().for_each(change);
    let all = batch.migrations.made().to_vec();
    model.apply(batch);
    (model, all)
}

/// Every fourth migration's driver waits for no fence.
fn seldom_waits(migration: &mut Migration) {
    if migration.sequence.is_multiple_of(4) {
        for parts in migration.driver_parts.as_mut().unwrap() {
            parts.fence_ns = 0;
        }
    }
}

/// Against plain sums of the records.
#[test]
fn copies_add_up() {
    let (model, all) = measured(seldom_waits);
    let json = json(&model);
    let (text, html) = (report(&model).text(false), report(&model).html());
    let rows = json["copies"].as_array().unwrap();
    let fence_ns = |of: &Migration| {
        let made = of.ledger.populated + of.ledger.wasted_fill;
        let [copy, map] = of.driver_parts.unwrap();
        if made > 0 {
            0
        } else {
            copy.fence_ns + map.fence_ns
        }
    };
    let copied = |of: &Migration| of.ledger.moved + of.ledger.wasted_copy;
    let mut seen = 0;
    for direction in [Direction::ToDevice, Direction::ToSystem] {
        for by_fence in [true, false] {
            let is_it = |of: &&Migration| {
                let has_fence = fence_ns(of) > 0;
                of.direction == direction && copied(of) > 0 && has_fence == by_fence
            };
            let some: Vec<_> = all.iter().filter(is_it).collect();
            let sum =
                |number: &dyn Fn(&Migration) -> u64| some.iter().map(|of| number(of)).sum::<u64>();
            let bytes_copied = sum(&copied) * 4096;
            let longest_ns = sum(&|of| {
                let steps = [1, 2, 3].map(|step: usize| of.steps[step].unwrap_or(0));
                steps.iter().sum::<u64>() + of.probe.iter().sum::<u64>()
            });
            let fences = sum(&fence_ns);
            let row = rows
                .iter()
                .find(|row| row["direction"] == direction.name() && row["by_fence"] == by_fence)
                .unwrap();
            assert_eq!(row["migrations"], some.len());
            assert_eq!(row["pages"], sum(&copied));
            assert_eq!(row["bytes"], bytes_copied);
            assert_eq!(row["longest_ns"], longest_ns);
            let is_near = |value: &Value, ns: u64| {
                let rate = bytes_copied as f64 * 1e9 / ns as f64;
                (value.as_f64().unwrap() / rate - 1.0).abs() < 1e-9
            };
            assert!(is_near(&row["least_bytes_per_second"], longest_ns), "{row}");
            let at_most = if by_fence {
                assert_eq!(row["fence_ns"], fences);
                assert!(is_near(&row["most_bytes_per_second"], fences), "{row}");
                duration(fences)
            } else {
                assert!(row["fence_ns"].is_null() && row["most_bytes_per_second"].is_null());
                "–".to_owned()
            };
            let how = if by_fence { "by fence" } else { "other" };
            let name = format!("{}, {how}", direction.name());
            let cells = [
                count(some.len() as u64),
                bytes(bytes_copied as f64),
                duration(longest_ns),
                at_most,
            ];
            let line = text
                .lines()
                .find(|line| line.trim_start().starts_with(&name));
            let line = line.unwrap_or_else(|| panic!("{name}:\n{text}"));
            assert!(cells.iter().all(|cell| line.contains(cell)), "{line}");
            let cells = cells.map(|cell| format!("<td>{cell}</td>")).concat();
            let row = format!("<td>{name}</td>{cells}");
            assert!(html.contains(&row), "{row}");
            seen += some.len();
        }
    }
    assert_eq!(seen, all.iter().filter(|of| copied(of) > 0).count());
    assert_eq!(rows.len(), 4);
}

#[test]
fn copies_are_unknown_without_parts_and_none_where_nothing_was_copied() {
    let (model, _) = measured(|migration| {
        let ledger = &mut migration.ledger;
        ledger.populated += ledger.moved + ledger.wasted_copy;
        (ledger.moved, ledger.wasted_copy) = (0, 0);
    });
    assert_eq!(json(&model)["copies"].as_array().map(Vec::len), Some(0));
    let unmeasured = self::model();
    assert!(json(&unmeasured)["copies"].is_null());
    for model in [model, unmeasured] {
        let (text, html) = (report(&model).text(false), report(&model).html());
        assert!(!text.contains("\nCopies") && !html.contains("<h2>Copies</h2>"));
    }
}

#[test]
fn lost_waits_are_called_waits() {
    let mut model = Model::new(facts());
    let mut batch = Synthetic::new(25).batch(10);
    let status = batch.status.as_mut().unwrap();
    status.losses[migrate_ebpf::wire::Loss::WaitLost as usize] = 12;
    model.apply(batch);
    let text = report(&model).text(false);
    let said = "Lost        0 of 10 migrations; 12 waits lost\n";
    assert!(text.contains(said), "{text}");
    assert_eq!(json(&model)["lost"], 0);
    assert_eq!(json(&model)["losses"]["wait_lost"], 12);
}

/// Each migration and each wait is in one phase, in every form.
#[test]
fn phases_add_up_where_they_were_followed() {
    let details = Details {
        phases: true,
        waits: true,
        device_side: true,
        ..Details::default()
    };
    let mut model = Model::new(Facts { details, ..facts() });
    model.apply(Synthetic::new(23).with_details().with_waits().batch(600));
    let paths = &json(&model)["phases"]["paths"];
    assert_eq!(sum(paths, "/migrations"), 600);
    let mut seldom = 0;
    for kind in WaitKind::ALL {
        let waits = sum(paths, &format!("/waits/{}/waits", kind.name()));
        assert_eq!(
            waits,
            model.waits().totals().of_kind(*kind),
            "{}",
            kind.name()
        );
        seldom += u64::from(waits == 0);
    }
    assert_eq!(seldom, 0, "a kind of which there is none");
    let (text, html) = (report(&model).text(false), report(&model).html());
    for said in [
        "Recorded phases",
        "Recorded waits by phase",
        "train/forward",
        "no phase",
    ] {
        assert!(text.contains(said), "no {said} in {text}");
    }
    for said in [
        "<h2>Phases of programs</h2>",
        "<h2>Waits by phase</h2>",
        "<td>train/forward</td>",
    ] {
        assert!(html.contains(said), "no {said}");
    }
    let html = report(&self::model()).html();
    assert!(!html.contains("phase</h2>") && !html.contains("Phases of programs"));
}
