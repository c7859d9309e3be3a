//! How much per second, by direction, and how that went over the last minutes.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, with_x};
use super::chart;
use crate::figures;
use crate::figures::{RATE_SECONDS, units::Unit};
use crate::model::{Model, Rate};
use crate::text::clock;
use crate::trace::Direction;

/// The columns: name, then pages, bytes and calls per second. Each has its width.
const NAME: u16 = 9;
const HEADS: [(&str, u16); 3] = [("pages/s", 9), ("bytes/s", 11), ("calls/s", 9)];

/// A chart that is narrower than this says nothing.
const CHART: u16 = 12;

/// How many of the three numbers fit, and where the chart begins, if there is room for one.
fn columns(width: u16) -> (usize, Option<u16>) {
    let mut x = NAME;
    let mut fit = 0;
    for (_, column) in HEADS {
        if x + 1 + column > width {
            return (fit, None);
        }
        x += 1 + column;
        fit += 1;
    }
    let chart = x + 3;
    (fit, (chart + CHART <= width).then_some(chart))
}

/// The numbers of one direction; bytes in GiB where that is the unit.
fn numbers(model: &Model, rate: Option<Rate>, unit: Unit) -> [String; 3] {
    if figures::are_unknown(model) {
        return ["–"; 3].map(str::to_owned);
    }
    let mut numbers = figures::rate(model, rate);
    if let (Unit::Gib, Some(rate)) = (unit, rate) {
        numbers[1] = unit.rate(rate.pages, model.facts().page_size);
    }
    numbers
}

/// Draws the names of the columns, and what the charts are about.
pub(in crate::dashboard) fn head(canvas: &mut Canvas<'_>, directions: &[Direction], area: Rect) {
    if area.is_empty() {
        return;
    }
    let (fit, place) = columns(area.width);
    let x = canvas.put(area, "Rates", canvas.theme.title());
    let over = format!(" {RATE_SECONDS} s");
    canvas.put(with_x(area, x), &over, canvas.theme.quiet());
    let mut x = area.x + NAME;
    for (head, width) in &HEADS[..fit] {
        let at = x + 1 + width - head.len() as u16;
        canvas.put(with_x(area, at), head, canvas.theme.quiet());
        x += 1 + width;
    }
    if let Some(place) = place {
        let area = with_x(area, area.x + place);
        let text = about(canvas, directions, area.width);
        canvas.put(area, &text, canvas.theme.quiet());
    }
}

/// What the charts are about: how much time, and how much the highest column is.
fn about(canvas: &Canvas<'_>, directions: &[Direction], width: u16) -> String {
    if figures::are_unknown(canvas.model) {
        return "unknown: records are off".to_owned();
    }
    let seconds = chart::pages(canvas.model, directions[0]).seconds;
    if seconds == 0.0 {
        return match canvas.app.ended {
            Some(_) => "less than a second",
            None => "the first second is under way",
        }
        .to_owned();
    }
    let most = most(canvas, directions, width);
    let page_size = canvas.model.facts().page_size;
    let most = canvas.app.view.unit.rate(most as f64, page_size);
    let time = if seconds < 100.0 {
        format!("{seconds:.0} s")
    } else {
        clock((seconds * 1e9) as u64)
    };
    if figures::are_at_least(canvas.model) {
        format!("{time} recorded, most {most}")
    } else {
        format!("{time}, highest {most}")
    }
}

/// The highest column in any direction: all have the same scale.
fn most(canvas: &Canvas<'_>, directions: &[Direction], width: u16) -> u64 {
    let columns = |direction: &Direction| {
        let series = chart::pages(canvas.model, *direction);
        chart::fit(&series.values, width)
    };
    directions.iter().flat_map(columns).max().unwrap_or(0)
}

/// Draws one row per direction, as high as there is room.
pub(in crate::dashboard) fn draw(canvas: &mut Canvas<'_>, directions: &[Direction], area: Rect) {
    let height = area.height / (directions.len() as u16).max(1);
    if height == 0 {
        return;
    }
    for (&direction, y) in directions
        .iter()
        .zip((area.y..).step_by(usize::from(height)))
    {
        let area = Rect { y, height, ..area };
        row(canvas, directions, direction, area);
    }
}

fn row(canvas: &mut Canvas<'_>, directions: &[Direction], direction: Direction, area: Rect) {
    let (fit, place) = columns(area.width);
    let style = canvas.theme.direction(direction);
    // Numbers stand on the ground line of their chart.
    let line = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    canvas.put(line, direction.name(), style);
    let rate = canvas.model.rate(RATE_SECONDS, Some(direction));
    let mut x = area.x + NAME;
    let numbers = numbers(canvas.model, rate, canvas.app.view.unit);
    for (text, (_, width)) in numbers.iter().zip(&HEADS[..fit]) {
        let column = Rect {
            x: x + 1,
            width: *width,
            ..line
        };
        canvas.put_right(column, text, Style::new());
        x += 1 + width;
    }
    if let Some(place) = place {
        let area = with_x(area, area.x + place);
        let values = chart::fit(&chart::pages(canvas.model, direction).values, area.width);
        let most = most(canvas, directions, area.width);
        chart::draw(&values, most, style, area, canvas.buffer);
    }
}
