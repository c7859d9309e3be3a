//! Is migration healthy? If not: which step, which process, which driver, why, and what to do.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, below, left, top, with_x};
use super::super::layout::{Wanted, places};
use super::super::widgets::{ledger, rates, steps};
use super::{drivers, findings, processes};
use crate::figures;

/// The width that findings and tables take beside each other.
const BOTH: u16 = 170;

/// What part of the time it is about, in the first line; what is below.
fn time(canvas: &mut Canvas<'_>, area: Rect) -> Rect {
    if area.height < ROOM || canvas.model.totals().migrations() == 0 {
        return area;
    }
    let text = figures::time(canvas.model);
    canvas.put(area, &text, Style::new());
    below(area, 1)
}

/// Lines from which on there is one to spare.
const ROOM: u16 = 16;

pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let area = time(canvas, area);
    let directions = figures::directions(model);
    let place = places(
        area,
        Wanted {
            directions: directions.len() as u16,
            legend: ledger::legend_lines(model, area.width),
            below_steps: steps::extra_lines(model),
        },
    );
    rates::head(canvas, &directions, place.rates_head);
    rates::draw(canvas, &directions, place.rates);
    ledger::head(model, theme, place.ledger_head, canvas.buffer);
    ledger::bar(model, theme, place.bar, canvas.buffer);
    ledger::legend(canvas, place.legend);
    steps::draw(model, theme, place.steps, canvas.buffer);
    let area = place.findings;
    if area.width < BOTH {
        return findings::summary(canvas, area);
    }
    // Where there is room: who migrates most.
    findings::summary(canvas, left(area, area.width / 2 - 2));
    let beside = with_x(area, area.x + area.width / 2);
    drivers::draw(canvas, top(beside, area.height / 2));
    processes::draw(canvas, below(beside, area.height / 2 + 1));
}
