//! What threads wait for, and who.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::canvas::{Canvas, Section};
use super::super::sorting::{Key, Table};
use super::super::table::sorted;
use super::super::table::{Column, draw_sorted};
use super::super::theme::Theme;
use super::super::widgets::histogram::Histogram;
use super::super::widgets::stacks;
use crate::figures::NONE;
use crate::figures::waits::{
    WaitRow, about, by_other, coverage, longest, of_run, parts, rows, unknown, who, who_of,
};
use crate::model::Model;
use crate::model::waits::{Waiter, Worst};
use crate::text::{count, counted, duration, percent, printable, since};

type OfKind = Column<WaitRow>;

fn time(ns: Option<u64>) -> (String, Style) {
    (ns.map_or_else(|| NONE.to_owned(), duration), Style::new())
}

fn share(share: Option<f64>) -> (String, Style) {
    (share.map_or_else(|| NONE.to_owned(), percent), Style::new())
}

pub(super) const KINDS: [OfKind; 9] = [
    OfKind::left("wait", 17, 0, |row, _| (row.name(), Style::new()))
        .by(|row, _| Key::least((row.kind as u64) << 8 | row.result.map_or(0, |of| of as u64))),
    OfKind::right("count", 11, 2, |row, _| (count(row.waits), Style::new()))
        .by(|row, _| Key::most(row.waits)),
    OfKind::right("time", 8, 1, |row, _| {
        (duration(row.total_ns), Style::new())
    })
    .by(|row, _| Key::most(row.total_ns)),
    OfKind::right("of the run", 10, 3, |row, _| share(row.share))
        .by(|row, _| Key::most_of(row.share)),
    OfKind::right("p50", 8, 5, |row, _| time(row.p50_ns)).by(|row, _| Key::most(row.p50_ns)),
    OfKind::right("p99", 8, 4, |row, _| time(row.p99_ns)).by(|row, _| Key::most(row.p99_ns)),
    OfKind::right("max", 8, 6, |row, _| time(row.max_ns)).by(|row, _| Key::most(row.max_ns)),
    OfKind::right("before setup", 12, 7, |row, _| share(row.before_setup))
        .by(|row, _| Key::most_of(row.before_setup)),
    OfKind::left("because", 54, 9, |row, context| {
        let text = row.result.map_or(about(row.kind), |_| "");
        (text.to_owned(), context.theme.quiet())
    })
    .by(|row, _| Key::name(about(row.kind))),
];

/// A process or a thread, and what it waited for.
pub(super) struct Who {
    waiter: Waiter,
    /// Its time by that of the run.
    share: Option<f64>,
}

type OfWho = Column<Who>;

pub(super) const WAITERS: [OfWho; 8] = [
    OfWho::left("who", 34, 0, |row, _| (who(&row.waiter), Style::new()))
        .by(|row, _| Key::name(row.waiter.comm.as_deref())),
    OfWho::left("wait", 12, 1, |row, _| {
        (row.waiter.kind.name().to_owned(), Style::new())
    })
    .by(|row, _| Key::name(row.waiter.kind.name())),
    OfWho::right("count", 11, 3, |row, _| {
        (count(row.waiter.sums.waits), Style::new())
    })
    .by(|row, _| Key::most(row.waiter.sums.waits)),
    OfWho::right("time", 8, 1, |row, _| {
        (duration(row.waiter.sums.total_ns), Style::new())
    })
    .by(|row, _| Key::most(row.waiter.sums.total_ns)),
    OfWho::right("of the run", 10, 4, |row, _| share(row.share))
        .by(|row, _| Key::most_of(row.share)),
    OfWho::right("longest", 8, 5, |row, _| {
        (duration(row.waiter.sums.longest_ns), Style::new())
    })
    .by(|row, _| Key::most(row.waiter.sums.longest_ns)),
    OfWho::right("before setup", 12, 6, |row, _| {
        let sums = &row.waiter.sums;
        time((sums.made > 0).then_some(sums.before_setup_ns))
    })
    .by(|row, _| {
        let sums = &row.waiter.sums;
        Key::most((sums.made > 0).then_some(sums.before_setup_ns))
    }),
    OfWho::right("retries", 9, 7, |row, _| {
        (count(row.waiter.sums.retries), Style::new())
    })
    .by(|row, _| Key::most(row.waiter.sums.retries)),
];

