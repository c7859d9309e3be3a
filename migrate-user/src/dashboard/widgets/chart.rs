//! What happened per second.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Sparkline, Widget};

use crate::model::{Model, Origin, rates::BIN_NS};
use crate::trace::Direction;

/// A value may be this many columns wide, where there are few.
const WIDEST: usize = 8;

/// Pages per second in one direction, oldest first, and the seconds that all of it is about.
pub(in crate::dashboard) struct Series {
    pub(in crate::dashboard) values: Vec<u64>,
    pub(in crate::dashboard) seconds: f64,
}

/// All of them; where only the kernel's totals tell, of the last minutes.
pub(in crate::dashboard) fn pages(model: &Model, direction: Direction) -> Series {
    let bins = model.rates().history();
    let all = bins.len() as u64 >= model.elapsed_ns() / BIN_NS;
    if !all && model.coverage().from == Origin::Records {
        return coarse(model, direction);
    }
    let values: Vec<u64> = bins.map(|bin| bin.pages(Some(direction))).collect();
    let seconds = values.len() as f64;
    Series { values, seconds }
}

/// Over more time than is known by the second.
fn coarse(model: &Model, direction: Direction) -> Series {
    let timeline = model.timeline();
    let length = timeline.stretch_ns() as f64 / 1e9;
    let stretches = timeline.stretches().iter();
    let pages = stretches.map(|stretch| stretch.arrived[direction as usize - 1]);
    let values: Vec<u64> = pages.map(|pages| (pages as f64 / length) as u64).collect();
    let seconds = values.len() as f64 * length;
    Series { values, seconds }
}

/// As many values as there are columns, at most: neighbours become their average, and few become
/// wide.
pub(in crate::dashboard) fn fit(values: &[u64], width: u16) -> Vec<u64> {
    let width = usize::from(width).max(1);
    if values.is_empty() {
        return Vec::new();
    }
    let wide = (width / values.len()).min(WIDEST);
    if wide > 0 {
        let repeated = values
            .iter()
            .flat_map(|value| std::iter::repeat_n(*value, wide));
        return repeated.collect();
    }
    let average = |column: usize| {
        let (from, to) = (
            column * values.len() / width,
            (column + 1) * values.len() / width,
        );
        let part = &values[from..to.max(from + 1)];
        let sum: u128 = part.iter().map(|value| u128::from(*value)).sum();
        (sum / part.len() as u128) as u64
    };
    (0..width).map(average).collect()
}

/// Draws values as columns, the newest at the right, `most` as high as the area.
pub(in crate::dashboard) fn draw(
    values: &[u64],
    most: u64,
    style: Style,
    area: Rect,
    buffer: &mut Buffer,
) {
    let used = (values.len() as u16).min(area.width);
    let area = Rect {
        x: area.right() - used,
        width: used,
        ..area
    };
    Sparkline::default()
        .data(values)
        .max(most.max(1))
        .style(style)
        .render(area, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_the_width() {
        assert_eq!(fit(&[1, 2], 5), [1, 1, 2, 2]);
        assert_eq!(fit(&[1, 3, 5, 7], 2), [2, 6]);
        assert_eq!(fit(&[1, 2, 3], 2), [1, 2]);
        assert_eq!(fit(&[], 9), [0; 0]);
        assert_eq!(fit(&[u64::MAX; 700], 600).len(), 600);
    }
}
