//! The page of text: no line is longer than 80 columns, unless a file's name is.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::Page;
use crate::compare::{Comparison, FEWEST, Figure, Figures, Verdict, part_name, wait_name};
use crate::figures::NONE;
use crate::text::{count, counted, percent, printable, quantity, signed_duration};
use crate::trace::{OF_DRIVER, Step, WaitFigure};

/// Columns of a line.
const WIDTH: usize = 80;

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
    wrapped(
        &mut text,
        "Base  ",
        &format!("{}: {}", page.names.0, migrations(base)),
    );
    wrapped(
        &mut text,
        "New   ",
        &format!("{}: {}", page.names.1, migrations(new)),
    );
    if let Some(filter) = &page.filter {
        wrapped(&mut text, "Only  ", &printable(filter));
    }
    differences(&mut text, page);
    line!(text, "");
    table(&mut text, comparison, for_terminal);
    line!(text, "");
    legend(&mut text, page);
    page.remarks
        .iter()
        .for_each(|remark| wrapped(&mut text, "", remark));
    line!(text, "");
    verdict(&mut text, page, for_terminal);
    text
}

fn migrations(number: u64) -> String {
    counted(number, "migration", "migrations")
}

/// Adds a paragraph, with `first` in front of its first line and as much space in front of the
/// others.
fn wrapped(text: &mut String, first: &str, paragraph: &str) {
    let rest = " ".repeat(first.len());
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(&rest)
        .break_words(false);
    textwrap::wrap(paragraph, options)
        .iter()
        .for_each(|line| line!(text, "{line}"));
}

/// Why figures may differ without anything having become better or worse.
fn differences(text: &mut String, page: &Page) {
    if page.differences.is_empty() {
        return;
    }
    line!(text, "");
    line!(text, "The recordings differ in more than their figures:");
    for (what, base, new) in &page.differences {
        wrapped(text, &format!("  {what:<10} "), &format!("{base} | {new}"));
    }
}

/// A part of the table: its head, and what is a row of it.
type Part = (&'static str, fn(Figure) -> bool);

const PARTS: [Part; 11] = [
    ("Time of a page", |figure| {
        matches!(
            figure,
            Figure::TimeAlike | Figure::TimePerPage | Figure::StepPerPage(_)
        )
    }),
    ("Time of a page within alloc_and_copy", |figure| {
        is_within(figure, Step::AllocAndCopy)
    }),
    ("Time of a page within finalize_and_map", |figure| {
        is_within(figure, Step::FinalizeAndMap)
    }),
    ("Median time", |figure| {
        matches!(figure, Figure::Quantile(_, 500))
    }),
    ("99th percentile", |figure| {
        matches!(figure, Figure::Quantile(_, 990))
    }),
    ("Shares of pages", Figure::is_share_of_pages),
    ("Calls", |figure| figure == Figure::PagesPerCall),
    ("Waits, mean", |figure| {
        matches!(figure, Figure::WaitMean(_))
    }),
    ("Waits, median", |figure| {
        matches!(figure, Figure::WaitQuantile(_, 500))
    }),
    ("Waits, 99th perc.", |figure| {
        matches!(figure, Figure::WaitQuantile(_, 990))
    }),
    ("Shares of waits", |figure| {
        figure.is_share() && !figure.is_share_of_pages()
    }),
];

/// Is it a part of this step?
fn is_within(figure: Figure, step: Step) -> bool {
    matches!(figure, Figure::PartPerPage(of, _) if OF_DRIVER[of] == step)
}

fn table(text: &mut String, comparison: &Comparison, for_terminal: bool) {
    let [base, new, change] = ["base", "new", "change"];
    let [interval, effect, verdict] = ["interval", "effect", "verdict"];
    let has_row = |(_, is_row): &Part| {
        let mut figures = comparison.figures.iter();
        figures.any(|figures| is_row(figures.figure))
    };
    for (at, (head, is_row)) in PARTS.into_iter().filter(has_row).enumerate() {
        if at == 0 {
            line!(
                text,
                "{head:<18}{base:>8}{new:>8}{change:>10}{interval:>16}{effect:>7} {verdict}"
            );
        } else {
            line!(text, "{head}");
        }
        for figures in &comparison.figures {
            if is_row(figures.figure) {
                row(text, figures, for_terminal);
            }
        }
    }
}

fn row(text: &mut String, figures: &Figures, for_terminal: bool) {
    let figure = figures.figure;
    let none = || NONE.to_owned();
    let value = |value: Option<f64>| value.map_or_else(none, |value| self::value(figure, value));
    let change = |by: f64| self::change(figure, by);
    let interval = figures.interval.map_or_else(none, |(low, high)| {
        format!("{} to {}", bound(figure, low), bound(figure, high))
    });
    let verdict = figures.verdict.map_or_else(none, |verdict| {
        styled(verdict, verdict.name(), for_terminal)
    });
    line!(
        text,
        "  {:<16}{:>8}{:>8}{:>10}{interval:>16}{:>7} {verdict}",
        name(figure),
        value(figures.base),
        value(figures.new),
        figures.change.map_or_else(none, change),
        figures
            .effect
            .map_or_else(none, |effect| format!("{effect:+.2}")),
    );
}

/// What a row is called under its head.
fn name(figure: Figure) -> &'static str {
    match figure {
        Figure::TimeAlike => "calls alike",
        Figure::TimePerPage => "all calls",
        Figure::StepPerPage(step) => step.name(),
        Figure::PartPerPage(_, part) => part_name(part),
        Figure::Quantile(step, _) => step.map_or("whole migration", Step::name),
        Figure::WastedShare => "wasted",
        Figure::SkippedShare => "skipped",
        Figure::DeclinedShare => "declined",
        Figure::FailedShare => "failed",
        Figure::PagesPerCall => "pages per call",
        Figure::WaitMean(WaitFigure::BeforeSetup)
        | Figure::WaitQuantile(WaitFigure::BeforeSetup, _)
        | Figure::BeforeSetupShare => "before setup",
        Figure::WaitMean(of) | Figure::WaitQuantile(of, _) => wait_name(of),
        Figure::RetryShare => "asked again",
    }
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
    match hundredths.abs() {
        small if small < 0.05 => format!("0{unit}"),
        large if large < 99.95 => format!("{hundredths:+.1}{unit}"),
        large if large < 999.5 => format!("{hundredths:+.0}{unit}"),
        // A ratio that nobody reads as percent.
        _ => format!("×{}", count((by + 1.0) as u64)),
    }
}

