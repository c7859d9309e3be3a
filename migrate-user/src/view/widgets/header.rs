//! The first line: what is watched, for how long, and what was lost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::super::app::App;
use super::super::table::shorten;
use super::super::theme::Theme;
use crate::model::Model;
use crate::text::{clock, count, percent, printable};

/// Draws the line. Losses have the right end, and what is watched gets the room that they leave.
pub(in crate::view) fn draw(app: &App, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let model = app.shown();
    let mut right = losses(model, theme);
    if usize::from(area.width) > 90 {
        right.extend(probe(model, theme));
    }
    let right = Line::from(right);
    let room = usize::from(area.width).saturating_sub(right.width() + 1);
    let facts = model.facts();
    let elapsed = clock(model.elapsed_ns());
    let about = format!(
        "{} · {} · Linux {} · {elapsed}",
        app.name,
        printable(&facts.host),
        printable(&facts.kernel)
    );
    let mut left = vec![Span::styled("migscope", theme.title())];
    let about_room = room.saturating_sub("migscope ".len());
    if about_room >= about.chars().count() {
        left.push(Span::raw(format!(" {about}")));
    } else if about_room >= elapsed.len() {
        let name_room = about_room - elapsed.len();
        let name = if name_room > 4 {
            shorten(&app.name, name_room - 1) + " "
        } else {
            String::new()
        };
        left.push(Span::raw(format!(" {name}{elapsed}")));
    }
    Line::from(left).render(
        Rect {
            width: room.min(usize::from(area.width)) as u16,
            ..area
        },
        buffer,
    );
    right.right_aligned().render(area, buffer);
}

/// What was lost, always, also when it is nothing; what else went wrong, when it did.
fn losses(model: &Model, theme: Theme) -> Vec<Span<'static>> {
    let Some(losses) = model.losses() else {
        return vec![Span::styled("lost: unknown", theme.quiet())];
    };
    let lost = losses.lost();
    let style = if lost == 0 {
        theme.good()
    } else {
        theme.alarm()
    };
    let mut spans = vec![Span::styled(format!("{} lost", count(lost)), style)];
    let mut more = |number: u64, name: &str| {
        if number > 0 {
            spans.push(Span::styled(
                format!(" · {} {name}", count(number)),
                theme.alarm(),
            ));
        }
    };
    more(model.totals().unbalanced(), "unbalanced");
    for (name, number) in losses.beside_lost() {
        more(number, name);
    }
    spans
}

/// The tracer's own time.
fn probe(model: &Model, theme: Theme) -> Option<Span<'static>> {
    let share = model.probe_share()?;
    Some(Span::styled(
        format!(" · tracer's own time {}", percent(share)),
        theme.quiet(),
    ))
}

/// Draws what the user should know, as far as there is room.
pub(in crate::view) fn notices(notices: &[String], theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() || notices.is_empty() {
        return;
    }
    let text = format!(" {} ", notices.join(" · "));
    let text = shorten(&text, usize::from(area.width));
    buffer.set_string(area.x, area.y, text, theme.notice());
}
