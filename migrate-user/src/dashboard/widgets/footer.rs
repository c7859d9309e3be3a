//! The last line: keys.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::action::Action;
use super::super::app::App;
use super::super::canvas::{Canvas, with_x};
use super::super::keys::Key;

/// Keys as people read them, what they do in short, and what a click does.
struct Entry {
    keys: String,
    short: &'static str,
    action: Action,
}

/// What can be asked for now, most important first. Neighbours with the same word share it.
fn entries(app: &App) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (binding, keys) in app.settings.keys.listed() {
        let Some(key) = keys.first().map(Key::to_string) else {
            continue;
        };
        if binding.short.is_empty() || !binding.when.holds(app.situation()) {
            continue;
        }
        match entries
            .last_mut()
            .filter(|last| last.short == binding.short)
        {
            Some(last) => last.keys += &key,
            None => entries.push(Entry {
                keys: key,
                short: binding.short,
                action: binding.action,
            }),
        }
    }
    entries
}

/// What stands in place of keys for which there is no room: the help has them.
const MORE: &str = "…";

/// Draws as many keys as there is room for, most important first.
pub(in crate::dashboard) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let mut x = area.x;
    for entry in entries(canvas.app) {
        let needs = Line::raw(&entry.keys).width() as u16 + 1 + entry.short.len() as u16;
        if x + needs > area.right() {
            canvas.put(with_x(area, x), MORE, canvas.theme.quiet());
            canvas.spot(with_x(area, x), Action::Help);
            break;
        }
        let after = canvas.put(with_x(area, x), &entry.keys, canvas.theme.key());
        canvas.put(with_x(area, after + 1), entry.short, canvas.theme.quiet());
        let place = Rect {
            x,
            width: needs,
            height: 1,
            ..area
        };
        canvas.spot(place, entry.action);
        x += needs + 2;
    }
}
