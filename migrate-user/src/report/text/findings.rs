//! What the figures mean, and what a reader should know before trusting them.

use anstyle::{AnsiColor, Style};

use super::Report;
use super::page::Page;
use crate::figures;
use crate::insight::{Finding, Severity};
use crate::model::Model;
use crate::text::{counted, printable};
use crate::trace::Facts;

pub(super) fn findings(report: &Report<'_>, page: &mut Page) {
    if report.model.totals().migrations() == 0 {
        return;
    }
    page.head("Findings");
    if report.findings.is_empty() {
        page.line(if report.unjudged.is_empty() {
            "  None: nothing stands out."
        } else {
            "  None in what could be judged."
        });
    }
    for reason in &report.unjudged {
        page.paragraph("  Not judged: ", reason);
    }
    for finding in &report.findings {
        one(finding, page);
    }
}

fn one(finding: &Finding, page: &mut Page) {
    let severity = page.styled(style(finding.severity), finding.severity.name());
    page.line(format!("  {severity}: {}", finding.kind.name()));
    page.paragraph("    ", &finding.what);
    for evidence in &finding.evidence {
        page.paragraph("    - ", evidence);
    }
    page.paragraph("    Cost: ", &finding.cost);
    for (at, advice) in finding.try_this.iter().enumerate() {
        page.paragraph(if at == 0 { "    Try:  " } else { "          " }, advice);
    }
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Serious => AnsiColor::Red.on_default().bold(),
        Severity::Notable => AnsiColor::Yellow.on_default(),
        Severity::Minor => Style::new(),
    }
}

pub(super) fn remarks(report: &Report<'_>, page: &mut Page) {
    remarks_of(report.model)
        .iter()
        .for_each(|remark| page.line(remark));
}

/// Why there is no figure.
fn nothing(model: &Model) -> &'static str {
    if figures::are_unknown(model) {
        figures::UNKNOWN
    } else if model.coverage().chosen.is_none() {
        "No migration was recorded. Is a driver loaded that migrates to device memory, and a program running \
         that uses it?"
    } else if figures::lack_records(model) {
        "The filter lets no recorded migration through; whether any other is unknown."
    } else {
        "The filter lets no migration through."
    }
}

/// What a reader should know before trusting the figures.
pub(in super::super) fn remarks_of(model: &Model) -> Vec<String> {
    let mut remarks = Vec::new();
    if model.totals().migrations() == 0 {
        remarks.push(nothing(model).to_owned());
    }
    if let Some(unaccounted) = model.unaccounted().filter(|number| *number > 0) {
        remarks.push(format!(
                "{} ended, and are neither here nor among the lost: the recording was cut before they were written.",
                counted(unaccounted, "migration", "migrations")
            ));
    }
    remarks.extend(limits_of(model.facts()));
    remarks
}

/// What this kernel does not let be known, whatever ran.
pub(in super::super) fn limits_of(facts: &Facts) -> Vec<String> {
    let mut remarks = Vec::new();
    for function in &facts.not_hooked {
        let unknown = match function.as_str() {
            "migrate_device_unmap" => "why pages were skipped",
            _ => "migrations that use it, if this kernel has any",
        };
        remarks.push(format!(
            "{} could not be watched on this kernel; unknown: {unknown}.",
            printable(function)
        ));
    }
    if facts.coarse_clock() {
        remarks.push(
                "The kernel's clock ticked too coarsely for the durations above to mean much (see Clock)."
                    .to_owned(),
            );
    }
    remarks
}
