//! What is in `docs/` for monitoring systems speaks of metrics that there are.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use migscope::export::metrics::{ALL, Kind};
use serde_json::Value;

fn read(name: &str) -> String {
    let docs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::read_to_string(docs.join(name)).unwrap()
}

/// Every word that looks like a metric.
fn metrics(text: &str) -> BTreeSet<&str> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_';
    text.split(|char| !is_part(char))
        .filter(|word| word.starts_with("migscope_"))
        .collect()
}

/// Every name under which there are samples.
fn names() -> BTreeSet<String> {
    let names = ALL.iter().flat_map(|definition| {
        let mut names = vec![definition.sample_name()];
        if matches!(definition.kind, Kind::Histogram(_)) {
            names.extend(
                ["bucket", "sum", "count"].map(|part| format!("{}_{part}", definition.name)),
            );
        }
        names
    });
    names.collect()
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_exist() {
    let names = names();
    for file in [
        "monitoring/alerts.yml",
        "monitoring/alerts_test.yml",
        "monitoring/grafana.json",
        "metrics.md",
    ] {
        let text = read(file);
        let asked = metrics(&text);
        assert!(asked.len() > 9, "{file} speaks of {asked:?}");
        for metric in asked {
            assert!(names.contains(metric), "{file} speaks of {metric}");
        }
    }
}

#[test]
fn the_rule_of_pods_asks_for_a_metric_that_exists() {
    let text = read("monitoring/pods.yml");
    let (_, asked) = text.split_once("rate(").unwrap();
    let (metric, _) = asked.split_once('{').unwrap();
    assert!(names().contains(metric), "it asks for {metric}");
    // People read it on the page, too.
    let page = read("install.md");
    for line in text.lines().skip_while(|line| !line.contains("sum by")) {
        assert!(page.contains(line.trim()), "not on the page: {line}");
    }
}

#[test]
fn every_metric_is_documented() {
    let text = read("metrics.md");
    for definition in ALL {
        let row = format!("| `{}` |", definition.sample_name());
        assert!(text.contains(&row), "there is no {row}");
    }
}

#[test]
fn every_panel_of_the_dashboard_has_a_query() {
    let dashboard: Value = serde_json::from_str(&read("monitoring/grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 10);
    for panel in panels {
        let expression = panel["targets"][0]["expr"].as_str();
        assert!(
            expression.is_some_and(|text| text.contains("migscope_")),
            "{}",
            panel["title"]
        );
    }
}

/// The unit's comments, and its options, are those of this program.
#[test]
fn the_unit_starts_the_program() {
    let unit = read("monitoring/migscope.service");
    assert!(unit.contains("ExecStart=/usr/bin/migscope serve "));
    for capability in ["CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG"] {
        let granted = unit
            .lines()
            .filter(|line| line.contains(capability) && line.contains("Capabilit"));
        assert_eq!(granted.count(), 2, "{capability} is bounded and ambient");
    }
}
