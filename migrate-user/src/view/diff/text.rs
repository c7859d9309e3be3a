//! The page of text.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::Page;
use crate::compare::{Comparison, Figure, Figures, Verdict};
use crate::text::{count, percent, quantity, signed_duration};
use crate::view::figures::NONE;

/// Collects lines. Writing to a string cannot fail.
macro_rules! line {
    ($page:expr, $($arg:tt)*) => {{
        let _ = writeln!($page, $($arg)*);
    }};
}

pub(super) fn text(page: &Page, for_terminal: bool) -> String {
    let comparison = &page.comparison;
    let mut text = String::new();
    let (base, new) = comparison.migrations;
    line!(text, "Base  {}: {}", page.names.0, migrations(base));
    line!(text, "New   {}: {}", page.names.1, migrations(new));
    line!(text, "");
    table(&mut text, comparison, for_terminal);
    line!(text, "");
    let (units, name) = (comparison.units, comparison.unit.name());
    line!(
        text,
        "Intervals are from {} and {} {name}; all of them hold at once in 19 of 20 comparisons.",
        units.0,
        units.1
    );
    line!(
        text,
        "Changes up to {} of a time, and up to {} points of a share, do not count.",
        percent(page.limits.time),
        quantity(page.limits.share * 100.0)
    );
    page.remarks
        .iter()
        .for_each(|remark| line!(text, "{remark}"));
    line!(text, "");
    let verdict = styled(comparison.verdict, comparison.verdict.name(), for_terminal);
    line!(text, "Verdict: {verdict}{}", meaning(comparison.verdict));
    comparison
        .why
        .iter()
        .for_each(|why| line!(text, "  - {why}"));
    for kind in &page.appeared {
        line!(
            text,
            "  - a finding that the base does not have: {}",
            kind.name()
        );
    }
    text
}

fn migrations(number: u64) -> String {
    crate::text::counted(number, "migration", "migrations")
}

fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unsure => ": something may be worse; record longer, or more often",
        _ => "",
    }
}

fn table(text: &mut String, comparison: &Comparison, for_terminal: bool) {
    let [figure, base, new, change] = ["figure", "base", "new", "change"];
    let [interval, effect, verdict] = ["interval", "effect", "verdict"];
    line!(
        text,
        "{figure:<29}{base:>11}{new:>11}{change:>11}{interval:>22}{effect:>8}  {verdict}"
    );
    for figures in &comparison.figures {
        let row = row(figures);
        let verdict = figures.verdict.map_or_else(
            || NONE.to_owned(),
            |verdict| styled(verdict, verdict.name(), for_terminal),
        );
        line!(text, "{row}  {verdict}");
    }
}

fn row(figures: &Figures) -> String {
    let figure = figures.figure;
    let none = || NONE.to_owned();
    let value = |value: Option<f64>| value.map_or_else(none, |value| self::value(figure, value));
    let change = |by: f64| self::change(figure, by);
    let interval = figures.interval;
    let interval = interval.map_or_else(none, |(low, high)| {
        format!("{} to {}", change(low), change(high))
    });
    format!(
        "{:<29}{:>11}{:>11}{:>11}{interval:>22}{:>8}",
        figure.name(),
        value(figures.base),
        value(figures.new),
        figures.change.map_or_else(none, change),
        figures
            .effect
            .map_or_else(none, |effect| format!("{effect:+.2}")),
    )
}

fn value(figure: Figure, value: f64) -> String {
    if figure.is_share() {
        percent(value)
    } else if figure == Figure::PagesPerCall {
        quantity(value)
    } else {
        signed_duration(value)
    }
}

/// `+12.3%` of a time, `+1.2 pt` of a share.
fn change(figure: Figure, by: f64) -> String {
    let unit = if figure.is_share() { " pt" } else { "%" };
    let hundredths = by * 100.0;
    if hundredths.abs() < 0.05 {
        format!("0{unit}")
    } else if hundredths.abs() < 999.5 {
        format!("{hundredths:+.1}{unit}")
    } else {
        // A ratio that nobody reads as percent.
        format!("×{}", count((by + 1.0) as u64))
    }
}

fn styled(verdict: Verdict, text: &str, for_terminal: bool) -> String {
    let style = match verdict {
        Verdict::Worse => AnsiColor::Red.on_default().bold(),
        Verdict::Better => AnsiColor::Green.on_default(),
        Verdict::Unsure => AnsiColor::Yellow.on_default(),
        Verdict::Same => Style::new(),
    };
    if for_terminal {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}
