//! The help, over everything else.

use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Widget};

use super::super::canvas::Canvas;
use super::super::keys::Key;
use super::super::theme::sign;
use crate::text::wrapped;
use crate::trace::{Step, ledger::Row};

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

/// What the mouse does.
const MOUSE: [(&str, &str); 6] = [
    ("tab, key below", "what its key does"),
    (
        "head of a column",
        "sort by it; once more, the other way round",
    ),
    ("row", "choose it; once more, open it"),
    ("line of a replay", "jump there"),
    ("wheel", "three rows or lines up or down"),
    (
        "Shift",
        "held down, the terminal marks text as without migscope",
    ),
];

const STEPS: [(&str, &str); Step::COUNT] = [
    ("setup", "kernel: collect, lock, unmap"),
    ("alloc_and_copy", "driver: allocate, copy"),
    ("pages", "kernel: move struct page"),
    (
        "finalize_and_map",
        "driver: map; some wait for the copy here",
    ),
    ("finalize", "kernel: CPU page tables, unlock"),
];

/// The help in lines of at most `width` columns.
fn lines(canvas: &Canvas<'_>, width: usize) -> Vec<Line<'static>> {
    let (app, theme) = (canvas.app, canvas.theme);
    let keys = app.settings.keys.listed();
    let keys =
        keys.filter(|(binding, keys)| !keys.is_empty() && binding.when.holds(app.situation()));
    let keys = keys.flat_map(|(binding, keys)| {
        let names: Vec<String> = keys.iter().map(Key::to_string).collect();
        entry((&names.join(" "), theme.key(), 13), binding.long, width)
    });
    let mouse = MOUSE
        .into_iter()
        .flat_map(|(place, does)| entry((place, theme.key(), 18), does, width));
    let rows = Row::ALL.into_iter().flat_map(|row| {
        let name = format!("{} {}", sign(row), row.name());
        entry((&name, theme.row(row), 15), meaning(row), width)
    });
    let steps = STEPS
        .into_iter()
        .flat_map(|(step, whose)| entry((step, Style::new(), 18), whose, width));
    let title = |text: String| Line::styled(text, theme.title());
    let mut lines = vec![title(format!("Keys on {}", app.tab().name()))];
    lines.extend(keys);
    lines.push(Line::default());
    lines.extend(wrapped(app.tab().about(), width).into_iter().map(Line::raw));
    lines.extend([Line::default(), title("Mouse, on a".to_owned())]);
    lines.extend(mouse);
    lines.extend([Line::default(), title("Pages".to_owned())]);
    lines.extend(rows);
    lines.extend([Line::default(), title("Steps".to_owned())]);
    lines.extend(steps);
    lines
}

/// What something is called, in a column of its own, and what it is. Where there is little room
/// beside the name, it is below.
fn entry(
    (name, style, column): (&str, Style, usize),
    text: &str,
    width: usize,
) -> Vec<Line<'static>> {
    let used = Line::raw(name).width();
    let is_below = used >= column || width < column + BESIDE;
    let indent = if is_below { 2 } else { column };
    let mut texts = wrapped(text, width.saturating_sub(indent)).into_iter();
    let mut first = vec![Span::styled(name.to_owned(), style)];
    if !is_below {
        let beside = texts.next().unwrap_or_default();
        first.push(Span::raw(" ".repeat(column - used) + &beside));
    }
    let rest = texts.map(|text| Line::raw(" ".repeat(indent) + &text));
    std::iter::once(Line::from(first)).chain(rest).collect()
}

/// Columns in which a text can be read.
const BESIDE: usize = 20;

/// The widest that lines are to read well.
const WIDEST: u16 = 100;

/// Draws the help in the middle, as large as there is room, without the lines `above` it.
pub(in crate::dashboard) fn draw(canvas: &mut Canvas<'_>, above: usize, area: Rect) {
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .padding(Padding::horizontal(1))
        .border_style(canvas.theme.title());
    let around = area.width - block.inner(area).width;
    let most = area.width.saturating_sub(around).min(WIDEST);
    let lines = lines(canvas, usize::from(most));
    let widest = lines.iter().map(Line::width).max().unwrap_or(0) as u16;
    let width = area.width.min(widest + around);
    let height = area.height.min(lines.len() as u16 + 2);
    let place = area.centered(Constraint::Length(width), Constraint::Length(height));
    let page = block.inner(place);
    let is_whole = lines.len() <= usize::from(page.height);
    let title = if is_whole {
        " help "
    } else {
        " help: ↑↓ for more "
    };
    Clear.render(place, canvas.buffer);
    block.title(title).render(place, canvas.buffer);
    canvas.scrolled(page, lines.len(), above, |canvas, area| {
        canvas.put_lines(area, &lines);
    });
}
