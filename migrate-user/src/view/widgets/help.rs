//! The help, over everything else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph, Widget, Wrap};

use super::super::keys::KEYS;
use super::super::theme::{Theme, sign};
use crate::model::ledger::Row;

/// What each row of the ledger means, in a few words.
const fn meaning(row: Row) -> &'static str {
    match row {
        Row::Moved => "now at their destination",
        Row::Populated => "holes in which the driver made a page",
        Row::Skipped => "absent, pinned or busy",
        Row::Declined => "the driver gave no destination",
        Row::WastedCopy => "copied, and the copy was thrown away",
        Row::WastedFill => "made for a hole, and thrown away",
        Row::RolledBack => "collected, then put back by the driver",
        Row::Rejected => "the kernel refused the call",
    }
}

fn lines(theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for key in KEYS {
        lines.push(Line::from(vec![
            Span::styled(format!("{:<15}", key.key), theme.key()),
            Span::raw(key.long),
        ]));
    }
    lines.push(Line::default());
    lines.push(Line::styled("Pages", theme.title()));
    for row in Row::ALL {
        lines.push(Line::from(vec![
            Span::styled(sign(row).to_string(), theme.row(row)),
            Span::raw(format!(" {:<13}{}", row.name(), meaning(row))),
        ]));
    }
    lines.push(Line::default());
    lines.push(Line::styled("Steps", theme.title()));
    for (step, whose) in [
        ("setup", "kernel: collect, lock, unmap"),
        ("alloc_and_copy", "driver: allocate, copy"),
        ("pages", "kernel: move struct page"),
        (
            "finalize_and_map",
            "driver: map; some wait for the copy here",
        ),
        ("finalize", "kernel: CPU page tables, unlock"),
    ] {
        lines.push(Line::raw(format!("{step:<18}{whose}")));
    }
    lines
}

/// Draws the help in the middle, as large as there is room.
pub(in crate::view) fn draw(theme: Theme, area: Rect, buffer: &mut Buffer) {
    let lines = lines(theme);
    let width = area
        .width
        .min(lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 4);
    let height = area.height.min(lines.len() as u16 + 2);
    let place = area.centered(
        ratatui::layout::Constraint::Length(width),
        ratatui::layout::Constraint::Length(height),
    );
    Clear.render(place, buffer);
    let mut block = Block::bordered()
        .border_type(BorderType::Rounded)
        .title(" help ");
    block = block
        .padding(ratatui::widgets::Padding::horizontal(1))
        .border_style(theme.title());
    Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .block(block)
        .render(place, buffer);
}
