//! How much per second, by direction, and how that went over the last minutes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Sparkline, Widget};

use super::super::figures::{self, RATE_SECONDS};
use super::super::theme::Theme;
use crate::model::{Direction, Model};
use crate::text::quantity;

/// The columns: name, then pages, bytes and calls per second. Each has its width.
const NAME: u16 = 9;
const HEADS: [(&str, u16); 3] = [("pages/s", 9), ("bytes/s", 10), ("calls/s", 9)];

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

/// Draws the names of the columns.
pub(in crate::view) fn head(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let (fit, chart) = columns(area.width);
    buffer.set_stringn(
        area.x,
        area.y,
        "Rates",
        usize::from(area.width),
        theme.title(),
    );
    let mut x = area.x + NAME;
    for (head, width) in &HEADS[..fit] {
        buffer.set_string(
            x + 1 + width - head.len() as u16,
            area.y,
            head,
            theme.quiet(),
        );
        x += 1 + width;
    }
    if let Some(chart) = chart {
        let width = area.width - chart;
        let seconds = model.rates().history().len().min(usize::from(width));
        let most = quantity(most(model, width) as f64);
        let text = match seconds {
            0 => "the first second is under way".to_owned(),
            _ => format!("pages/s, last {seconds} s, highest {most}"),
        };
        buffer.set_stringn(
            area.x + chart,
            area.y,
            text,
            usize::from(width),
            theme.quiet(),
        );
    }
}

/// Draws one row per direction, as high as there is room.
pub(in crate::view) fn draw(
    model: &Model,
    directions: &[Direction],
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let height = area.height / (directions.len() as u16).max(1);
    if height == 0 {
        return;
    }
    for (&direction, y) in directions
        .iter()
        .zip((area.y..).step_by(usize::from(height)))
    {
        row(model, direction, theme, Rect { y, height, ..area }, buffer);
    }
}

fn row(model: &Model, direction: Direction, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (fit, chart) = columns(area.width);
    // Numbers stand on the ground line of their chart.
    let y = area.bottom() - 1;
    let width = usize::from(area.width);
    buffer.set_stringn(
        area.x,
        y,
        direction.name(),
        width,
        theme.direction(direction),
    );
    let rate = model.rates().over(RATE_SECONDS, Some(direction));
    let mut x = area.x + NAME;
    for (text, (_, width)) in figures::rate(model, rate).iter().zip(&HEADS[..fit]) {
        let used = text.chars().count() as u16;
        buffer.set_string(
            x + 1 + width.saturating_sub(used),
            y,
            text,
            ratatui::style::Style::new(),
        );
        x += 1 + width;
    }
    if let Some(chart) = chart {
        let area = Rect {
            x: area.x + chart,
            width: area.width - chart,
            ..area
        };
        sparkline(model, direction, theme, area, buffer);
    }
}

/// One column per second, the newest at the right. All directions have the same scale.
fn sparkline(model: &Model, direction: Direction, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let bins = model.rates().history();
    let skip = bins.len().saturating_sub(width);
    let pages: Vec<u64> = bins
        .skip(skip)
        .map(|bin| bin.pages(Some(direction)))
        .collect();
    let used = pages.len() as u16;
    let area = Rect {
        x: area.right() - used,
        width: used,
        ..area
    };
    Sparkline::default()
        .data(&pages)
        .max(most(model, width as u16).max(1))
        .style(theme.direction(direction))
        .render(area, buffer);
}

/// The most pages in one direction and one of the last `seconds`.
fn most(model: &Model, seconds: u16) -> u64 {
    let bins = model.rates().history().rev().take(usize::from(seconds));
    bins.flat_map(|bin| Direction::ALL.iter().map(|&d| bin.pages(Some(d))))
        .max()
        .unwrap_or(0)
}
