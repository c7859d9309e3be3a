//! The help, over everything else.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph, Widget};

use super::super::canvas::Canvas;
use super::super::keys::Key;
use super::super::tab::Tab;
use super::super::theme::sign;
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

fn lines(canvas: &Canvas<'_>) -> Vec<Line<'static>> {
    let (app, theme) = (canvas.app, canvas.theme);
    let title = format!("Keys on {}", app.tab().name());
    let mut lines = vec![Line::styled(title, theme.title())];
    for (binding, keys) in app.config.keys.listed() {
        if !keys.is_empty() && binding.when.holds(app) {
            let keys: Vec<String> = keys.iter().map(Key::to_string).collect();
            lines.push(Line::from(vec![
                Span::styled(format!("{:<13}", keys.join(" ")), theme.key()),
                Span::raw(binding.long),
            ]));
        }
    }
    lines.extend(about(app.tab()).iter().map(|line| Line::raw(*line)));
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

/// What a tab shows that does not explain itself.
const fn about(tab: Tab) -> &'static [&'static str] {
    match tab {
        Tab::Overview => &[
            "",
            "Rates are the pages that arrived, per second, averaged over five seconds.",
        ],
        Tab::Steps => &[
            "",
            "The histogram's scale is logarithmic: four columns for each doubling.",
            "In the map below it, each shade stands for four times as many.",
        ],
        Tab::Batching => &[
            "",
            "time = per call + per page × pages requested, a line of least squares through the",
            "completed migrations of each direction and cause. Would have saved: the calls that were smaller, taken",
            "together to calls of this size, would have needed so much less time.",
        ],
        Tab::Pages => &[
            "",
            "In vain: of each migration's time, the part of the pages that were copied or made",
            "and thrown away. Ping-pong: pages that arrived on one side and moved back within a",
            "second; ≥ at least, ≤ at most, as nobody knows which pages of a call moved.",
        ],
        Tab::Processes | Tab::Drivers => &[
            "",
            "Arrived pages by direction; in vain: the time that went into wasted pages; time: all",
            "steps together; per page: the time of each page that arrived.",
        ],
        Tab::Migrations => &[
            "",
            "undone: rolled_back or rejected. began: since the counts began.",
        ],
        Tab::Findings => &[
            "",
            "Thresholds can be set in the configuration file, under [findings].",
        ],
    }
}

/// Draws the help in the middle, as large as there is room, without the lines `above` it.
pub(in crate::view) fn draw(canvas: &mut Canvas<'_>, above: usize, area: Rect) {
    let lines = lines(canvas);
    let widest = lines.iter().map(Line::width).max().unwrap_or(0) as u16;
    let width = area.width.min(widest + 4);
    let height = area.height.min(lines.len() as u16 + 2);
    let place = area.centered(
        ratatui::layout::Constraint::Length(width),
        ratatui::layout::Constraint::Length(height),
    );
    Clear.render(place, canvas.buffer);
    let hidden = (lines.len() + 2).saturating_sub(usize::from(height));
    let title = if hidden > 0 {
        " help: ↑↓ for more "
    } else {
        " help "
    };
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .title(title)
        .padding(ratatui::widgets::Padding::horizontal(1))
        .border_style(canvas.theme.title());
    Paragraph::new(lines)
        .block(block)
        .scroll((above.min(hidden) as u16, 0))
        .render(place, canvas.buffer);
}
