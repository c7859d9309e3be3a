//! The line in which the user writes.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::canvas::{Canvas, with_x};
use super::super::prompt::Prompt;
use crate::text::printable;

/// Draws the question, what was written so far, and what is wrong with it.
pub(in crate::view) fn draw(canvas: &mut Canvas<'_>, prompt: &Prompt, area: Rect) {
    if area.is_empty() {
        return;
    }
    let blank = " ".repeat(usize::from(area.width));
    canvas.put(area, &blank, Style::new());
    let question = format!("{} ", prompt.question());
    let x = canvas.put(area, &question, canvas.theme.title());
    let x = canvas.put(
        with_x(area, x),
        &printable(prompt.text()),
        canvas.theme.key(),
    );
    let x = canvas.put(with_x(area, x), "▏", canvas.theme.key());
    let (hint, style) = match prompt.wrong() {
        Some(wrong) => (wrong.to_owned(), canvas.theme.alarm()),
        None => (prompt.hint().to_owned(), canvas.theme.quiet()),
    };
    canvas.put(with_x(area, x + 1), &hint, style);
}
