//! Where a replay is.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::action::Action;
use super::super::canvas::{Canvas, with_x};
use super::super::playback::Playback;
use crate::text::clock;

/// How the replay goes, in words.
fn state(playback: &Playback) -> String {
    let speed = playback.factor();
    let speed = if speed < 1.0 {
        format!("1/{:.0}×", 1.0 / speed)
    } else {
        format!("{speed:.0}×")
    };
    match playback.is_playing() {
        true => format!("► {speed} "),
        false => format!("‖ {speed} "),
    }
}

/// Draws the line. Clicking it jumps there.
pub(in crate::dashboard) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let Some(playback) = canvas.app.playback() else {
        return;
    };
    let (part, length) = playback.place().unwrap_or((0.0, 0));
    let state = state(playback);
    let times = format!(
        " {} / {}",
        clock((length as f64 * part) as u64),
        clock(length)
    );
    let x = canvas.put(area, &state, canvas.theme.key());
    let bar = with_x(area, x);
    let bar = Rect {
        width: bar.width.saturating_sub(times.len() as u16),
        ..bar
    };
    canvas.put_right(area, &times, Style::new());
    if bar.is_empty() {
        return;
    }
    let here = (part * f64::from(bar.width - 1)).round() as u16;
    let line = |columns: u16, sign: &str| sign.repeat(usize::from(columns));
    let after = canvas.put(bar, &line(here, "━"), canvas.theme.bar());
    let after = canvas.put(with_x(bar, after), "●", canvas.theme.key());
    canvas.put(
        with_x(bar, after),
        &line(bar.right() - after, "─"),
        canvas.theme.quiet(),
    );
    for column in 0..bar.width {
        let place = Rect {
            x: bar.x + column,
            width: 1,
            height: 1,
            ..bar
        };
        let thousandths = u32::from(column) * 1000 / u32::from(bar.width - 1).max(1);
        canvas.spot(place, Action::Seek(thousandths as u16));
    }
}
