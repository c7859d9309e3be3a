//! Every number that a tab shows stands in the report as JSON of the same moment, or follows from
//! what stands there by a rule that is written here.
//!
//! What does not, and is left out of the comparison:
//! - the rates and their charts: the report's are averages over all the time, the tabs' are of the
//!   last seconds;
//! - the histogram's reading and scale, and the scale of the map over time: they are classes of the
//!   figures that the report has percentiles of;
//! - the longest of each kind of migration: the report has percentiles of them;
//! - the newest migrations, and one migration by itself: they are records, which `export` writes;
//! - the keys at the bottom, and the numbers of the tabs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{Action, App, Tab};
use super::pictures::{picture, text, windowed};
use super::{lossy, ordinary, report, sampled, totals_only};
use crate::text::{bytes, clock, count, counted, duration, percent, quantity, since};
use crate::trace::Figure;
use migscope_testkit::START_NS;

/// What can stand behind a number.
const UNITS: [&str; 12] = [
    "ns", "µs", "ms", "s", "k", "M", "G", "B", "KiB", "MiB", "GiB", "TiB",
];

/// The numbers in a text, with their units.
fn numbers(text: &str) -> Vec<String> {
    let around = |c: char| "()[]▼▲±−└;,:.·│".contains(c);
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c == '–' || c == '/')
        .map(|word| word.trim_matches(around))
        .collect();
    let is_number = |word: &str| {
        let begin = word.trim_start_matches(['<', '>']);
        begin.starts_with(|c: char| c.is_ascii_digit()) && !word.contains('…')
    };
    let mut numbers = Vec::new();
    for (at, word) in words.iter().enumerate().filter(|(_, word)| is_number(word)) {
        let unit = words.get(at + 1).filter(|next| UNITS.contains(next));
        let unit = unit.map_or_else(String::new, |unit| format!(" {unit}"));
        numbers.push(format!("{word}{unit}"));
    }
    numbers
}

/// What the report knows, written as views write it.
#[derive(Default)]
struct Known(BTreeSet<String>);

impl Known {
    fn new(app: &App) -> Self {
        let report = json(app);
        let mut known = Self::default();
        known.value("", &report);
        known.derived(&report);
        // Heads of columns, and what texts say always.
        known.text("last 20 s · p99.9");
        // Of the step that is chosen at first.
        let steps = app.shown().steps();
        for kind in app.shown().totals().kinds() {
            let times = steps.of_kind(Figure::Setup, kind.direction, kind.cause);
            known.0.extend(times.max().map(duration));
        }
        known
    }

    fn text(&mut self, text: &str) {
        self.0.extend(numbers(text));
    }

    fn value(&mut self, key: &str, value: &Value) {
        match value {
            // Steps by their names have the unit of what holds them.
            Value::Object(object) => object.iter().for_each(|(name, value)| {
                let key = if key == "steps_ns" { key } else { name };
                self.value(key, value);
            }),
            Value::Array(values) => values.iter().for_each(|value| self.value(key, value)),
            Value::String(text) => self.text(text),
            Value::Number(number) => self.number(key, number.as_f64().unwrap(), number.as_u64()),
            Value::Bool(_) | Value::Null => {}
        }
    }

    /// A number by what its key says it is.
    fn number(&mut self, key: &str, number: f64, whole: Option<u64>) {
        let time = key.ends_with("_ns") || key.starts_with("ns_");
        let text = match (key, whole) {
            ("share", _) => percent(number),
            ("pid", _) => number.to_string(),
            ("start" | "end", Some(address)) => format!("{address:#x}"),
            ("p50" | "p90" | "p99" | "p999", Some(ns)) => duration(ns),
            (_, Some(ns)) if time => duration(ns),
            (_, None) if time => {
                // Tables cut it off, the costs of calls are rounded.
                self.0.insert(duration(number.abs() as u64));
                duration(number.abs().round() as u64)
            }
            ("break_even_pages", _) => quantity(number.ceil()),
            (_, Some(number)) => count(number),
            (_, None) => return,
        };
        self.0.insert(text);
    }

