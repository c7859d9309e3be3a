//! The five steps of one migration, to scale.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, with_x};
use crate::figures::NONE;
use crate::text::{duration, percent};
use crate::trace::{Migration, Step};

/// The name, the duration and the share of a step.
const NAMES: u16 = 36;

/// Draws a line for each step. A step begins where the one before it ended.
pub(in crate::dashboard) fn draw(canvas: &mut Canvas<'_>, migration: &Migration, area: Rect) {
    let total = migration.total_ns().max(1) as f64;
    let plot = area.width.saturating_sub(NAMES + 1);
    let mut before = 0u64;
    for (line, step) in (0..area.height).zip(Step::ALL) {
        let place = Rect {
            height: 1,
            ..below(area, line)
        };
        let ns = migration.steps[step as usize];
        let time = ns.map_or_else(|| NONE.to_owned(), duration);
        let share = ns.map_or_else(|| NONE.to_owned(), |ns| percent(ns as f64 / total));
        let text = format!("{:<16} {time:>9} {share:>7}", step.name());
        canvas.put(place, &text, Style::new());
        let Some(ns) = ns else {
            continue;
        };
        let column = |ns: u64| (ns as f64 / total * f64::from(plot)).round() as u16;
        let (from, to) = (column(before), column(before.saturating_add(ns)));
        let bar = "█".repeat(usize::from(to.saturating_sub(from)));
        let bar = if bar.is_empty() {
            "▏".to_owned()
        } else {
            bar
        };
        let x = place.x + NAMES + from.min(plot.saturating_sub(1));
        canvas.put(with_x(place, x), &bar, canvas.theme.step(step));
        before = before.saturating_add(ns);
    }
}
