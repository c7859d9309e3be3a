//! Every number on a tab is the report's.

use serde_json::Value;

use super::super::{Action, App, Tab};
use super::pictures::{picture, text};
use super::{lossy, ordinary, report, sampled, totals_only};
use crate::recording::Reader;
use crate::text::{NOBODY, at_least, count, duration, percent, process};
use crate::trace::{Step, ledger::Row};

/// The words of a picture, one blank between them.
fn words(app: &mut App, tab: Tab) -> String {
    app.act(Action::Show(tab));
    let text = text(&picture(app, (300, 100)));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn json(app: &App) -> Value {
    serde_json::from_str(&report(app.shown(), "x").json()).unwrap()
}

fn time(value: &Value) -> String {
    value.as_u64().map_or("–".to_owned(), duration)
}

#[test]
fn the_overview_and_the_pages() {
    for app in [ordinary, lossy, sampled, totals_only] {
        let mut app = app();
        let json = json(&app);
        let requested = json["ledger"]["requested"].as_u64().unwrap();
        for tab in [Tab::Overview, Tab::Pages] {
            let screen = words(&mut app, tab);
            assert!(screen.contains(&count(json["migrations"].as_u64().unwrap())));
            assert!(screen.contains(&format!("{} lost", count(json["lost"].as_u64().unwrap()))));
            for row in Row::ALL {
                let pages = json["ledger"][row.name()].as_u64().unwrap();
                let share = percent(pages as f64 / requested as f64);
                let entry = format!("{} {share} {}", row.name(), count(pages));
                assert_eq!(screen.contains(&entry), pages > 0, "{entry} on\n{screen}");
            }
        }
    }
}

/// The words of a line as they stand on the screen.
fn assert_line(screen: &str, words: &[String]) {
    let line = words.join(" ");
    assert!(screen.contains(&line), "{line} on\n{screen}");
}

fn pages(value: &Value) -> String {
    match value.as_u64().unwrap() {
        0 => "·".to_owned(),
        pages => count(pages),
    }
}

fn number_or_none(value: &Value) -> String {
    value
        .as_u64()
        .map_or_else(|| "–".to_owned(), |number| number.to_string())
}

fn number(value: &Value) -> String {
    count(value.as_u64().unwrap())
}

fn name(value: &Value) -> String {
    value.as_str().unwrap_or("–").to_owned()
}

/// A time that is not whole, as the tabs round it.
fn about(value: &Value) -> String {
    value
        .as_f64()
        .map_or("–".to_owned(), |ns| duration(ns as u64))
}

#[test]
fn the_steps() {
    for app in [ordinary, sampled, totals_only] {
        let mut app = app();
        let json = json(&app);
        let screen = words(&mut app, Tab::Steps);
        let steps = &json["steps"]["both"];
        let steps = Step::ALL.map(|step| (step.name(), &steps[step.name()]));
        let whole = ("whole migration", &json["total"]["both"]);
        for (name, figures) in steps.into_iter().chain([whole]) {
            let mut line = vec![name.to_owned(), number(&figures["count"])];
            let times = ["p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns", "sum_ns"];
            line.extend(times.map(|key| time(&figures[key])));
            let share = figures["share"].as_f64().unwrap_or(1.0);
            line.push(percent(share));
            assert_line(&screen, &line);
        }
        let screen = words(&mut app, Tab::Overview);
        for step in Step::ALL {
            let figures = &json["steps"]["both"][step.name()];
            let mut line = vec![step.name().to_owned(), number(&figures["count"])];
            let times = ["p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"];
            line.extend(times.map(|key| time(&figures[key])));
            assert_line(&screen, &line);
        }
    }
}

#[test]
fn the_batches() {
    let mut app = ordinary();
    let json = json(&app);
    let screen = words(&mut app, Tab::Batching);
    let batching = &json["batching"]["both"];
    for size in batching["sizes"].as_array().unwrap() {
        let (min, max) = (number(&size["pages_min"]), number(&size["pages_max"]));
        let range = if min == max {
            min
        } else {
            format!("{min}–{max}")
        };
        let mut line = vec![range];
        line.extend(["calls", "arrived"].map(|key| number(&size[key])));
        line.extend([time(&size["time_ns"]), about(&size["ns_per_page"])]);
        assert_line(&screen, &line);
    }
    let group = &json["costs"][0];
    for step in Step::ALL.map(Step::name).into_iter().chain(["total"]) {
        let cost = &group["steps"][step];
        let with_error = |key: &str| {
            let ns = |key: String| cost[key].as_f64().map(|ns| duration(ns.round() as u64));
            let both = ns(format!("{key}_ns")).zip(ns(format!("{key}_error_ns")));
            both.map_or("–".to_owned(), |(ns, error)| format!("{ns} ± {error}"))
        };
        let shown = if step == "total" {
            format!("{}, {}", name(&group["direction"]), name(&group["cause"]))
        } else {
            step.to_owned()
        };
        let line = format!("{shown} {} {}", with_error("fixed"), with_error("per_page"));
        assert_line(&screen, &[line]);
    }
}

/// What processes and drivers have in common.
fn sums(row: &Value) -> Vec<String> {
    let wasted = ["wasted_copy", "wasted_fill"].map(|key| row["ledger"][key].as_u64().unwrap());
    vec![
        number(&row["migrations"]),
        pages(&row["arrived"]["to_device"]),
        pages(&row["arrived"]["to_system"]),
        pages(&row["ledger"]["skipped"]),
        pages(&row["ledger"]["declined"]),
        pages(&Value::from(wasted[0] + wasted[1])),
        time(&row["wasted_ns"]),
        time(&row["time_ns"]),
        about(&row["ns_per_page"]),
    ]
}

#[test]
fn the_processes_and_drivers() {
    for app in [ordinary, lossy, sampled] {
        let mut app = app();
        let json = json(&app);
        let screen = words(&mut app, Tab::Processes);
        for row in json["processes"].as_array().unwrap() {
            let comm = row["comm"].as_str().unwrap_or(NOBODY).to_owned();
            let pid = number_or_none(&row["pid"]);
            if comm.chars().any(char::is_control) {
                continue;
            }
            assert_line(&screen, &[vec![comm, pid], sums(row)].concat());
        }
        let screen = words(&mut app, Tab::Drivers);
        for row in json["drivers"].as_array().unwrap() {
            assert_line(&screen, &[vec![name(&row["driver"])], sums(row)].concat());
        }
    }
}

#[test]
fn who_wasted_pages_and_what_came_back() {
    let mut app = ordinary();
    let json = json(&app);
    let screen = words(&mut app, Tab::Pages);
    for row in json["processes"].as_array().unwrap() {
        let ledger = &row["ledger"];
        let line = vec![
            process(
                row["comm"].as_str(),
                row["pid"].as_u64().map(|pid| pid as u32),
            ),
            pages(&ledger["moved"]),
            pages(&ledger["populated"]),
            pages(&ledger["skipped"]),
            pages(&row["unmap_failed"]),
            pages(&ledger["declined"]),
        ];
        assert_line(&screen, &line);
    }
    let ping_pong = &json["ping_pong"];
    let head = format!(
        "{} came back within a second, in at least {} trips, which took {}",
        at_least(
            ping_pong["pages"].as_u64().unwrap(),
            ping_pong["most_pages"].as_u64().unwrap()
        ),
        number(&ping_pong["trips"]),
        time(&ping_pong["time_ns"])
    );
    assert_line(&screen, &[head]);
    for range in &ping_pong["ranges"].as_array().unwrap()[..10] {
        let address = |key: &str| format!("{:#x}", range[key].as_u64().unwrap());
        let line = vec![
            range["pid"].to_string(),
            format!("{}–{}", address("start"), address("end")),
            number(&range["trips"]),
            pages(&range["pages"]),
            pages(&range["most_pages"]),
            time(&range["soonest_ns"]),
            time(&range["mean_ns"]),
        ];
        assert_line(&screen, &line);
    }
}

#[test]
fn the_findings() {
    for app in [ordinary, lossy] {
        let mut app = app();
        let json = json(&app);
        let screen = words(&mut app, Tab::Findings);
        for finding in json["findings"].as_array().unwrap() {
            let plain = |text: &Value| {
                text.as_str()
                    .unwrap()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            assert_line(&screen, &[plain(&finding["kind"]), plain(&finding["what"])]);
            assert_line(&screen, &["costs".to_owned(), plain(&finding["cost"])]);
            for evidence in finding["evidence"].as_array().unwrap() {
                assert_line(&screen, &["evidence".to_owned(), plain(evidence)]);
            }
        }
    }
}

#[test]
fn single_migrations() {
    let mut app = ordinary();
    let json = json(&app);
    app.act(Action::Show(Tab::Migrations));
    app.act(Action::Order);
    let slowest = json["slowest"].as_array().unwrap();
    let lines = text(&picture(&app, (300, 100)));
    let lines: Vec<String> = lines
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for (at, migration) in slowest.iter().take(20).enumerate() {
        let line = [
            name(&migration["comm"]),
            number_or_none(&migration["pid"]),
            name(&migration["worker_comm"]),
            name(&migration["direction"]),
            name(&migration["cause"]),
            name(&migration["outcome"]),
            pages(&migration["requested"]),
        ]
        .join(" ");
        let first = lines
            .iter()
            .position(|line| line.contains("requested arrived"))
            .unwrap();
        let shown = &lines[first + 1 + at];
        assert!(shown.contains(&line), "{line}: {shown}");
        assert!(shown.contains(&time(&migration["total_ns"])), "{shown}");
    }
}

/// A recording of `tests/data` on the dashboard, under a filter.
fn recorded(name: &str, words: &str) -> App {
    let path = format!("{}/tests/data/{name}.arrow", env!("CARGO_MANIFEST_DIR"));
    let reader = Reader::new(name, std::fs::File::open(path).unwrap()).unwrap();
    let mut app = super::app(reader.facts().clone());
    reader.for_each(|batch| app.batch(batch));
    app.data.set_filter(words.parse().unwrap());
    app
}

/// Of 20,000 migrations 248 left a record, and the kernel's totals know of no process.
#[test]
fn under_a_filter_it_says_how_many_records_there_are() {
    let mut app = recorded("lossy", "pid=53");
    let screen = words(&mut app, Tab::Overview);
    let says = "only pid=53, from records: 248 of 20,000 recorded, before the filter";
    assert!(screen.contains(says), "{screen}");
    let mut app = recorded("lossy", "");
    assert!(words(&mut app, Tab::Overview).contains("kernel totals"));
}

/// What came back is unknown where one way is hidden, and what a call costs where calls are chosen
/// by how long they took.
#[test]
fn what_a_filter_hides_is_unknown() {
    let mut app = recorded("mixed", "direction=to_system");
    let screen = words(&mut app, Tab::Pages);
    assert!(
        screen.contains("Ping-pong unknown under this filter"),
        "{screen}"
    );
    assert!(!screen.contains("Nothing came back"), "{screen}");
    assert!(json(&app)["ping_pong"].is_null());
    let rates = &json(&app)["rates"];
    assert!(rates["to_device"]["calls_per_second"].is_null(), "{rates}");
    assert!(rates["to_system"]["calls_per_second"].is_f64(), "{rates}");
    let screen = words(&mut app, Tab::Overview);
    assert!(screen.contains("to_device – – –"), "{screen}");
    let mut app = recorded("mixed", "slower-than=1ms");
    let screen = words(&mut app, Tab::Batching);
    assert!(
        screen.contains("Unknown: these migrations were chosen"),
        "{screen}"
    );
    assert!(!screen.contains(" ± "), "{screen}");
    for size in json(&app)["batching"]["both"]["sizes"].as_array().unwrap() {
        assert!(size["saved_ns"].is_null(), "{size}");
    }
}
