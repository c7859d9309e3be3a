//! Axes, and what is drawn between them, as SVG.

use maud::{Markup, html};

/// Size of a plot and the space around what is in it, pixels.
pub(super) const WIDTH: f64 = 640.0;
pub(super) const HEIGHT: f64 = 230.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// Ticks that are aimed at.
const TICKS: f64 = 5.0;

/// The values along one side of a plot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    log: bool,
    /// Where these are, pixels.
    ends: (f64, f64),
}

impl Axis {
    /// From left to right.
    pub(super) fn across(from: f64, to: f64, log: bool) -> Self {
        Self::new(from, to, log, (LEFT, WIDTH - RIGHT))
    }

    /// From the bottom up.
    pub(super) fn up(from: f64, to: f64, log: bool) -> Self {
        Self::new(from, to, log, (HEIGHT - BOTTOM, TOP))
    }

    fn new(from: f64, to: f64, log: bool, ends: (f64, f64)) -> Self {
        // An axis without length has no scale.
        let to = if to > from {
            to
        } else if log {
            from * 2.0
        } else {
            from + 1.0
        };
        Self {
            from,
            to,
            log,
            ends,
        }
    }

    /// Where a value is, pixels. What lies outside is at the end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let part = if self.log {
            (value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        let part = if part.is_nan() {
            0.0
        } else {
            part.clamp(0.0, 1.0)
        };
        self.ends.0 + part * (self.ends.1 - self.ends.0)
    }

    /// Round values, a few of them.
    pub(super) fn ticks(&self) -> Vec<f64> {
        if self.log {
            self.powers()
        } else {
            self.steps()
        }
    }

    fn powers(&self) -> Vec<f64> {
        let (first, last) = (
            self.from.log10().ceil() as i32,
            self.to.log10().floor() as i32,
        );
        let powers = (last - first + 1).max(0);
        if powers < 3 {
            return self.between_powers(first - 1, last);
        }
        let every = (f64::from(powers) / TICKS).ceil() as usize;
        let powers = (first..=last).step_by(every);
        powers.map(|power| 10f64.powi(power)).collect()
    }

    /// 1, 2 and 5 times each power, where there are few of those.
    fn between_powers(&self, first: i32, last: i32) -> Vec<f64> {
        let powers = (first..=last).map(|power| 10f64.powi(power));
        let all = powers.flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * power));
        all.filter(|tick| (self.from..=self.to).contains(tick))
            .collect()
    }

    fn steps(&self) -> Vec<f64> {
        let rough = (self.to - self.from) / TICKS;
        let power = 10f64.powf(rough.log10().floor());
        let factors = [1.0, 2.0, 5.0, 10.0];
        let step = factors
            .iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let (first, last) = (
            (self.from / step).ceil() as i64,
            (self.to / step).floor() as i64,
        );
        (first..=last).map(|number| number as f64 * step).collect()
    }
}

/// A plot of `content` with its axes. `about` says what it shows, to those who cannot see it.
pub(super) fn plot(
    about: &str,
    (x, x_label): (Axis, &dyn Fn(f64) -> String),
    (y, y_label): (Axis, &dyn Fn(f64) -> String),
    content: Markup,
) -> Markup {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(about) {
            @for tick in y.ticks() {
                path.axis d=(format!("M{LEFT} {:.1}H{right}", y.at(tick))) {}
                text x=(LEFT - 6.0) y=(format!("{:.1}", y.at(tick) + 4.0)) text-anchor="end" { (y_label(tick)) }
            }
            @for tick in x.ticks() {
                path.axis d=(format!("M{:.1} {bottom}v4", x.at(tick))) {}
                text x=(format!("{:.1}", x.at(tick))) y=(HEIGHT - 8.0) text-anchor="middle" { (x_label(tick)) }
            }
            (content)
            path.axis d=(format!("M{LEFT} {TOP}V{bottom}H{right}")) {}
        }
    }
}

/// A rectangle as part of a path: many of them in one are small.
pub(super) fn rectangle((left, right): (f64, f64), (low, high): (f64, f64)) -> String {
    let (width, height) = (right - left, low - high);
    format!("M{left:.1} {high:.1}h{width:.1}v{height:.1}h-{width:.1}z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_between_the_ends() {
        let axis = Axis::across(1.0, 1000.0, true);
        assert_eq!(axis.at(1.0), LEFT);
        assert_eq!(axis.at(1e9), WIDTH - RIGHT);
        assert!((axis.at(31.622_776) - (LEFT + WIDTH - RIGHT) / 2.0).abs() < 0.01);
        assert_eq!(Axis::up(0.0, 0.0, false).at(0.0), HEIGHT - BOTTOM);
        assert_eq!(Axis::up(1.0, 1.0, true).at(f64::NAN), HEIGHT - BOTTOM);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(
            Axis::up(0.0, 10.0, false).ticks(),
            [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        );
        assert_eq!(Axis::up(0.0, 0.03, false).ticks().len(), 4);
        assert_eq!(Axis::up(5.0, 2000.0, true).ticks(), [10.0, 100.0, 1000.0]);
        assert_eq!(Axis::up(30.0, 300.0, true).ticks(), [50.0, 100.0, 200.0]);
        let wide = Axis::up(1.0, 1e18, true).ticks();
        assert!((3..=6).contains(&wide.len()), "{wide:?}");
        let huge = Axis::up(0.0, u64::MAX as f64, false).ticks();
        assert!((3..=7).contains(&huge.len()), "{huge:?}");
    }
}