type OfWorst = Column<Worst>;

pub(super) const WORST: [OfWorst; 10] = [
    OfWorst::right("began", 12, 3, |row, context| {
        (since(row.wait.time_ns, context.began_ns), Style::new())
    })
    .by(|row, _| Key::least(row.wait.time_ns)),
    OfWorst::right("time", 8, 0, |row, _| {
        (duration(row.wait.total_ns), Style::new())
    })
    .by(|row, _| Key::most(row.wait.total_ns)),
    OfWorst::left("wait", 12, 1, |row, _| {
        (row.wait.kind.name().to_owned(), Style::new())
    })
    .by(|row, _| Key::name(row.wait.kind.name())),
    OfWorst::left("result", 14, 4, |row, _| {
        (row.wait.result.name().to_owned(), Style::new())
    })
    .by(|row, _| Key::name(row.wait.result.name())),
    OfWorst::left("who", 34, 2, |row, _| (who_of(&row.wait), Style::new()))
        .by(|row, _| Key::name(row.wait.comm.as_deref())),
    OfWorst::right("before setup", 12, 5, |row, _| {
        time(row.wait.before_setup_ns)
    })
    .by(|row, _| Key::most(row.wait.before_setup_ns)),
    OfWorst::right("in migration", 12, 7, |row, _| {
        time(row.wait.in_migration_ns)
    })
    .by(|row, _| Key::most(row.wait.in_migration_ns)),
    OfWorst::right("for the page", 12, 8, |row, _| {
        time((row.wait.page_lock_ns > 0).then_some(row.wait.page_lock_ns))
    })
    .by(|row, _| Key::most(row.wait.page_lock_ns)),
    OfWorst::left("for migration", 46, 9, |row, _| {
        let moved = row.moved.as_ref();
        (
            moved.map_or_else(|| NONE.to_owned(), by_other),
            Style::new(),
        )
    })
    .by(|row, _| Key::least(row.moved.as_ref().map(|moved| moved.sequence))),
    OfWorst::left("lock", 22, 6, |row, _| {
        let lock = row.wait.contended.as_ref().map(|of| printable(&of.lock));
        (lock.unwrap_or_else(|| NONE.to_owned()), Style::new())
    })
    .by(|row, _| Key::name(row.wait.contended.as_ref().map(|of| &*of.lock))),
];

/// Rows of who waits, and of the longest waits, at most.
const MOST: usize = 20;

/// A histogram needs its title, a reading, a scale, and something to see.
const HISTOGRAM_LINES: usize = 8;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let model = canvas.model;
    if !model.follows_waits() {
        return not_followed(canvas, area);
    }
    let page = canvas.page(area);
    let (kinds, waiters, worst) = (rows(model), waiters(model), model.waits().worst());
    let longest_one = worst
        .first()
        .map_or_else(Vec::new, |of| one(of, canvas.theme));
    let list = |rows: usize| rows.clamp(1, MOST) + 2;
    let all: [Section<'_>; 5] = [
        (kinds.len() + 2, &|canvas, area| {
            draw_kinds(canvas, &kinds, area)
        }),
        (list(waiters.len()), &|canvas, area| {
            draw_waiters(canvas, &waiters, area)
        }),
        (HISTOGRAM_LINES, &draw_histogram),
        (list(worst.len()), &|canvas, area| {
            draw_worst(canvas, &worst, area)
        }),
        (longest_one.len(), &|canvas, area| {
            canvas.put_lines(area, &longest_one)
        }),
    ];
    // Without a wait, the first says so.
    let sections = if model.wait_totals().waits() == 0 {
        &all[..1]
    } else {
        &all
    };
    canvas.sections(page, sections);
}

