//! How the durations of each step are spread.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::Report;
use super::plot::{Axis, plot, rectangle};
use crate::model::Distribution;
use crate::text::{duration, quantity};
use crate::trace::{Figure, Step};

/// Bars in a power of two.
const PARTS: f64 = 4.0;

/// A plot for each step, and one for all of them together.
pub(super) fn histograms(report: &Report<'_>) -> Markup {
    let steps = report.model.steps();
    let all = Step::ALL
        .into_iter()
        .map(|step| (step.name(), steps.of(step, None)));
    let all = all.chain([("all together", steps.of(Figure::Total, None))]);
    html! {
        div.plots {
            @for (name, times) in all.filter(|(_, times)| times.count() > 0) {
                figure {
                    (histogram(name, "migrations", &times))
                    figcaption { (name) ": migrations by duration; dashed: median and p99" }
                }
            }
        }
    }
}

/// How many of something took how long.
pub(super) fn histogram(name: &str, what: &str, times: &Distribution) -> Markup {
    let mut bars = BTreeMap::<i32, u64>::new();
    for (value, count) in times.values() {
        let bar = ((value.max(1) as f64).log2() * PARTS).floor() as i32;
        *bars.entry(bar).or_default() += count;
    }
    let begin = |bar: i32| (f64::from(bar) / PARTS).exp2();
    let (first, last) = (bars.keys().next(), bars.keys().next_back());
    let (first, last) = (first.copied().unwrap_or(0), last.copied().unwrap_or(0));
    let most = bars.values().max().copied().unwrap_or(1);
    let x = Axis::across(begin(first), begin(last + 1), true);
    let y = Axis::up(0.0, most as f64, false);
    let path: String = bars
        .iter()
        .map(|(bar, count)| {
            let sides = (x.at(begin(*bar)), x.at(begin(bar + 1)));
            rectangle(sides, (y.at(0.0), y.at(*count as f64)))
        })
        .collect();
    let marks = [0.5, 0.99]
        .into_iter()
        .filter_map(|quantile| times.quantile(quantile));
    let content = html! {
        path.out d=(path) {}
        @for ns in marks {
            path.mark d=(format!("M{0:.1} {1:.1}V{2:.1}", x.at(ns as f64), y.at(0.0), y.at(most as f64))) {}
        }
    };
    let about = format!("{name}: how many {what} took how long");
    plot(
        &about,
        (x, &|ns| duration(ns as u64)),
        (y, &quantity),
        content,
    )
}
