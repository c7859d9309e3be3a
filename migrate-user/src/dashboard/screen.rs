//! One picture of the state. Reads it and changes nothing.

use ratatui::Frame;
use ratatui::layout::Rect;

use super::app::App;
use super::canvas::{Canvas, below, top};
use super::drawn::Drawn;
use super::notices;
use super::tabs;
use super::widgets::{self, footer, header, help, prompt, seek};

/// Draws everything, at any size. What only the picture knows.
pub fn draw(app: &App, frame: &mut Frame<'_>) -> Drawn {
    let whole = frame.area();
    let mut drawn = Drawn::default();
    let mut canvas = Canvas {
        app,
        model: app.shown(),
        theme: app.settings.theme,
        buffer: frame.buffer_mut(),
        drawn: &mut drawn,
    };
    let area = inner(whole);
    if !area.is_empty() {
        draw_all(&mut canvas, area, whole);
    }
    drawn
}

/// What is drawn on: without one column of air on either side, where there is room for it.
fn inner(whole: Rect) -> Rect {
    let margin = u16::from(whole.width >= 60);
    Rect {
        x: whole.x + margin,
        width: whole.width - 2 * margin,
        ..whole
    }
}

fn draw_all(canvas: &mut Canvas<'_>, area: Rect, whole: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let notices = notices::notices(app);
    let parts = Parts::new(area, !notices.is_empty(), app.playback().is_some());
    header::draw(app, theme, parts.header, canvas.buffer);
    widgets::tabs::draw(canvas, parts.tabs);
    header::notices(&notices, theme, parts.notice, canvas.buffer);
    tabs::draw(canvas, parts.body);
    seek::draw(canvas, parts.seek);
    match &app.prompt {
        Some(asked) => prompt::draw(canvas, asked, parts.footer),
        None => footer::draw(canvas, parts.footer),
    }
    if let Some(above) = app.view.help {
        help::draw(canvas, above, whole);
    }
}

/// What has which lines.
struct Parts {
    header: Rect,
    tabs: Rect,
    notice: Rect,
    body: Rect,
    seek: Rect,
    footer: Rect,
}

impl Parts {
    /// What matters least is left out first where there are few lines.
    fn new(area: Rect, notice: bool, replay: bool) -> Self {
        let height = area.height;
        let lines = |wanted: bool, from: u16| u16::from(wanted && height >= from);
        let tabs = lines(true, 6);
        let notice = lines(notice, 5);
        let gap = lines(true, 30);
        let (seek, footer) = (lines(replay, 9), lines(true, 4));
        let rest = below(area, 1);
        let (tabs, rest) = (top(rest, tabs), below(rest, tabs));
        let (notice, rest) = (top(rest, notice), below(rest, notice + gap));
        let body = top(rest, rest.height.saturating_sub(seek + footer));
        let rest = below(rest, body.height);
        Self {
            header: top(area, 1),
            tabs,
            notice,
            body,
            seek: top(rest, seek),
            footer: below(rest, seek),
        }
    }
}
