//! One migration: when each step was, where each page went, and where it came from.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::canvas::{Canvas, below, left, top, with_x};
use super::super::state::Opened;
use super::super::theme::{Theme, sign};
use super::super::widgets::{stacks, waterfall};
use crate::figures::units::Unit;
use crate::figures::{self, copies::rate};
use crate::model::{Copied, PARTS};
use crate::text::{self, bytes, count, duration, percent, printable, since};
use crate::trace::{
    DRIVER_PARTS, MIXED, Memory, Migration, OF_DRIVER, Side, Step, each_part, ledger, ledger::Row,
};

/// The width of one half, where both fit beside each other.
const HALF: u16 = 62;

/// Draws the one that was opened.
pub(super) fn draw(canvas: &mut Canvas<'_>, opened: &Opened, area: Rect) {
    let (migration, page) = (opened.migration(), canvas.page(area));
    let halves = [
        ledger_lines(canvas, migration),
        fact_lines(canvas, migration),
    ];
    let stacks = stack_lines(migration, canvas.theme);
    let wide = page.width >= 2 * HALF;
    let gap = usize::from(area.height > 12);
    let heights = halves.each_ref().map(Vec::len);
    let both = if wide {
        heights[0].max(heights[1]) + 1
    } else {
        heights[0] + heights[1]
    };
    let before = before(canvas, migration);
    let bars = Step::COUNT + usize::from(before.is_some());
    let lines = 1 + bars + gap + both + stacks.len();
    canvas.scrolled(page, lines, opened.above, |canvas, area| {
        let about = about(canvas, opened);
        let area = canvas.title(area, "Migration", &about);
        waterfall::draw(canvas, before, migration, top(area, bars as u16));
        let area = below(area, (bars + gap) as u16);
        let [ledger, facts] = &halves;
        if wide {
            canvas.put_lines(left(area, HALF), ledger);
            canvas.put_lines(with_x(area, area.x + HALF), facts);
        } else {
            canvas.put_lines(area, &[&facts[..], ledger].concat());
        }
        canvas.put_lines(below(area, both as u16), &stacks);
    });
}

/// How long the thread that made it had waited before, nanoseconds, where a fault made it and that
/// is known.
fn before(canvas: &Canvas<'_>, migration: &Migration) -> Option<u64> {
    canvas.model.waits().before(migration.sequence)
}

/// Which one it is, and how long it took.
fn about(canvas: &Canvas<'_>, opened: &Opened) -> String {
    let migration = opened.migration();
    let (place, of) = opened.place();
    format!(
        "{} of {} · number {} · began at {} · {} in all · the tracer's own time beside it {}",
        count(place as u64),
        count(of as u64),
        count(migration.sequence),
        since(migration.time_ns, canvas.app.began_ns()),
        duration(migration.total_ns()),
        duration(migration.probe_ns()),
    )
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
        fact(
            canvas,
            "from",
            &side(canvas, &migration.from, migration.ledger.moved),
        ),
        fact(
            canvas,
            "to",
            &side(canvas, &migration.to, ledger::arrived(&migration.ledger)),
        ),
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
    if canvas.model.facts().details.phases {
        let phase = figures::phases::name(migration.phase.as_deref());
        lines.push(fact(canvas, "phase", phase));
    }
    lines.extend(off_cpu(migration).map(|text| fact(canvas, "off CPU", &text)));
    lines.extend(parts(migration).map(|text| fact(canvas, "of which", &text)));
    let of_driver = driver_parts(migration);
    lines.extend(of_driver.map(|(name, text)| fact(canvas, name, &text)));
    lines.extend(copied(canvas, migration).map(|text| fact(canvas, "copied at", &text)));
    lines.extend(locks(migration).map(|text| fact(canvas, "lock", &text)));
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

/// Where so many pages were or are, by kind of memory where there are several.
fn side(canvas: &Canvas<'_>, side: &Side, pages: u64) -> String {
    let Some(kind) = side.kind() else {
        return match pages {
            0 => "nowhere: no page moved",
            _ => "memory of a kind that is not known",
        }
        .to_owned();
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

/// What the time of the driver's steps went to, for each that happened.
fn driver_parts(migration: &Migration) -> impl Iterator<Item = (&'static str, String)> {
    const NAMES: [&str; OF_DRIVER.len()] = ["the copy", "the mapping"];
    let parts = migration.driver_parts.into_iter().flatten();
    let steps = NAMES.into_iter().zip(OF_DRIVER).zip(parts);
    let some = steps.filter(|((_, step), _)| migration.steps[*step as usize].is_some());
    some.map(|((name, _), parts)| {
        let parts = DRIVER_PARTS.into_iter().zip(each_part(&parts));
        let parts: Vec<_> = parts
            .map(|(part, ns)| format!("{part} {}", duration(ns)))
            .collect();
        (name, parts.join(", "))
    })
}

/// How fast it copied, as far as that is known.
fn copied(canvas: &Canvas<'_>, migration: &Migration) -> Option<String> {
    let copied = Copied::of(migration)?;
    let rate = rate(&copied, canvas.model.facts().page_size);
    let given = if copied.is_by_fence() {
        ", if that is its fence"
    } else {
        ""
    };
    Some(format!("{rate}{given}"))
}

/// The lock that it waited for longest, and who had it.
fn locks(migration: &Migration) -> Option<String> {
    let locks = migration.contended.as_ref()?;
    let holder = match &locks.holder {
        Some(holder) => format!("{}, thread {}, had it", printable(&holder.comm), holder.tid),
        None => "who had it is not known".to_owned(),
    };
    Some(format!(
        "{} for {}; {holder}",
        printable(&locks.lock),
        duration(locks.ns)
    ))
}

/// Where the pages went.
fn ledger_lines(canvas: &Canvas<'_>, migration: &Migration) -> Vec<Line<'static>> {
    let requested = migration.ledger.requested;
    let head = format!("{:<15} {:>12}", "requested", canvas.amount(requested));
    // Other units stand beside the number.
    let unit = match (canvas.app.view.unit, requested) {
        (Unit::Pages, 1) => " page",
        (Unit::Pages, _) => " pages",
        _ => "",
    };
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

/// Stacks, or why there are none.
fn stack_lines(migration: &Migration, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = stacks::lines(
        migration.kernel_stack.as_ref(),
        migration.user_stack.as_ref(),
        migration.contended.as_ref(),
        theme,
    );
    if lines.is_empty() {
        let text =
            "No stacks: they are kept when they are asked for (--kernel-stacks, --user-stacks).";
        lines.push(Line::styled(text, theme.quiet()));
    }
    lines
}
