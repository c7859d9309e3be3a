//! The line with the tabs.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::super::action::Action;
use super::super::canvas::{Canvas, with_x};
use super::super::tab::Tab;

/// The names of the tabs: the longest that there is room for; `None` where there is room for one
/// alone.
fn names(shown: Tab, width: u16) -> Option<[String; Tab::ALL.len()]> {
    let long = |tab: Tab| format!(" {} {} ", tab.key(), tab.name());
    let short = |tab: Tab| format!(" {} ", tab.name());
    let shortest = |tab: Tab| {
        if tab == shown {
            long(tab)
        } else {
            format!(" {} ", tab.key())
        }
    };
    let forms = [
        Tab::ALL.map(long),
        Tab::ALL.map(short),
        Tab::ALL.map(shortest),
    ];
    let fits = |names: &[String; Tab::ALL.len()]| {
        let widths = names.iter().map(|name| Line::raw(name).width());
        widths.sum::<usize>() <= usize::from(width)
    };
    forms.into_iter().find(fits)
}

/// Draws the tabs, and which of them is shown.
pub(in crate::dashboard) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let shown = canvas.app.tab();
    let Some(names) = names(shown, area.width) else {
        let name = format!(" {} {} ", shown.key(), shown.name());
        canvas.put(area, &name, canvas.theme.chosen());
        return;
    };
    let mut x = area.x;
    for (tab, name) in Tab::ALL.into_iter().zip(names) {
        let style = if tab == shown {
            canvas.theme.chosen()
        } else {
            canvas.theme.quiet()
        };
        let after = canvas.put(with_x(area, x), &name, style);
        let place = Rect {
            x,
            width: after - x,
            height: 1.min(area.height),
            ..area
        };
        canvas.spot(place, Action::Show(tab));
        x = after;
    }
}