    /// What follows from the numbers of the report.
    fn derived(&mut self, report: &Value) {
        let of = |value: &Value| value.as_f64().unwrap_or(0.0);
        let page = of(&report["page_size_bytes"]);
        self.0.insert(clock(report["elapsed_ns"].as_u64().unwrap()));
        // Shares of the ledger, and what was wasted of it.
        let ledger = &report["ledger"];
        for (_, pages) in ledger.as_object().unwrap() {
            self.0.insert(percent(of(pages) / of(&ledger["requested"])));
        }
        self.0.insert("100%".to_owned());
        let lists = [&report["drivers"], &report["processes"], &report["slowest"]];
        let rows = lists.into_iter().flat_map(|list| list.as_array().unwrap());
        let sums = |ledger: &Value, keys: [&str; 2]| keys.map(|key| of(&ledger[key])).iter().sum();
        for ledger in rows.map(|row| &row["ledger"]).chain([ledger]) {
            let wasted: f64 = sums(ledger, ["wasted_copy", "wasted_fill"]);
            let arrived: f64 = sums(ledger, ["moved", "populated"]);
            let undone: f64 = sums(ledger, ["rolled_back", "rejected"]);
            let pages = [wasted, arrived, undone].map(|pages| count(pages as u64));
            self.0.extend(pages);
            self.0.insert(bytes(wasted * page));
        }
        let drivers = report["drivers"].as_array().unwrap();
        let wasted: f64 = drivers.iter().map(|driver| of(&driver["wasted_ns"])).sum();
        self.0.insert(duration(wasted as u64));
        // The tracer's own time, beside that of the steps.
        let steps = report["steps"]["both"].as_object().unwrap().values();
        let steps: f64 = steps.map(|step| of(&step["sum_ns"])).sum();
        let probe = of(&report["probe_ns"]);
        self.0.insert(percent(probe / (probe + steps)));
        // Where the time went that was taken apart.
        for part in ["lru_drain_ns", "invalidate_ns", "rmap_ns", "split_ns"] {
            let parts = &report["parts"];
            self.0
                .insert(percent(of(&parts[part]) / of(&parts["total_ns"])));
        }
        self.lengths(report);
        let total = &report["costs"][0]["steps"]["total"];
        let enough = of(&total["fixed_ns"]) / of(&total["per_page_ns"]) * 9.0;
        self.text(&counted(enough.ceil() as u64, "page", "pages"));
        // When the slowest began, since the counts did.
        for migration in report["slowest"].as_array().unwrap() {
            let time_ns = migration["time_ns"].as_u64().unwrap();
            self.0.insert(since(time_ns, START_NS));
        }
    }

    /// How many there are of what is listed.
    fn lengths(&mut self, report: &Value) {
        for list in ["drivers", "processes"] {
            let length = report[list].as_array().unwrap().len();
            self.0.insert(count(length as u64));
        }
        let findings = report["findings"].as_array().unwrap();
        for severity in ["serious", "notable", "minor"] {
            let of = findings.iter().filter(|of| of["severity"] == severity);
            self.0.insert(count(of.count() as u64));
        }
        let sizes = report["batching"]["both"]["sizes"].as_array().unwrap();
        let calls = sizes.iter().filter_map(|size| size["calls"].as_u64());
        self.0.insert(count(calls.sum()));
        // The kind of interval that errors are of.
        self.0.insert("95%".to_owned());
        // Bytes at the end of the stream, which a notice tells and the report does not.
        self.0.insert(count(17));
        // The tabs list a thousand, the report fewer.
        let listed = report["records"]["counts"].as_array().unwrap();
        let listed = listed.iter().filter_map(|of| of["migrations"].as_u64());
        self.0.insert(count(listed.sum::<u64>().min(1000)));
    }
}

/// What is compared of a tab.
fn compared(app: &mut App, tab: Tab) -> String {
    app.act(Action::Show(tab));
    if tab == Tab::Migrations && !app.view.slowest {
        app.act(Action::Order);
    }
    let screen = text(&picture(app, (300, 100)));
    let lines: Vec<&str> = screen.lines().collect();
    let first = lines[0].split(" of 0:").next().unwrap();
    // Without the tabs and the keys.
    let body = lines[2..lines.len() - 1].iter().copied();
    let is = |line: &&str, begins: &[&str]| begins.iter().any(|begin| line.starts_with(begin));
    let body: Vec<&str> = match tab {
        Tab::Overview => body.skip_while(|line| !is(line, &[" Pages "])).collect(),
        Tab::Steps => body.take_while(|line| !is(line, &[" Histogram"])).collect(),
        // As many as the report lists.
        Tab::Migrations => body.take(100).collect(),
        _ => body.collect(),
    };
    format!("{first}\n{}", body.join("\n"))
}

fn json(app: &App) -> Value {
    serde_json::from_str(&report(app.shown(), "x").json()).unwrap()
}

#[test]
fn no_number_on_a_tab_is_without_the_report() {
    for (name, app) in [
        ("ordinary", ordinary as fn() -> App),
        ("lossy", lossy),
        ("sampled", sampled),
        ("totals only", totals_only),
        ("a window", windowed),
    ] {
        let mut app = app();
        let known = Known::new(&app);
        let mut compared_all = 0;
        for tab in Tab::ALL {
            let shown = compared(&mut app, tab);
            let numbers = numbers(&shown);
            compared_all += numbers.len();
            let unknown: Vec<_> = numbers.iter().filter(|n| !known.0.contains(*n)).collect();
            assert_eq!(unknown, [""; 0], "{name}, {tab:?}:\n{shown}");
        }
        assert!(compared_all > 150, "{name}: only {compared_all}");
    }
}

/// The comparison would notice: the report of another run does not know these numbers.
#[test]
fn the_report_of_another_run_does_not_do() {
    let other = Known::new(&lossy());
    let mut app = ordinary();
    for tab in Tab::ALL {
        let numbers = numbers(&compared(&mut app, tab));
        let unknown = numbers.iter().filter(|n| !other.0.contains(*n)).count();
        assert!(
            unknown * 10 > numbers.len(),
            "{tab:?}: {unknown} of {}",
            numbers.len()
        );
    }
}