/// Says that nothing is known, and how it would be.
fn not_followed(canvas: &mut Canvas<'_>, area: Rect) {
    let area = canvas.title(area, "Waits", "unknown");
    canvas.put_texts(area, &unknown(canvas.model));
}

fn draw_kinds(canvas: &mut Canvas<'_>, kinds: &[WaitRow], area: Rect) {
    let number = counted(canvas.model.wait_totals().waits(), "wait", "waits");
    let missing = coverage(canvas.model).map_or_else(String::new, |text| format!(" · {text}"));
    let side = if canvas.model.facts().details.device_side {
        ""
    } else {
        " · of CPUs; those of devices take --device-side"
    };
    let area = canvas.title(area, "Waits", &format!("{number}{missing}{side}"));
    let (sort, context) = (canvas.app.view.sort(Table::Waits), canvas.context());
    let rows = sorted(&KINDS, kinds.iter().collect(), sort, context);
    draw_sorted(&KINDS, &rows, Table::Waits, canvas, area);
}

/// Processes, those that waited longest first, then threads.
fn waiters(model: &Model) -> Vec<Who> {
    let waits = model.waits();
    let processes = waits.processes().into_iter().take(MOST / 2);
    let threads = waits.threads().into_iter().take(MOST / 2);
    let row = |waiter: &Waiter| Who {
        waiter: waiter.clone(),
        share: of_run(model, waiter.sums.total_ns),
    };
    processes.chain(threads).map(row).collect()
}

/// What is said of what is from records, where some are missing.
fn of_recorded(model: &Model) -> &'static str {
    if model.has_all_waits() {
        ""
    } else {
        " · of the recorded"
    }
}

fn draw_waiters(canvas: &mut Canvas<'_>, waiters: &[Who], area: Rect) {
    let of_recorded = of_recorded(canvas.model);
    let about = format!("processes and threads that waited longest{of_recorded}");
    let area = canvas.title(area, "Who waits", &about);
    let (sort, context) = (canvas.app.view.sort(Table::Waiters), canvas.context());
    let rows = sorted(&WAITERS, waiters.iter().collect(), sort, context);
    draw_sorted(&WAITERS, &rows, Table::Waiters, canvas, area);
}

/// How the waits of the kind that took most time are spread.
fn draw_histogram(canvas: &mut Canvas<'_>, area: Rect) {
    let Some((name, figure)) = longest(canvas.model) else {
        return;
    };
    let durations = canvas.model.wait_totals().durations(figure);
    let area = canvas.title(area, "Histogram", &format!("of {name}, the most time"));
    if let Some(histogram) = Histogram::new(&durations) {
        histogram.draw(histogram.at_quantile(0.5), canvas, area);
    }
}

fn draw_worst(canvas: &mut Canvas<'_>, worst: &[Worst], area: Rect) {
    let of_recorded = of_recorded(canvas.model);
    let area = canvas.title(area, "Longest waits", &format!("of each kind{of_recorded}"));
    let (sort, context) = (canvas.app.view.sort(Table::Worst), canvas.context());
    let longest = worst.iter().take(MOST).collect();
    let rows = sorted(&WORST, longest, sort, context);
    draw_sorted(&WORST, &rows, Table::Worst, canvas, area);
}

/// All that is known of the longest wait.
fn one(worst: &Worst, theme: Theme) -> Vec<Line<'static>> {
    let wait = &worst.wait;
    let head = format!(
        "{}: {}, {}, {}",
        duration(wait.total_ns),
        wait.kind.name(),
        wait.result.name(),
        who_of(wait)
    );
    let mut lines = vec![Line::from(vec![
        Span::styled("The longest", theme.title()),
        Span::raw(format!("  {head}")),
    ])];
    lines.extend(parts(worst).into_iter().map(|(name, is)| {
        let name = Span::styled(format!("{name:<15}"), theme.quiet());
        Line::from(vec![name, Span::raw(is)])
    }));
    lines.extend(stacks::lines(
        wait.kernel_stack.as_ref(),
        wait.user_stack.as_ref(),
        wait.contended.as_ref(),
        theme,
    ));
    lines
}
