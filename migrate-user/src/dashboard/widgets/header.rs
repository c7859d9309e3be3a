//! The first line: what is watched, for how long, and what was lost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::super::app::App;
use super::super::cell::shorten;
use super::super::theme::Theme;
use crate::figures;
use crate::text::{clock, count, percent, printable};

/// Draws the line. Losses have the right end, and what is watched gets the room that they leave.
pub(in crate::dashboard) fn draw(app: &App, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let right = right(app, theme, area.width);
    let room = usize::from(area.width).saturating_sub(right.width() + 1);
    let name = Span::styled("migscope", theme.title());
    if name.width() <= room {
        let elapsed = elapsed(app, room - name.width());
        let about = about(app, room - name.width(), &elapsed);
        let style = if app.of_ns().is_some() {
            theme.key()
        } else {
            Style::new()
        };
        let elapsed = Span::styled(elapsed, style);
        Line::from(vec![name, Span::raw(about), elapsed]).render(area, buffer);
    }
    right.right_aligned().render(area, buffer);
}

/// What is watched, with `elapsed` in at most `room` columns.
fn about(app: &App, room: usize, elapsed: &str) -> String {
    let facts = app.shown().facts();
    let (host, kernel) = (printable(&facts.host), printable(&facts.kernel));
    let name = printable(&app.name);
    let whole = format!(" {name} · {host} · Linux {kernel} · ");
    if Line::raw(whole.as_str()).width() + elapsed.len() <= room {
        return whole;
    }
    // A name of which less is left says nothing.
    let name_room = room.saturating_sub(elapsed.len() + 2);
    if name_room >= 4 {
        format!(" {} ", shorten(&name, name_room))
    } else {
        " ".to_owned()
    }
}

/// How much time is shown, and where that is not the whole run, of how much: what `room` columns
/// have room for.
fn elapsed(app: &App, room: usize) -> String {
    let shown = clock(app.shown().elapsed_ns());
    let forms = match app.of_ns() {
        // The window is longer than the run so far.
        Some(of_ns) if clock(of_ns) == shown => vec![format!("all {shown}"), shown],
        Some(of_ns) => vec![
            format!("last {shown} of {}", clock(of_ns)),
            format!("last {shown}"),
        ],
        None => vec![shown],
    };
    let fits = |text: &String| text.len() < room;
    forms.into_iter().find(fits).unwrap_or_default()
}

/// What was lost, always, also when it is nothing; what else went wrong, when it did and as far as
/// it fits; the tracer's own time, where there is plenty of room.
fn right(app: &App, theme: Theme, width: u16) -> Line<'static> {
    let model = app.shown();
    let Some(losses) = model.losses() else {
        return Line::from(Span::styled("lost: unknown", theme.quiet()));
    };
    let lost = losses.lost();
    let style = if lost == 0 {
        theme.good()
    } else {
        theme.alarm()
    };
    // The tracer does not tell when.
    let of = if app.of_ns().is_some() && width >= 60 {
        " in all"
    } else {
        ""
    };
    // A style of the line's own would be all of the screen's first line's.
    let mut line = Line::from(Span::styled(format!("{} lost{of}", count(lost)), style));
    let unbalanced = [("unbalanced", model.totals().unbalanced())];
    let named = unbalanced.into_iter().chain(losses.beside_lost());
    let named = named.filter(|(_, number)| *number > 0);
    let named = named.map(|(name, number)| format!("{} {name}", count(number)));
    for trouble in named.chain(figures::waits::lost(&losses)) {
        let trouble = Span::styled(format!(" · {trouble}"), theme.alarm());
        if line.width() + trouble.width() > usize::from(width) {
            line.push_span(Span::styled(" !", theme.alarm()));
            return line;
        }
        line.push_span(trouble);
    }
    if let Some(share) = model.probe_share().filter(|_| width > 90) {
        let text = format!(" · tracer's own time {}", percent(share));
        line.push_span(Span::styled(text, theme.quiet()));
    }
    line
}

/// Draws what the user should know, as far as there is room.
pub(in crate::dashboard) fn notices(
    notices: &[String],
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.is_empty() || notices.is_empty() {
        return;
    }
    let text = format!(" {} ", notices.join(" · "));
    let text = shorten(&text, usize::from(area.width));
    buffer.set_string(area.x, area.y, text, theme.notice());
}
