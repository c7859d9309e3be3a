//! Every number on a tab is the report's.

use serde_json::Value;

use super::super::{Action, App, Tab};
use super::pictures::{picture, text};
use super::{lossy, ordinary, report, sampled, totals_only};
use crate::model::Step;
use crate::model::ledger::Row;
use crate::text::{count, duration, percent};

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

#[test]
fn the_steps() {
    for app in [ordinary, sampled, totals_only] {
        let mut app = app();
        let json = json(&app);
        for tab in [Tab::Overview, Tab::Steps] {
            let screen = words(&mut app, tab);
            for step in Step::ALL {
                let figures = &json["steps"]["both"][step.name()];
                let line = format!(
                    "{} {} {} {} {}",
                    step.name(),
                    count(figures["count"].as_u64().unwrap()),
                    time(&figures["p50_ns"]),
                    time(&figures["p90_ns"]),
                    time(&figures["p99_ns"]),
                );
                assert!(screen.contains(&line), "{line} on\n{screen}");
                let share = percent(figures["share"].as_f64().unwrap());
                assert!(
                    screen.contains(&format!("{} {share}", time(&figures["max_ns"])))
                        || tab == Tab::Steps
                );
                assert!(screen.contains(&share), "{share} on\n{screen}");
            }
        }
    }
}
