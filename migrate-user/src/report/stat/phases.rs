//! Phases as a table; of several runs with the deviation of each figure below it.

use super::super::text::{Page, innermost};
use super::spread::Spread;
use crate::figures::phases::{LATER, name};
use crate::figures::stat::phases::{InPhase, Which};
use crate::figures::stat::{Figure, Unit};
use crate::text::{counted, mean_count, percent, printable, signed_duration};

/// Rows of the table, at most: the last are what is unknown or not told apart.
const ROWS: usize = 20;

/// Columns of a path that is shown whole.
const PATH: usize = 26;

/// What is told, under which name, and how wide it is.
const COLUMNS: [(&str, Unit, &str, usize); 7] = [
    ("migrations", Unit::Migrations, "migrations", 11),
    ("requested", Unit::Pages, "requested", 10),
    ("arrived", Unit::Pages, "arrived", 10),
    ("wasted", Unit::Pages, "wasted", 9),
    ("total", Unit::Ns, "time", 10),
    ("fault", Unit::Waits, "faults", 9),
    ("fault", Unit::Ns, "waited", 10),
];

/// The table. Faults are there where they were followed.
pub(super) fn table(phases: &[InPhase], page: &mut Page) {
    let titles = COLUMNS.iter().filter(|(name, unit, ..)| {
        let first = phases.first();
        first.is_some_and(|phase| phase.figure(name, *unit).is_some())
    });
    let titles = titles.map(|(.., title, width)| cell(title, *width));
    let titles: String = titles.collect();
    page.line(format!("{:<28}{titles}{:>7}", "Phases", "share"));
    let (first, rest) = shown(phases);
    first.iter().for_each(|phase| row(phase, page));
    let left_out = phases.len() - first.len() - rest.len();
    if left_out > 0 {
        let others = counted(left_out as u64, "other", "others");
        page.line(format!("  and {others}: --json and -x have all"));
    }
    rest.iter().for_each(|phase| row(phase, page));
}

/// Those that took most time, and those that stand at the end.
fn shown(phases: &[InPhase]) -> (&[InPhase], &[InPhase]) {
    let is_last = |phase: &InPhase| matches!(phase.which, Which::Later | Which::Unknown);
    let end = phases.iter().position(is_last).unwrap_or(phases.len());
    let (named, rest) = phases.split_at(end);
    (&named[..named.len().min(ROWS - rest.len())], rest)
}

fn row(phase: &InPhase, page: &mut Page) {
    let name = match &phase.which {
        Which::Later => LATER,
        which => name(which.path()),
    };
    let name = innermost(&printable(name), PATH);
    let share = phase.figure("total", Unit::Ns).and_then(|figure| {
        let all = Spread::of(&figure.of.as_ref()?.values);
        Spread::of(&figure.values).part_of(all)
    });
    let share = share.map_or_else(String::new, percent);
    let means = cells(phase, |figure, spread| number(figure, spread.mean));
    page.line(format!("  {name:<PATH$}{means}{share:>7}"));
    let deviations = cells(phase, |figure, spread| {
        let deviation = spread.deviation.map(|deviation| number(figure, deviation));
        deviation.map_or_else(String::new, |text| format!("± {text}"))
    });
    if !deviations.trim().is_empty() {
        page.line(format!("  {:<PATH$}{deviations}", ""));
    }
}

/// A cell for each column that there is.
fn cells(phase: &InPhase, text: impl Fn(&Figure, Spread) -> String) -> String {
    let each = COLUMNS.iter().filter_map(|(name, unit, _, width)| {
        let figure = phase.figure(name, *unit)?;
        let text = text(figure, Spread::of(&figure.values));
        Some(cell(&text, *width))
    });
    each.collect()
}

/// So wide, and never without a space in front.
fn cell(text: &str, width: usize) -> String {
    format!(" {text:>0$}", width - 1)
}

fn number(figure: &Figure, number: f64) -> String {
    match figure.unit {
        Unit::Ns => signed_duration(number),
        _ => mean_count(number),
    }
}
