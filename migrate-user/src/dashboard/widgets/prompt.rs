//! The line in which the user writes.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::canvas::{Canvas, with_x};
use super::super::prompt::Prompt;
use crate::text::{printable, wrapped};

/// Draws the question, what was written so far, and what is wrong with it.
pub(in crate::dashboard) fn draw(canvas: &mut Canvas<'_>, prompt: &Prompt, area: Rect) {
    if area.is_empty() {
        return;
    }
    let blank = " ".repeat(usize::from(area.width));
    canvas.put(area, &blank, Style::new());
    let question = format!("{} ", prompt.question());
    let x = canvas.put(area, &question, canvas.theme.title());
    let room = usize::from(area.right().saturating_sub(x));
    // The cursor has a column of its own.
    let scrolled = prompt.scrolled(room.saturating_sub(1));
    let (before, behind) = prompt.text();
    let line = format!("{}▏{}", printable(before), printable(behind));
    let x = canvas.put(
        with_x(area, x),
        &without_columns(&line, scrolled),
        canvas.theme.key(),
    );
    let rest = with_x(area, x + 1);
    match prompt.wrong() {
        Some(wrong) if Line::raw(wrong).width() > usize::from(rest.width) => {
            draw_above(canvas, wrong, area);
        }
        Some(wrong) => {
            canvas.put(rest, wrong, canvas.theme.alarm());
        }
        None => {
            canvas.put(rest, prompt.hint(), canvas.theme.quiet());
        }
    }
}

/// What is wrong, in as many lines above the one that is written as it takes, over what is there.
fn draw_above(canvas: &mut Canvas<'_>, wrong: &str, area: Rect) {
    let lines = wrapped(wrong, usize::from(area.width));
    let first = area.y.saturating_sub(lines.len() as u16);
    let blank = " ".repeat(usize::from(area.width));
    for (line, y) in lines.iter().zip(first..area.y) {
        let place = Rect {
            y,
            height: 1,
            ..area
        };
        canvas.put(place, &blank, Style::new());
        canvas.put(place, line, canvas.theme.alarm());
    }
}

/// A text without so many columns at its left.
fn without_columns(text: &str, columns: usize) -> String {
    let mut letters = text.chars();
    let mut gone = 0;
    while gone < columns
        && let Some(letter) = letters.next()
    {
        gone += Line::raw(letter.to_string()).width();
    }
    letters.collect()
}
