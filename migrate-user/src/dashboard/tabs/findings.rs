//! What is wrong, what it costs, and what to try.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::action::Action;
use super::super::canvas::{Canvas, with_x};
use super::super::tab::Tab;
use super::super::theme::Theme;
use crate::insight::{Finding, Kind, Severity, findings, unjudged};
use crate::text::{counted, printable, wrapped};

/// A sign and a style: how bad it is shows without colours too.
fn mark(severity: Severity, theme: Theme) -> (&'static str, Style) {
    match severity {
        Severity::Serious => ("!!", theme.alarm()),
        Severity::Notable => ("!", theme.warning()),
        Severity::Minor => ("·", theme.quiet()),
    }
}

fn all(canvas: &Canvas<'_>) -> Vec<Finding> {
    findings(canvas.model, &canvas.app.settings.findings)
}

/// How the run is doing, in a few words, and what was not judged.
fn health(canvas: &Canvas<'_>, findings: &[Finding]) -> String {
    let unjudged = unjudged(canvas.model, &canvas.app.settings.findings);
    match (findings.is_empty(), unjudged.first()) {
        (true, Some(reason)) => reason.clone(),
        (false, Some(reason)) => format!("{} · {reason}", counts(findings)),
        (_, None) => counts(findings),
    }
}

fn counts(findings: &[Finding]) -> String {
    let number =
        |severity: Severity| findings.iter().filter(|f| f.severity == severity).count() as u64;
    match (
        number(Severity::Serious),
        number(Severity::Notable),
        findings.len(),
    ) {
        (.., 0) => "none: nothing stands out".to_owned(),
        (0, 0, minor) => counted(minor as u64, "minor finding", "minor findings"),
        (serious, notable, all) => {
            let minor = all as u64 - serious - notable;
            format!("{serious} serious, {notable} notable, {minor} minor, worst first")
        }
    }
}

/// Columns before what a finding is.
const KINDS: usize = 20;

/// A finding in a line.
fn head(finding: &Finding, theme: Theme) -> Line<'static> {
    let (sign, style) = mark(finding.severity, theme);
    let name = format!(
        "{sign:<2} {:<width$}",
        finding.kind.name(),
        width = KINDS - 3
    );
    Line::from(vec![
        Span::styled(name, style),
        Span::raw(printable(&finding.what)),
    ])
}

/// Columns before what a finding says.
const NAMES: usize = 12;

/// A line under a finding, after its name.
fn detail(name: &str, text: &str, theme: Theme) -> Line<'static> {
    let name = format!("  {name:<width$}", width = NAMES - 2);
    Line::from(vec![
        Span::styled(name, theme.quiet()),
        Span::raw(printable(text)),
    ])
}

/// Draws the worst ones, in as many lines as there are: what each is, then what it costs and what
/// to try.
pub(super) fn summary(canvas: &mut Canvas<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let found = all(canvas);
    if canvas.model.totals().migrations() == 0 {
        return;
    }
    let area = canvas.title(area, "Findings", &health(canvas, &found));
    let theme = canvas.theme;
    // The worst ones get more than a line, where there is room.
    let roomy = usize::from(area.height).saturating_sub(found.len()) / 2;
    let mut lines = Vec::new();
    for (at, finding) in found.iter().enumerate() {
        lines.push(head(finding, theme));
        if at < roomy {
            lines.push(detail("costs", &finding.cost, theme));
            let tips = finding.try_this.first();
            lines.extend(tips.map(|tip| detail("try", tip, theme)));
        }
    }
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        canvas.buffer.set_line(area.x, y, line, area.width);
        // Where it is cut off, a sign says so.
        if line.width() > usize::from(area.width) {
            let end = with_x(Rect { y, ..area }, area.right() - 1);
            canvas.put(end, "…", Style::new());
        }
    }
    canvas.spot(area, Action::Show(Tab::Findings));
}

/// Draws all of them, with everything.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let found = all(canvas);
    if canvas.model.totals().migrations() == 0 {
        let area = canvas.title(area, "Findings", "");
        return canvas.nothing(area);
    }
    let mut about = health(canvas, &found);
    if canvas.app.of_ns().is_some() && found.iter().any(|f| f.kind == Kind::RecordsLost) {
        about += " · what was lost is of the whole run";
    }
    let page = canvas.page(area);
    let (width, theme) = (usize::from(page.width), canvas.theme);
    let blocks = found.iter().map(|finding| lines(finding, width, theme));
    let lines: Vec<_> = blocks.collect::<Vec<_>>().join(&Line::default());
    let above = canvas.app.view.above();
    canvas.scrolled(page, lines.len() + 1, above, |canvas, area| {
        let area = canvas.title(area, "Findings", &about);
        canvas.put_lines(area, &lines);
    });
}

fn lines(finding: &Finding, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let first = wrapped(&finding.what, width.saturating_sub(KINDS));
    let mut what = first.into_iter();
    let short = Finding {
        what: what.next().unwrap_or_default(),
        ..finding.clone()
    };
    let mut lines = vec![head(&short, theme)];
    lines.extend(what.map(|text| Line::raw(" ".repeat(KINDS) + &printable(&text))));
    let evidence = finding.evidence.iter().map(|text| ("evidence", text));
    let tips = finding.try_this.iter().map(|text| ("try", text));
    for (name, text) in evidence.chain([("costs", &finding.cost)]).chain(tips) {
        let name = std::iter::once(name).chain(std::iter::repeat(""));
        let texts = wrapped(text, width.saturating_sub(NAMES));
        lines.extend(
            name.zip(texts)
                .map(|(name, text)| detail(name, &text, theme)),
        );
    }
    lines
}
