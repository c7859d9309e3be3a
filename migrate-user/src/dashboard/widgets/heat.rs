//! How long a step took over time: time to the right, durations upwards, the more the darker.

use ratatui::layout::Rect;

use super::super::canvas::{Canvas, below, with_x};
use crate::figures;
use crate::model::timeline::{CLASSES, Stretch, class_begin};
use crate::text::{clock, duration};
use crate::trace::Step;

/// From little to much.
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];

/// The names of durations.
const NAMES: u16 = 9;

/// A stretch may be this many columns wide, where there are few.
const WIDEST: usize = 4;

/// What is drawn: columns of counts.
struct Map {
    columns: Vec<[u64; CLASSES]>,
    /// The shortest and the longest class that occurs.
    classes: (usize, usize),
    most: u64,
}

impl Map {
    /// At most `width` columns; `None` if nothing has come.
    fn new(stretches: &[Stretch], step: Option<Step>, width: usize) -> Option<Self> {
        if stretches.is_empty() {
            return None;
        }
        let number = (stretches.len() * WIDEST).min(width.max(1));
        let wide = number / stretches.len();
        let column = |at: usize| {
            let (from, to) = match wide {
                0 => (
                    at * stretches.len() / number,
                    (at + 1) * stretches.len() / number,
                ),
                _ => (at / wide, at / wide + 1),
            };
            sum(&stretches[from..to.max(from + 1)], step)
        };
        let number = if wide > 0 {
            wide * stretches.len()
        } else {
            number
        };
        let columns: Vec<_> = (0..number).map(column).collect();
        let occurs = |class: &usize| columns.iter().any(|column| column[*class] > 0);
        let first = (0..CLASSES).find(occurs)?;
        let last = (0..CLASSES).rev().find(occurs)?;
        let most = columns.iter().flatten().copied().max()?;
        Some(Self {
            columns,
            classes: (first, last),
            most,
        })
    }
}

fn sum(stretches: &[Stretch], step: Option<Step>) -> [u64; CLASSES] {
    let mut sum = [0u64; CLASSES];
    for stretch in stretches {
        for (sum, more) in sum.iter_mut().zip(stretch.counts(step)) {
            *sum += u64::from(*more);
        }
    }
    sum
}

/// Draws the map of a step, or with `None` of whole migrations.
pub(in crate::dashboard) fn draw(canvas: &mut Canvas<'_>, step: Option<Step>, area: Rect) {
    let timeline = canvas.model.timeline();
    let stretches = timeline.stretches();
    let ns = timeline.stretch_ns().saturating_mul(stretches.len() as u64);
    let time = if ns < 1_000_000_000 {
        duration(ns)
    } else {
        clock(ns)
    };
    let time = match ns {
        0 => String::new(),
        _ => format!(" in {time}"),
    };
    let of = match figures::lack_records(canvas.model) {
        true => "how long the recorded ones took",
        false => "how long it took",
    };
    let about = format!("{of}{time}, newest at the right · ░ few, █ many");
    let area = canvas.title(area, "Over time", &about);
    let plot = with_x(area, area.x + NAMES);
    let Some(map) = Map::new(stretches, step, usize::from(plot.width)) else {
        return canvas.nothing(area);
    };
    let (first, last) = map.classes;
    // Every line has as many classes; the longest durations are at the top.
    let per_line = (last - first + 1).div_ceil(usize::from(area.height).max(1));
    let lines = (last - first + 1).div_ceil(per_line);
    for line in 0..lines.min(usize::from(area.height)) {
        let low = first + (lines - 1 - line) * per_line;
        let place = below(area, line as u16);
        if line % 2 == 0 || per_line > 1 {
            let name = duration(class_begin(low));
            let column = Rect {
                width: NAMES - 2,
                ..place
            };
            canvas.put_right(column, &name, canvas.theme.quiet());
        }
        draw_line(
            canvas,
            &map,
            low..(low + per_line).min(CLASSES),
            with_x(place, plot.x),
        );
    }
}

fn draw_line(canvas: &mut Canvas<'_>, map: &Map, classes: std::ops::Range<usize>, area: Rect) {
    let style = canvas.theme.bar();
    let shade = |column: &[u64; CLASSES]| {
        let number: u64 = column[classes.clone()].iter().sum();
        shade(number, map.most)
    };
    let text: String = map.columns.iter().map(shade).collect();
    canvas.put(area, &text, style);
}

/// Each shade is for four times as many.
pub(in super::super) fn shade(number: u64, most: u64) -> char {
    let below_most = |times: u64| number.saturating_mul(times) >= most;
    match number {
        0 => ' ',
        _ if below_most(4) => SHADES[3],
        _ if below_most(16) => SHADES[2],
        _ if below_most(64) => SHADES[1],
        _ => SHADES[0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_has_a_shade() {
        let shades: String = [0, 1, 15, 16, 70, 300, 1000]
            .map(|n| shade(n, 1000))
            .iter()
            .collect();
        assert_eq!(shades, " ░░▒▓██");
    }
}
