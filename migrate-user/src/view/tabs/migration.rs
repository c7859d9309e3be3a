//! One migration: when each step was, where each page went, and where it came from.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::canvas::{Canvas, below, left, top, with_x};
use super::super::theme::sign;
use super::super::widgets::waterfall;
use super::migrations::since;
use crate::model::ledger::{self, Row};
use crate::model::{MIXED, Memory, Migration, PARTS, Side, Step};
use crate::text::{self, bytes, count, duration, percent, printable};

/// The width of one half, where both fit beside each other.
const HALF: u16 = 62;

pub(super) fn draw(canvas: &mut Canvas<'_>, migration: &Migration, area: Rect) {
    let began = canvas.app.began_ns();
    let about = format!(
        "number {} · began at {} · {} in all · the tracer's own time beside it {}",
        count(migration.sequence),
        since(migration.time_ns, began),
        duration(migration.total_ns()),
        duration(migration.probe_ns()),
    );
    let area = canvas.title(area, "Migration", &about);
    waterfall::draw(canvas, migration, top(area, Step::COUNT as u16));
    let area = below(area, Step::COUNT as u16 + u16::from(area.height > 12));
    let (ledger, facts) = (
        ledger_lines(canvas, migration),
        fact_lines(canvas, migration),
    );
    let stacks = stack_lines(canvas, migration);
    if area.width >= 2 * HALF {
        let height = ledger.len().max(facts.len()) as u16 + 1;
        lines(canvas, &ledger, left(area, HALF));
        lines(canvas, &facts, with_x(area, area.x + HALF));
        lines(canvas, &stacks, below(area, height));
    } else {
        lines(canvas, &[facts, ledger, stacks].concat(), area);
    }
}

fn lines(canvas: &mut Canvas<'_>, lines: &[Line<'_>], area: Rect) {
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        canvas.buffer.set_line(area.x, y, line, area.width);
    }
}

/// A name and what it is.
fn fact(canvas: &Canvas<'_>, name: &str, is: &str) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{name:<14}"), canvas.theme.quiet()),
        Span::raw(printable(is)),
    ])
}