/// A bound of an interval: it is not known well enough for more than two digits.
fn bound(figure: Figure, by: f64) -> String {
    let hundredths = by * 100.0;
    let unit = if figure.is_share() { "" } else { "%" };
    match hundredths.abs() {
        small if small < 0.05 => format!("0{unit}"),
        small if small < 9.95 => format!("{hundredths:+.1}{unit}"),
        // A time never becomes less than nothing.
        _ if !figure.is_share() && hundredths < -99.0 => format!("÷{:.0}", 1.0 / (by + 1.0)),
        large if large < 999.5 => format!("{hundredths:+.0}{unit}"),
        _ => format!("×{}", count((by + 1.0) as u64)),
    }
}

fn legend(text: &mut String, page: &Page) {
    let comparison = &page.comparison;
    let (units, name) = (comparison.units, comparison.unit.name());
    let limits = page.limits;
    let intervals = if comparison.has_intervals() {
        "all of them hold at once in 19 of 20 comparisons. Those of shares are in points."
    } else {
        "with fewer than five on a side there are none, as how much they vary is not known."
    };
    let effect = if comparison.has_units_alike() {
        String::new()
    } else {
        let (base, new) = comparison.units_have();
        format!(
            " Unknown here: one of the base has about {} and one of the new {}.",
            migrations(base),
            count(new)
        )
    };
    let effect = if comparison.figures.iter().any(is_by_few) {
        format!(
            "{effect} Where its sign is not the change's, few {name} make the change, and more of them went the other way."
        )
    } else {
        effect
    };
    let paragraphs = [
        format!("Intervals are from {} and {} {name}; {intervals}", units.0, units.1),
        format!(
            "Effect: how much more often one of the new {name} is above one of the base than below it, -1 to 1.{effect}",
        ),
        "Calls alike: of one direction, for one reason, with about as many pages, all of which arrived or not.".to_owned(),
        "Failed: pages in calls that were rolled back or rejected.".to_owned(),
        format!(
            "Changes up to {} of a time, and up to {} of a share, do not count.",
            percent(limits.time),
            points(limits.share * 100.0)
        ),
    ];
    let has = |figure| comparison.figures.iter().any(|of| of.figure == figure);
    let of_waits = [
        (
            Figure::BeforeSetupShare,
            "Before setup: of a fault whose own migration brings the page, until that begins; its share, of the whole fault.",
        ),
        (
            Figure::RetryShare,
            "Asked again: a device's calls for a range that have to be made again, of all.",
        ),
    ];
    let of_waits = of_waits.into_iter().filter(|(figure, _)| has(*figure));
    let of_waits = of_waits.map(|(_, paragraph)| paragraph.to_owned());
    paragraphs
        .into_iter()
        .chain(of_waits)
        .for_each(|paragraph| wrapped(text, "", &paragraph));
}

