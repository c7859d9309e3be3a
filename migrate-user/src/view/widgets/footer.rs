//! The last line: keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::keys::KEYS;
use super::super::theme::Theme;

/// Draws as many keys as there is room for, most important first.
pub(in crate::view) fn draw(theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let mut x = area.x;
    for key in KEYS {
        let needs = (key.key.chars().count() + 1 + key.short.len()) as u16;
        if x + needs > area.right() {
            break;
        }
        let (after, _) = buffer.set_stringn(x, area.y, key.key, usize::from(needs), theme.key());
        buffer.set_stringn(
            after + 1,
            area.y,
            key.short,
            usize::from(needs),
            theme.quiet(),
        );
        x += needs + 2;
    }
}
