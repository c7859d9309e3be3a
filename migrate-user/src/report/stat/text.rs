//! A page of text.

use super::super::text::Page;
use super::Stat;
use super::spread::Spread;
use crate::figures::NONE;
use crate::figures::stat::{Figure, Group, Unit};
use crate::text::{count, mean_count, percent, signed_duration};

/// The page. It is for a terminal as for a file: without colours.
pub(super) fn text(stat: &Stat<'_>) -> String {
    let mut page = Page::new(false);
    page.line(heading(stat));
    page.line("");
    if let Some(covers) = stat.covers() {
        page.paragraph("Covers  ", &covers);
    }
    let figures = stat.figures();
    for group in Group::ALL {
        let figures: Vec<_> = figures.iter().filter(|it| it.group == group).collect();
        if !figures.is_empty() {
            page.line("");
            if let Some(head) = head(group) {
                page.line(head);
            }
            figures
                .into_iter()
                .for_each(|figure| page.line(row(figure)));
        }
    }
    if let Some(phases) = stat.phases() {
        page.line("");
        super::phases::table(&phases, &mut page);
    }
    let notes = stat.notes();
    if !notes.is_empty() {
        page.line("");
    }
    for note in notes {
        page.paragraph("Note  ", &note);
    }
    page.into_text()
}

fn heading(stat: &Stat<'_>) -> String {
    let runs = match stat.runs.len() {
        1 => String::new(),
        runs => format!(", {} runs: mean ± standard deviation", count(runs as u64)),
    };
    format!("migscope stat of {}{runs}", stat.name())
}

/// What stands above a group; `None` where its first figure says it.
fn head(group: Group) -> Option<&'static str> {
    match group {
        Group::Pages => Some("Pages"),
        Group::Steps => Some("Steps, time"),
        Group::Waits => Some("Waits, number and time"),
        Group::Losses => Some("Losses"),
        Group::Migrations | Group::Elapsed => None,
    }
}

fn row(figure: &Figure) -> String {
    let spread = Spread::of(&figure.values);
    let number = |number: f64| match figure.unit {
        Unit::Ns => signed_duration(number),
        _ => mean_count(number),
    };
    let spreads = spread.deviation.map_or_else(String::new, |deviation| {
        let share = spread.share().map_or_else(|| NONE.to_owned(), percent);
        format!(" ± {:<12}{:>8}", number(deviation), format!("({share})"))
    });
    let name = format!(
        "{}{}",
        "  ".repeat(figure.depth + indent(figure)),
        label(figure)
    );
    let part = figure.of.as_ref().and_then(|of| {
        let share = spread.part_of(Spread::of(&of.values))?;
        Some(format!("{:>8} of {}", percent(share), of.name))
    });
    let part = part.unwrap_or_default();
    let line = format!("{name:<40}{:>16}{spreads}{part}", number(spread.mean));
    line.trim_end().to_owned()
}

/// Figures below a head are set in.
fn indent(figure: &Figure) -> usize {
    head(figure.group).is_some().into()
}

/// What the figure is called where people read it.
fn label(figure: &Figure) -> &str {
    match (figure.group, figure.name.as_str()) {
        (Group::Migrations, "migrations") => "Migrations",
        (Group::Elapsed, "elapsed") => "Elapsed",
        (_, name) => name,
    }
}