/// Do most units say the opposite of what all together do? Large calls weigh more in a sum.
fn is_by_few(figures: &Figures) -> bool {
    let (change, effect) = (figures.change.unwrap_or(0.0), figures.effect.unwrap_or(0.0));
    // Not where either is shown as 0.
    change.abs() >= 0.0005 && effect.abs() >= 0.005 && change * effect < 0.0
}

fn points(number: f64) -> String {
    let name = if number == 1.0 { "point" } else { "points" };
    format!("{} {name}", quantity(number))
}

fn verdict(text: &mut String, page: &Page, for_terminal: bool) {
    let comparison = &page.comparison;
    let verdict = styled(comparison.verdict, comparison.verdict.name(), for_terminal);
    line!(text, "Verdict: {verdict}");
    let findings = page.appeared.iter().map(|kind| {
        let kind = kind.name();
        format!("a finding that the base does not have: {kind}")
    });
    let mut reasons = comparison.why.clone();
    if let Some(open) = open(comparison) {
        let at = if comparison.verdict.is_open() {
            0
        } else {
            reasons.len()
        };
        reasons.insert(at, open);
    }
    for reason in reasons.into_iter().chain(findings).chain(unjudged(page)) {
        wrapped(text, "  - ", &reason);
    }
}

/// Findings that the base may have, too.
fn unjudged(page: &Page) -> Option<String> {
    let names: Vec<_> = page.unjudged.iter().map(|kind| kind.name()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "found on the new side, and not judged on the base: {}",
            names.join(", ")
        )
    })
}

/// What cannot be told, and what would help.
fn open(comparison: &Comparison) -> Option<String> {
    let judged = comparison
        .figures
        .iter()
        .filter(|figures| figures.figure.is_judged());
    let is_open = |figures: &&Figures| figures.verdict.is_none_or(Verdict::is_open);
    let (all, open) = (judged.clone().count(), judged.filter(is_open).count());
    let more = "record longer, or compare five or more recordings a side";
    match comparison.verdict {
        _ if comparison.same => None,
        _ if !comparison.has_intervals() => Some(format!("{}: {more}", no_interval(comparison))),
        Verdict::Inconclusive | Verdict::Unsure if comparison.calls_differ => Some(
            "calls are not alike: compare those that are, with --min-pages or --direction"
                .to_owned(),
        ),
        Verdict::Inconclusive => Some(format!(
            "it may have got worse by more than the threshold, or better by as much: {more}"
        )),
        Verdict::Unsure => Some(format!(
            "it may have got worse by more than the threshold: {more}"
        )),
        _ if open > 0 => Some(format!("{open} of {all} figures cannot be told")),
        _ => None,
    }
}

/// Why no change has an interval.
fn no_interval(comparison: &Comparison) -> String {
    let (base, new) = comparison.units;
    if base.min(new) < FEWEST {
        let name = comparison.unit.name();
        format!("how sure the changes are is not known with fewer than five {name} on a side")
    } else {
        "how sure the changes are is not known".to_owned()
    }
}

fn styled(verdict: Verdict, text: &str, for_terminal: bool) -> String {
    let style = match verdict {
        Verdict::Worse => AnsiColor::Red.on_default().bold(),
        Verdict::Better => AnsiColor::Green.on_default(),
        Verdict::Unsure | Verdict::Inconclusive => AnsiColor::Yellow.on_default(),
        Verdict::Same => Style::new(),
    };
    if for_terminal {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_of_another_sign_than_the_change_is_explained() {
        let figures = |change, effect| Figures {
            figure: Figure::TimePerPage,
            base: Some(1.0),
            new: Some(1.0),
            change: Some(change),
            interval: None,
            effect,
            verdict: None,
        };
        assert!(is_by_few(&figures(-0.578, Some(0.15))));
        assert!(is_by_few(&figures(0.407, Some(-0.36))));
        assert!(!is_by_few(&figures(-0.578, Some(-0.15))));
        assert!(!is_by_few(&figures(-0.578, None)));
        assert!(!is_by_few(&figures(0.0001, Some(-0.3))));
        assert!(!is_by_few(&figures(-0.5, Some(0.001))));
    }
}
