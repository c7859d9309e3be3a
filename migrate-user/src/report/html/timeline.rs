//! What happened when: pages per second, and how long migrations took.

use maud::{Markup, PreEscaped, html};

use super::super::Report;
use super::plot::{Axis, plot, rectangle};
use crate::model::timeline::{CLASSES, Stretch, class_begin};
use crate::text::{duration, quantity};
use crate::trace::Direction;

/// Shades of the heat map.
const SHADES: usize = 6;

const NS: f64 = 1e9;

/// Seconds since the run began.
fn seconds(at: f64) -> String {
    format!("{} s", quantity(at))
}

/// Both plots; nothing where there are no records.
pub(super) fn timeline(report: &Report<'_>) -> Markup {
    let timeline = report.model.timeline();
    let (stretches, length) = (timeline.stretches(), timeline.stretch_ns() as f64 / NS);
    if stretches.is_empty() {
        return html! {};
    }
    let x = Axis::across(0.0, stretches.len() as f64 * length, false);
    html! {
        h2 { "Over time" }
        figure {
            (rates(stretches, length, x))
            figcaption.key {
                i style="background: var(--out)" {} "pages to the device"
                i style="background: var(--home)" {} "pages to the system"
                ", per second; one point for each " (seconds(length))
            }
        }
        figure {
            (heat(stretches, length, x))
            figcaption { "Migrations by duration of all their steps: the darker, the more" }
        }
    }
}

/// Pages to the device upwards from a line in the middle, pages home downwards.
fn rates(stretches: &[Stretch], length: f64, x: Axis) -> Markup {
    let rate = |stretch: &Stretch, direction: Direction| {
        stretch.arrived[direction as usize - 1] as f64 / length
    };
    let of = |direction| {
        stretches
            .iter()
            .map(move |stretch| rate(stretch, direction))
    };
    let most = of(Direction::ToDevice)
        .chain(of(Direction::ToSystem))
        .fold(1.0, f64::max);
    let y = Axis::up(-most, most, false);
    let area = |direction, sign: f64| -> String {
        let bar = |(at, rate): (usize, f64)| {
            let sides = (x.at(at as f64 * length), x.at((at + 1) as f64 * length));
            let (zero, end) = (y.at(0.0), y.at(sign * rate));
            rectangle(sides, (zero.max(end), zero.min(end)))
        };
        of(direction)
            .enumerate()
            .filter(|(_, rate)| *rate > 0.0)
            .map(bar)
            .collect()
    };
    let content = html! {
        path.out d=(area(Direction::ToDevice, 1.0)) {}
        path.home d=(area(Direction::ToSystem, -1.0)) {}
    };
    let about = "pages that arrived per second, to the device upwards, to the system downwards";
    plot(
        about,
        (x, &seconds),
        (y, &|pages| quantity(pages.abs())),
        content,
    )
}

/// A rectangle for each stretch of time and class of durations in which there is something.
fn heat(stretches: &[Stretch], length: f64, x: Axis) -> Markup {
    let counts = || stretches.iter().map(|stretch| stretch.counts(None));
    let used = |class: &usize| counts().any(|counts| counts[*class] > 0);
    let (first, last) = ((0..CLASSES).find(used), (0..CLASSES).rfind(used));
    let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
    let begin = |class: usize| class_begin(class).max(32) as f64;
    let end = if last + 1 < CLASSES {
        begin(last + 1)
    } else {
        begin(last) * 2.0
    };
    let y = Axis::up(begin(first), end, true);
    let most = counts().flatten().max().copied().unwrap_or(1);
    let mut shades = vec![String::new(); SHADES];
    for (at, counts) in counts().enumerate() {
        let sides = (x.at(at as f64 * length), x.at((at + 1) as f64 * length));
        for class in (first..=last).filter(|class| counts[*class] > 0) {
            let top = if class + 1 < CLASSES {
                begin(class + 1)
            } else {
                end
            };
            let shade = shade(counts[class], most);
            shades[shade] += &rectangle(sides, (y.at(begin(class)), y.at(top)));
        }
    }
    let content = html! {
        @for (shade, path) in shades.iter().enumerate() {
            path d=(path) style=(PreEscaped(format!("fill: rgba(var(--heat), {:.2})", (shade + 1) as f64 / SHADES as f64))) {}
        }
    };
    let about = "how many migrations took how long, over time";
    plot(
        about,
        (x, &seconds),
        (y, &|ns| duration(ns as u64)),
        content,
    )
}

/// The shade of a count, by its logarithm: what is rare shows.
fn shade(count: u32, most: u32) -> usize {
    let part = f64::from(count).ln_1p() / f64::from(most).ln_1p();
    ((part * SHADES as f64).ceil() as usize).clamp(1, SHADES) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_never_lighter() {
        let shades: Vec<_> = (1..=1000).map(|count| shade(count, 1000)).collect();
        assert!(shades.is_sorted());
        assert_eq!((shades[0], shades[999]), (0, SHADES - 1));
        assert_eq!(shade(1, 1), SHADES - 1);
    }
}
