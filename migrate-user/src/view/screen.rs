//! One picture of the state. Reads it and changes nothing.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::app::App;
use super::figures;
use super::layout::{Wanted, places};
use super::theme::Theme;
use super::widgets::{footer, header, help, ledger, rates, recent, steps};

/// Draws everything, at any size.
pub fn draw(app: &App, theme: Theme, frame: &mut Frame<'_>) {
    let whole = frame.area();
    let model = app.shown();
    let buffer = frame.buffer_mut();
    // One column of air on either side, where there is room for it.
    let margin = u16::from(whole.width >= 60);
    let area = Rect {
        x: whole.x + margin,
        width: whole.width - 2 * margin,
        ..whole
    };
    if area.is_empty() {
        return;
    }
    let notices = app.notices();
    let directions = figures::directions(model);
    let wanted = Wanted {
        notice: !notices.is_empty(),
        directions: directions.len() as u16,
        legend: ledger::legend_lines(model, area.width),
        below_steps: steps::extra_lines(model),
    };
    let place = places(area, wanted);
    header::draw(app, theme, place.header, buffer);
    header::notices(&notices, theme, place.notice, buffer);
    rates::head(model, theme, place.rates_head, buffer);
    rates::draw(model, &directions, theme, place.rates, buffer);
    ledger::head(model, theme, place.ledger_head, buffer);
    ledger::bar(model, theme, place.bar, buffer);
    ledger::legend(model, theme, place.legend, buffer);
    steps::draw(model, theme, place.steps, buffer);
    recent::draw(model, app.scroll, theme, place.recent, buffer);
    footer::draw(theme, place.footer, buffer);
    if app.help {
        help::draw(theme, whole, buffer);
    }
}
