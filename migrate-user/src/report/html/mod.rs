//! One page of HTML with everything in it: no script, no request, light or dark as the reader's
//! system is.

mod batching;
mod copies;
mod histograms;
mod mappings;
mod phases;
mod plot;
mod tables;
mod timeline;
mod waits;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Report;
use super::text::{covers, losses, remarks};
use crate::figures;
use crate::insight::Finding;
use crate::text::{bytes, count, duration, percent};
use crate::trace::ledger::{arrived, wasted};

const STYLE: &str = include_str!("style.css");

/// Nothing may be loaded, and no script run: names of processes come from outside.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The page.
pub(super) fn html(report: &Report<'_>) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Without an icon of its own, a browser asks the server for one.
                link rel="icon" href="data:,";
                title { "migscope report of " (report.name) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (heading(report))
                @if !figures::are_unknown(report.model) { (figures(report)) }
                (footer(report))
            }
        }
    };
    page.into_string()
}

/// All that there are figures of.
fn figures(report: &Report<'_>) -> Markup {
    html! {
        (tiles(report))
        (findings(report))
        (tables::ledger(report))
        (tables::steps(report))
        (copies::copies(report))
        (histograms::histograms(report))
        (timeline::timeline(report))
        (waits::waits(report))
        (batching::batching(report))
        @if figures::lack_records(report.model) {
            p.quiet { "All below is " (figures::OF_RECORDED) "." }
        }
        (tables::who(report))
        (mappings::mappings(report))
        (phases::phases(report))
        (tables::ping_pong(report))
        (tables::slowest(report))
    }
}

fn heading(report: &Report<'_>) -> Markup {
    let (model, facts) = (report.model, report.model.facts());
    let source = facts.clocksource.as_deref().unwrap_or("unknown");
    html! {
        h1 { "migscope report of " (report.name) }
        dl {
            dt { "Time" } dd { (figures::time(model)) }
            dt { "Machine" } dd { (facts.host) ", Linux " (facts.kernel) }
            dt { "Recorded" } dd { (figures::recorded(model)) ", by migscope " (facts.tracer) }
            dt { "Clock" } dd { (facts.clock) ", driven by " (source) }
            dt { "Page size" } dd { (count(facts.page_size)) " bytes" }
            dt { "Covers" } dd { (covers(model)) }
            dt { "Lost" } dd { (losses(model)) }
            dt { "Unbalanced" } dd { (figures::unbalanced(model)) }
            @for note in report.notes() { dt { "Note" } dd { (note) } }
        }
    }
}

fn tiles(report: &Report<'_>) -> Markup {
    let model = report.model;
    let ledger = model.totals().ledger(None);
    let page = model.facts().page_size as f64;
    let (arrived, wasted) = (arrived(&ledger), wasted(&ledger));
    let tried = arrived.saturating_add(wasted).max(1);
    let total_ns = model.steps().total_ns(None);
    let rate = model.average(None).map_or(0.0, |rate| rate.pages * page);
    let at_least = if figures::are_at_least(model) {
        ", at least: of the recorded migrations"
    } else {
        ""
    };
    let tiles = [
        (count(model.totals().migrations()), "migrations".to_owned()),
        (
            count(arrived),
            format!("pages arrived ({})", bytes(arrived as f64 * page)),
        ),
        (
            format!("{}/s", bytes(rate)),
            format!("on average{at_least}"),
        ),
        (
            duration(total_ns),
            format!("in migrations, all threads together{at_least}"),
        ),
        (
            total_ns
                .checked_div(arrived)
                .map_or_else(|| "–".to_owned(), duration),
            "per page that arrived".to_owned(),
        ),
        (
            percent(wasted as f64 / tried as f64),
            "of what was copied or made, in vain".to_owned(),
        ),
    ];
    html! {
        div.tiles {
            @for (number, what) in tiles {
                div.tile { b { (number) } (what) }
            }
        }
    }
}

fn findings(report: &Report<'_>) -> Markup {
    html! {
        h2 { "Findings" }
        @if report.findings.is_empty() {
            @if report.unjudged.is_empty() {
                p { "None: nothing stands out." }
            } @else {
                p { "None in what could be judged." }
            }
        }
        @for reason in &report.unjudged {
            p.quiet { "Not judged: " (reason) "." }
        }
        @for finding in &report.findings {
            (one(finding))
        }
    }
}

fn one(finding: &Finding) -> Markup {
    html! {
        div class={ "finding " (finding.severity.name()) } {
            h3 { (finding.severity.name()) ": " (finding.kind.name()) }
            p { (finding.what) }
            ul { @for evidence in &finding.evidence { li { (evidence) } } }
            p { b { "Cost: " } (finding.cost) }
            p { b { "Try:" } }
            ul { @for advice in &finding.try_this { li { (advice) } } }
        }
    }
}

fn footer(report: &Report<'_>) -> Markup {
    html! {
        footer {
            @for remark in remarks(report.model) { p { (remark) } }
            p { "Made by migscope " (env!("CARGO_PKG_VERSION")) ". Pages are base pages." }
        }
    }
}
