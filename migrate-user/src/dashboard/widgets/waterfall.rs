//! The five steps of one migration, to scale.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, with_x};
use crate::figures::NONE;
use crate::text::{duration, percent};
use crate::trace::{Migration, Step};

/// The name, the duration and the share of a step.
const NAMES: u16 = 36;

/// What is in front of the steps, where a fault made the migration.
const BEFORE: &str = "before setup";

/// Draws a line for each step. A step begins where the one before it ended; the first one where the
/// thread had waited for so long `before`, which has a line of its own.
pub(in crate::dashboard) fn draw(
    canvas: &mut Canvas<'_>,
    before: Option<u64>,
    migration: &Migration,
    area: Rect,
) {
    let steps = Step::ALL.map(|step| {
        let style = canvas.theme.step(step);
        (step.name(), migration.steps[step as usize], style)
    });
    let quiet = canvas.theme.quiet();
    let bars = before.map(|ns| (BEFORE, Some(ns), quiet));
    let bars: Vec<_> = bars.into_iter().chain(steps).collect();
    let total = migration.total_ns().saturating_add(before.unwrap_or(0));
    let total = total.max(1) as f64;
    let plot = area.width.saturating_sub(NAMES + 1);
    let mut begin = 0u64;
    for (line, (name, ns, style)) in (0..area.height).zip(bars) {
        let place = Rect {
            height: 1,
            ..below(area, line)
        };
        let time = ns.map_or_else(|| NONE.to_owned(), duration);
        let share = ns.map_or_else(|| NONE.to_owned(), |ns| percent(ns as f64 / total));
        let text = format!("{name:<16} {time:>9} {share:>7}");
        canvas.put(place, &text, Style::new());
        let Some(ns) = ns else {
            continue;
        };
        let column = |ns: u64| (ns as f64 / total * f64::from(plot)).round() as u16;
        let (from, to) = (column(begin), column(begin.saturating_add(ns)));
        let bar = "█".repeat(usize::from(to.saturating_sub(from)));
        let bar = if bar.is_empty() {
            "▏".to_owned()
        } else {
            bar
        };
        let x = place.x + NAMES + from.min(plot.saturating_sub(1));
        canvas.put(with_x(place, x), &bar, style);
        begin = begin.saturating_add(ns);
    }
}
