//! What happened per second, over a stretch of time.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Sparkline, Widget};

use crate::model::{Direction, Model, Origin};

/// How much time charts are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::view) enum Window {
    /// The last minute.
    Minute,
    /// The last five minutes.
    #[default]
    Five,
    /// The last ten minutes.
    Ten,
    /// All time.
    All,
}

impl Window {
    pub(in crate::view) fn next(self) -> Self {
        match self {
            Self::Minute => Self::Five,
            Self::Five => Self::Ten,
            Self::Ten => Self::All,
            Self::All => Self::Minute,
        }
    }

    pub(in crate::view) fn name(self) -> &'static str {
        match self {
            Self::Minute => "1 min",
            Self::Five => "5 min",
            Self::Ten => "10 min",
            Self::All => "all time",
        }
    }

    /// Seconds; `None` for all time.
    pub(in crate::view) fn seconds(self) -> Option<u64> {
        match self {
            Self::Minute => Some(60),
            Self::Five => Some(300),
            Self::Ten => Some(600),
            Self::All => None,
        }
    }
}

/// A value may be this many columns wide, where there are few.
const WIDEST: usize = 8;

/// Pages per second in one direction, oldest first, and the seconds that all of it is about.
pub(in crate::view) struct Series {
    pub(in crate::view) values: Vec<u64>,
    pub(in crate::view) seconds: f64,
}

/// The last of them within a window.
pub(in crate::view) fn pages(model: &Model, direction: Direction, window: Window) -> Series {
    let Some(seconds) = window.seconds() else {
        return all_time(model, direction);
    };
    let bins = model.rates().history();
    let skip = bins.len().saturating_sub(seconds as usize);
    let pages = bins.skip(skip).map(|bin| bin.pages(Some(direction)));
    let values: Vec<u64> = pages.collect();
    let seconds = values.len() as f64;
    Series { values, seconds }
}

/// Only records tell of all time; the kernel's totals of the last minutes.
fn all_time(model: &Model, direction: Direction) -> Series {
    if model.coverage().from == Origin::Kernel {
        return pages(model, direction, Window::Ten);
    }
    let timeline = model.timeline();
    let length = timeline.stretch_ns() as f64 / 1e9;
    let stretches = timeline.stretches().iter();
    let pages = stretches.map(|stretch| stretch.arrived[direction as usize - 1]);
    let values: Vec<u64> = pages.map(|pages| (pages as f64 / length) as u64).collect();
    let seconds = values.len() as f64 * length;
    Series { values, seconds }
}

/// As many values as there are columns, at most: neighbours become their average, and few become wide.
pub(in crate::view) fn fit(values: &[u64], width: u16) -> Vec<u64> {
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
pub(in crate::view) fn draw(
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