fn fact_lines(canvas: &Canvas<'_>, migration: &Migration) -> Vec<Line<'static>> {
    let errno = migration.errno.map(|errno| format!(", errno {errno}"));
    let outcome = migration.outcome.name().to_owned() + errno.as_deref().unwrap_or_default();
    let mut lines = vec![
        fact(
            canvas,
            "what",
            &format!(
                "{}, cause {}, {outcome}",
                migration.direction.name(),
                migration.cause.name()
            ),
        ),
        fact(
            canvas,
            "process",
            &text::process(migration.comm.as_deref(), migration.pid),
        ),
        fact(canvas, "by", &who(migration)),
        fact(canvas, "from", &side(canvas, &migration.from)),
        fact(canvas, "to", &side(canvas, &migration.to)),
    ];
    let owner = migration.pgmap_owner.map(|owner| format!("{owner:#x}"));
    for (name, is) in [
        ("cgroup", migration.cgroup.as_deref()),
        ("driver", migration.driver.as_deref()),
        ("pgmap owner", owner.as_deref()),
        ("addresses", addresses(canvas, migration).as_deref()),
    ] {
        lines.push(fact(canvas, name, is.unwrap_or("unknown")));
    }
    lines.extend(off_cpu(migration).map(|text| fact(canvas, "off CPU", &text)));
    lines.extend(parts(migration).map(|text| fact(canvas, "of which", &text)));
    lines
}

/// The thread that made the calls.
fn who(migration: &Migration) -> String {
    match &migration.worker {
        Some(worker) => format!("{}, thread {}, none of its own", worker.comm, worker.tid),
        None => migration.tid.map_or_else(
            || "a thread that is not known".to_owned(),
            |tid| format!("its own thread {tid}"),
        ),
    }
}

/// Where pages were or are, by kind of memory where there are several.
fn side(canvas: &Canvas<'_>, side: &Side) -> String {
    let Some(kind) = side.kind() else {
        return "nothing arrived, or in memory that is not known".to_owned();
    };
    let place = side.place.as_deref().map(|place| format!(", {place}"));
    if kind != MIXED {
        return kind.to_owned() + place.as_deref().unwrap_or_default();
    }
    let of = |(memory, pages): (Memory, u64)| format!("{} {}", memory.name(), canvas.amount(pages));
    let kinds = Memory::ALL.into_iter().zip(side.pages);
    let kinds: Vec<_> = kinds.filter(|(_, pages)| *pages > 0).map(of).collect();
    format!("{kind}: {}", kinds.join(", "))
}

/// The range; an eviction has none.
fn addresses(canvas: &Canvas<'_>, migration: &Migration) -> Option<String> {
    let size = migration
        .ledger
        .requested
        .saturating_mul(canvas.model.facts().page_size);
    let Some(from) = migration.address else {
        return Some(format!("none: an eviction, of {}", bytes(size as f64)));
    };
    let to = from.saturating_add(size);
    Some(format!("{from:#x} to {to:#x}, {}", bytes(size as f64)))
}

/// How long the thread did not run, by step.
fn off_cpu(migration: &Migration) -> Option<String> {
    let off_cpu = migration.off_cpu?;
    let step = |(step, ns): (Step, u64)| format!("{} {}", step.name(), duration(ns));
    let steps = Step::ALL.into_iter().zip(off_cpu);
    let steps: Vec<String> = steps.filter(|(_, ns)| *ns > 0).map(step).collect();
    Some(if steps.is_empty() {
        "never".to_owned()
    } else {
        steps.join(", ")
    })
}

/// What the kernel did in it.
fn parts(migration: &Migration) -> Option<String> {
    let parts = migration.parts?;
    let times = [
        parts.lru_drain_ns,
        parts.invalidate_ns,
        parts.rmap_ns,
        parts.split_ns,
    ];
    let part = |(name, ns): (&str, u64)| format!("{name} {}", duration(ns));
    let parts: Vec<String> = PARTS.into_iter().zip(times).map(part).collect();
    Some(parts.join(", "))
}

/// Where the pages went.
fn ledger_lines(canvas: &Canvas<'_>, migration: &Migration) -> Vec<Line<'static>> {
    let requested = migration.ledger.requested;
    let head = format!("{:<15} {:>12}", "requested", canvas.amount(requested));
    let unit = format!(" {}", canvas.app.view.unit.name());
    let mut lines = vec![Line::from(vec![
        Span::raw(head),
        Span::styled(unit, canvas.theme.quiet()),
    ])];
    for row in Row::ALL {
        let pages = row.of(&migration.ledger);
        if pages == 0 {
            continue;
        }
        let share = percent(pages as f64 / requested.max(1) as f64);
        let text = format!(
            " {:<13} {:>12} {share:>7}",
            row.name(),
            canvas.amount(pages)
        );
        lines.push(Line::from(vec![
            Span::styled(sign(row).to_string(), canvas.theme.row(row)),
            Span::raw(text),
        ]));
        if let (Row::Skipped, Some(skips)) = (row, migration.skips) {
            for (name, pages) in [
                ("not_collected", skips.not_collected),
                ("unmap_failed", skips.unmap_failed),
            ] {
                let text = format!("└ {name:<13} {:>12}", canvas.amount(pages));
                lines.push(Line::styled(text, canvas.theme.quiet()));
            }
        }
    }
    if ledger::balance(&migration.ledger) != Some(requested) {
        lines.push(Line::styled(
            "unbalanced: a bug of the tracer",
            canvas.theme.alarm(),
        ));
    }
    lines
}

/// Both stacks, innermost frame first.
fn stack_lines(canvas: &Canvas<'_>, migration: &Migration) -> Vec<Line<'static>> {
    let stacks = [
        ("Kernel's stack", &migration.kernel_stack),
        ("User's stack", &migration.user_stack),
    ];
    let mut lines = Vec::new();
    for (title, stack) in stacks {
        let Some(stack) = stack else {
            continue;
        };
        lines.push(Line::styled(title, canvas.theme.title()));
        let frames = stack.split(';').rev();
        lines.extend(
            frames.map(|frame| Line::styled(format!("  {}", printable(frame)), Style::new())),
        );
    }
    if lines.is_empty() {
        let text =
            "No stacks: they are kept when they are asked for (--kernel-stacks, --user-stacks).";
        lines.push(Line::styled(text, canvas.theme.quiet()));
    }
    lines
}
