//! What a call costs, and what a page.

use maud::{Markup, html};

use super::super::Report;
use super::plot::{Axis, plot};
use crate::figures::{self, COSTS, cost};
use crate::model::{Fit, Group, Size};
use crate::text::{counted, duration, quantity};
use crate::trace::Step;

/// Points of the curve.
const POINTS: u32 = 64;

pub(super) fn batching(report: &Report<'_>) -> Markup {
    let batching = report.model.batching();
    let sizes: Vec<_> = batching
        .sizes(None)
        .filter(|size| size.arrived > 0)
        .collect();
    let groups = batching.groups();
    let fits: Vec<_> = groups
        .iter()
        .filter_map(|group| Some((*group, batching.fit(None, *group)?)))
        .collect();
    // A curve is that of one kind of calls.
    let fit = fits.first().filter(|_| groups.len() == 1);
    let fit = fit.map(|(_, fit)| *fit);
    if sizes.is_empty() {
        return html! {};
    }
    html! {
        h2 { "Batching" }
        div.plots {
            figure {
                (per_page(&sizes, fit.as_ref()))
                figcaption {
                    "Time per page asked for, by how many of them a call asks for; the larger the circle, the more calls"
                    @if fit.is_some() { "; the curve is what the costs beside give" }
                    @if figures::lack_records(report.model) { "; " (figures::OF_RECORDED) }
                }
            }
            @for (group, fit) in &fits {
                (costs(report, *group, fit))
            }
            @if batching.is_by_result() {
                p.quiet { "These migrations were chosen by how they went: what a call costs is unknown." }
            } @else if fits.is_empty() {
                p.quiet { "What a call costs by itself does not show: it takes calls of several sizes." }
            } @else {
                p.quiet { (COSTS) }
            }
        }
    }
}

/// The average size of the calls.
fn pages(size: &Size) -> f64 {
    size.requested as f64 / size.calls as f64
}

fn per_page(sizes: &[Size], fit: Option<&Fit>) -> Markup {
    let time = |size: &Size| (size.time_ns as f64 / size.requested as f64).max(1.0);
    let times: Vec<_> = sizes.iter().map(time).collect();
    let (least, most) = (
        times.iter().copied().fold(f64::MAX, f64::min),
        times.iter().copied().fold(1.0, f64::max),
    );
    let largest = sizes.iter().map(pages).fold(1.0, f64::max);
    let x = Axis::across(0.8, largest * 1.25, true);
    let y = Axis::up(least / 1.5, most * 1.5, true);
    let calls = sizes.iter().map(|size| size.calls).max().unwrap_or(1) as f64;
    let radius = |size: &Size| 3.0 + 6.0 * (size.calls as f64 / calls).sqrt();
    let content = html! {
        @if let Some(curve) = fit.map(|fit| curve(fit, largest, x, y)) {
            path.curve d=(curve) {}
        }
        @for (size, ns) in sizes.iter().zip(&times) {
            circle.out cx=(format!("{:.1}", x.at(pages(size)))) cy=(format!("{:.1}", y.at(*ns))) r=(format!("{:.1}", radius(size))) {
                title { (tooltip(size, *ns)) }
            }
        }
    };
    let about = "time per page by pages that a call asks for";
    plot(
        about,
        (x, &quantity),
        (y, &|ns| duration(ns as u64)),
        content,
    )
}

/// What a circle stands for.
fn tooltip(size: &Size, ns: f64) -> String {
    let pages = match pages(size) {
        1.0 => "1 page".to_owned(),
        pages => format!("{} pages", quantity(pages)),
    };
    format!(
        "{} of about {pages}: {} per page asked for",
        counted(size.calls, "call", "calls"),
        duration(ns as u64)
    )
}

fn curve(fit: &Fit, largest: f64, x: Axis, y: Axis) -> String {
    let points = (0..=POINTS).filter_map(|point| {
        let pages = largest.powf(f64::from(point) / f64::from(POINTS));
        let ns = fit.time_ns(pages) / pages;
        (ns > 0.0).then(|| format!("{:.1} {:.1}", x.at(pages), y.at(ns)))
    });
    let points: Vec<_> = points.collect();
    if points.is_empty() {
        String::new()
    } else {
        format!("M{}", points.join("L"))
    }
}

fn costs(report: &Report<'_>, group: Group, all: &Fit) -> Markup {
    let batching = report.model.batching();
    let steps = Step::ALL
        .into_iter()
        .filter_map(|step| Some((step.name(), batching.fit(Some(step), group)?)));
    html! {
        div.scroll {
            table {
                thead { tr { th { (group.name()) } th { "per call" } th { "per page" } } }
                tbody {
                    @for (name, fit) in steps.chain([("all together", *all)]) {
                        tr {
                            td { (name) }
                            td { (cost(fit.fixed())) }
                            td { (cost(fit.per_page())) }
                        }
                    }
                }
            }
            @if let Some(pages) = all.break_even_pages() {
                p.quiet { "With " (quantity(pages)) " pages, a call costs as much as its pages do." }
            }
        }
    }
}
