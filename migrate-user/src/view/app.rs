//! The state of the dashboard.

use super::figures;
use super::keys::Action;
use crate::Error;
use crate::model::Model;
use crate::source::{Batch, Ending};
use crate::text::counted;

/// Everything that is drawn.
pub struct App {
    /// What the source is called: `live`, `replay of FILE`.
    pub(super) name: String,
    model: Model,
    /// What is shown while paused. The model itself goes on.
    frozen: Option<Box<Model>>,
    /// Recent migrations above the first that is shown.
    pub(super) scroll: usize,
    /// Is the help open?
    pub(super) help: bool,
    ended: Option<Ended>,
    quit: bool,
}

/// How the source ended.
enum Ended {
    Stream(Ending),
    Failed(Error),
}

impl App {
    /// A dashboard that has seen nothing yet.
    pub fn new(name: &str, model: Model) -> Self {
        let name = name.to_owned();
        Self {
            name,
            model,
            frozen: None,
            scroll: 0,
            help: false,
            ended: None,
            quit: false,
        }
    }

    /// What is to be shown.
    pub fn shown(&self) -> &Model {
        self.frozen.as_deref().unwrap_or(&self.model)
    }

    /// Is the picture held still?
    pub fn is_paused(&self) -> bool {
        self.frozen.is_some()
    }

    /// Does the user want to leave?
    pub fn wants_to_quit(&self) -> bool {
        self.quit
    }

    /// Takes in what has happened.
    pub fn batch(&mut self, batch: Batch) {
        // Somebody who has scrolled down goes on looking at the same lines.
        if self.scroll > 0 && !self.is_paused() {
            self.scroll += batch.migrations.len();
        }
        self.model.apply(batch);
        self.bound_scroll();
    }

    /// Notes that nothing will come any more.
    pub fn end(&mut self, ending: Ending) {
        self.ended = Some(Ended::Stream(ending));
    }

    /// Notes that the source failed.
    pub fn fail(&mut self, error: Error) {
        self.ended = Some(Ended::Failed(error));
    }

    /// The failure of the source, if it failed.
    pub fn into_failure(self) -> Option<Error> {
        match self.ended {
            Some(Ended::Failed(error)) => Some(error),
            _ => None,
        }
    }

    /// Does what a key asks for.
    pub fn act(&mut self, action: Action) {
        match action {
            Action::Quit => self.quit = true,
            Action::Help => self.help = !self.help,
            Action::Close if self.help => self.help = false,
            Action::Close => self.quit = true,
            Action::Pause if self.is_paused() => self.frozen = None,
            Action::Pause => self.frozen = Some(Box::new(self.model.clone())),
            Action::Reset => self.reset(),
            Action::Scroll(lines) => {
                self.scroll = self.scroll.saturating_add_signed(lines);
            }
        }
        self.bound_scroll();
    }

    fn reset(&mut self) {
        self.model.reset();
        self.frozen = None;
        self.scroll = 0;
    }

    fn bound_scroll(&mut self) {
        let last = self.shown().recent().len().saturating_sub(1);
        self.scroll = self.scroll.min(last);
    }

    /// What the user should know besides the figures, most important first.
    pub fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        match &self.ended {
            Some(Ended::Failed(error)) => notices.push(error.to_string()),
            Some(Ended::Stream(ending)) => notices.push(describe(ending)),
            None => {}
        }
        if self.is_paused() {
            notices.push("paused: p goes on".to_owned());
        }
        let coverage = figures::coverage(self.shown());
        if !coverage.is_empty() {
            notices.push(coverage.join(", "));
        }
        let facts = self.model.facts();
        if let (true, Some(clock)) = (facts.coarse_clock(), &facts.clocksource) {
            notices.push(format!(
                "clock source {clock} is too coarse: durations mean little"
            ));
        }
        notices
    }
}

fn describe(ending: &Ending) -> String {
    match ending {
        Ending::Complete => "stream ended".to_owned(),
        Ending::Unfinished { lost_bytes: 0, .. } => {
            "stream ended without its end mark: its recorder was killed, or is still writing"
                .to_owned()
        }
        Ending::Unfinished { lost_bytes, .. } => format!(
            "stream ended in the middle of a batch: {} left out",
            counted(*lost_bytes, "byte", "bytes")
        ),
        Ending::Damaged { at, found } => {
            format!("stream is damaged at byte {at} ({found}): nothing after that can be read")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{Synthetic, facts};

    fn app(migrations: usize) -> (App, Synthetic) {
        let mut synthetic = Synthetic::new(1);
        let mut app = App::new("live", Model::new(facts()));
        app.batch(synthetic.batch(migrations));
        (app, synthetic)
    }

    #[test]
    fn a_pause_holds_the_picture_and_loses_nothing() {
        let (mut app, mut synthetic) = app(10);
        app.act(Action::Pause);
        app.batch(synthetic.batch(5));
        assert_eq!(app.shown().totals().migrations(), 10);
        app.act(Action::Pause);
        assert_eq!(app.shown().totals().migrations(), 15);
    }

    #[test]
    fn scrolling_stays_within_the_list_and_with_its_lines() {
        let (mut app, mut synthetic) = app(10);
        app.act(Action::Scroll(-5));
        assert_eq!(app.scroll, 0);
        app.act(Action::Scroll(3));
        app.batch(synthetic.batch(4));
        assert_eq!(app.scroll, 7);
        app.act(Action::Scroll(isize::MAX));
        assert_eq!(app.scroll, 13);
        app.act(Action::Reset);
        assert_eq!(app.scroll, 0);
    }

    #[test]
    fn escape_closes_the_help_first() {
        let (mut app, _) = app(0);
        app.act(Action::Help);
        app.act(Action::Close);
        assert!(!app.help && !app.wants_to_quit());
        app.act(Action::Close);
        assert!(app.wants_to_quit());
    }

    #[test]
    fn says_how_it_ended() {
        let (mut app, _) = app(1);
        assert_eq!(app.notices(), [""; 0]);
        app.end(Ending::Complete);
        assert_eq!(app.notices(), ["stream ended"]);
        app.fail(Error::NotATerminal);
        assert!(app.notices()[0].contains("not a terminal"));
        assert!(matches!(app.into_failure(), Some(Error::NotATerminal)));
    }
}
