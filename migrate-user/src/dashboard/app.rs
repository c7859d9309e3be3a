//! The state of the dashboard.

use crossterm::event::KeyEvent;

use super::action::Action;
use super::bindings::Situation;
use super::completion::Asks;
use super::data::Data;
use super::drawn::Drawn;
use super::history::History;
use super::playback::{Playback, Until};
use super::prompt::{Answer, Export, Prompt, is_yes};
use super::state::{Chosen, Lists, Look, View};
use super::tab::Tab;
use super::window::Window;
use crate::Error;
use crate::dashboard::Settings;
use crate::model::Model;
use crate::trace::filter::words::{WORDS, Word};
use crate::trace::{Batch, Ending, Facts, Filter};

/// Everything that is drawn.
pub struct App {
    /// What the source is called: `live`, `replay of FILE`, or as the user says.
    pub(super) name: String,
    pub(super) data: Data,
    pub(super) view: View,
    lists: &'static dyn Lists,
    pub(super) settings: Settings,
    /// What is shown while paused. The models themselves go on.
    frozen: Option<Box<Held>>,
    /// Where the replay is, if the source can be read again.
    playback: Option<Playback>,
    pub(super) prompt: Option<Prompt>,
    history: History,
    /// What to export as soon as there is time.
    pub(super) export: Option<Export>,
    /// What to export if a file may be replaced, which the user is asked about.
    replacing: Option<Export>,
    /// What came of the last thing that was asked for.
    pub(super) message: Option<String>,
    pub(super) ended: Option<Ended>,
    quit: bool,
    /// Does the user want to be back in the shell for a while?
    suspend: bool,
}

/// Why counting anew would show nothing.
const NOTHING_COMES: &str =
    "nothing more comes that could be counted anew: all of it is shown as it was";

/// A picture that is held still.
struct Held {
    model: Model,
    /// As [`App::of_ns`].
    of_ns: Option<u64>,
}

/// How the source ended.
pub(super) enum Ended {
    Stream(Ending),
    Failed(Error),
}

impl App {
    /// A dashboard that has seen nothing yet, with the lists that are drawn. `readable`: can the
    /// source be read again from its beginning?
    pub(super) fn new(
        name: &str,
        facts: Facts,
        settings: Settings,
        readable: bool,
        lists: &'static dyn Lists,
    ) -> Self {
        let began_ns = facts.started_ns;
        Self {
            name: name.to_owned(),
            data: Data::new(facts, readable),
            view: View::new(settings.tab, lists),
            lists,
            settings,
            frozen: None,
            playback: readable.then(|| Playback::new(began_ns)),
            prompt: None,
            history: History::default(),
            export: None,
            replacing: None,
            message: None,
            ended: None,
            quit: false,
            suspend: false,
        }
    }

    /// Notes what the picture has told, for the next key.
    pub(super) fn drawn(&mut self, drawn: &Drawn) {
        self.view.drawn(drawn);
    }

    /// What is shown, and how it is looked at.
    pub(super) fn look(&self) -> Look<'_> {
        Look {
            view: &self.view,
            model: self.shown(),
            theme: self.settings.theme,
            began_ns: self.began_ns(),
        }
    }

    /// What there is to ask for.
    pub(super) fn situation(&self) -> Situation {
        Situation {
            tab: self.tab(),
            is_open: self.is_open(),
            replays: self.playback.is_some(),
            is_filtered: !self.data.filter().is_empty(),
        }
    }

    /// What is to be shown.
    pub fn shown(&self) -> &Model {
        shown(self.frozen.as_deref(), &self.data)
    }

    /// Where only what happened lately is shown: how long the whole run is, nanoseconds.
    pub(super) fn of_ns(&self) -> Option<u64> {
        match &self.frozen {
            Some(held) => held.of_ns,
            None => self.data.lately().map(|_| self.data.run().elapsed_ns()),
        }
    }

    /// When the run began, nanoseconds of the recording's clock: times are told from there,
    /// whatever the window.
    pub(super) fn began_ns(&self) -> u64 {
        // What is chosen by time is told by the same clock as it was asked for.
        let by_time = self.data.filter().time.and(self.data.facts().started_ns);
        by_time.or(self.data.run().began_ns()).unwrap_or(0)
    }

    /// Which tab is shown.
    pub fn tab(&self) -> Tab {
        self.view.tab
    }

    /// Is the picture held still?
    pub fn is_paused(&self) -> bool {
        self.frozen.is_some()
    }

    /// Is a single migration shown?
    pub(super) fn is_open(&self) -> bool {
        self.view.opened.is_some()
    }

    /// Does the user want to leave?
    pub fn wants_to_quit(&self) -> bool {
        self.quit
    }

    /// Does the user want to be back in the shell for a while? Asks for it no more.
    pub(super) fn takes_suspend(&mut self) -> bool {
        std::mem::take(&mut self.suspend)
    }

    pub(super) fn playback(&self) -> Option<&Playback> {
        self.playback.as_ref()
    }

    /// Is a replay somewhere before its end?
    pub(super) fn is_replaying(&self) -> bool {
        self.until() != Until::End
    }

    /// The words of the filter; `None` where everything is shown.
    pub(super) fn filter_words(&self) -> Option<String> {
        let filter = self.data.filter();
        (!filter.is_empty()).then(|| filter.words())
    }

    /// Begins with a filter, before anything has come.
    ///
    /// # Errors
    ///
    /// If what is watched cannot tell what is asked for.
    pub(super) fn begin_with(&mut self, filter: Filter) -> Result<(), String> {
        filter.check(&self.data.facts().run())?;
        self.data.set_filter(filter);
        self.data.restart(None);
        Ok(())
    }

    /// Takes in what has happened.
    pub fn batch(&mut self, batch: Batch) {
        if let Some(playback) = &mut self.playback {
            batch.migrations.each(|row| playback.saw(row.end_ns()));
            let status = batch.status.iter().map(|status| status.time_ns);
            status.for_each(|time_ns| playback.saw(time_ns));
        }
        let before = self.data.run().records().migrations();
        self.data.apply(batch);
        let came = self.data.run().records().migrations() - before;
        if !self.is_paused() {
            self.view.came(came as usize);
        }
        self.bound();
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

    /// How far to read the source now.
    pub(super) fn until(&self) -> Until {
        self.playback.as_ref().map_or(Until::End, Playback::until)
    }

    /// Is it time to read the source from its beginning? If so, everything is made ready for it.
    pub(super) fn takes_again(&mut self) -> bool {
        let again = self.playback.as_mut().is_some_and(Playback::takes_again);
        if again {
            let here_ns = self.playback.as_ref().and_then(Playback::here_ns);
            self.data.restart(here_ns);
            self.ended = None;
        }
        again
    }

    /// Lets time pass, nanoseconds of the wall's clock. True if that changes what is shown.
    pub(super) fn elapse(&mut self, ns: u64) -> bool {
        self.playback
            .as_mut()
            .is_some_and(|playback| playback.elapse(ns))
    }

    /// Does what a key asks for. True if it asks for anything.
    pub(super) fn key(&mut self, event: KeyEvent) -> bool {
        if let Some(action) = self.settings.keys.signal(event) {
            self.act(action);
            return true;
        }
        if let Some(mut prompt) = self.prompt.take() {
            match prompt.key(event, self.data.seen()) {
                Answer::None => self.prompt = Some(prompt),
                Answer::Given(text) => self.answer(prompt, &text),
                Answer::Left => {}
            }
            return true;
        }
        let action = self.settings.keys.action(event);
        action.into_iter().for_each(|action| self.act(action));
        action.is_some()
    }

    fn answer(&mut self, prompt: Prompt, text: &str) {
        let done = match prompt.asks {
            Asks::Filter => self.read_filter(text),
            Asks::Export => Export::read(text).map(|export| self.export = Some(export)),
            Asks::Replace => is_yes(text).map(|yes| self.replace(yes)),
        };
        match done {
            Ok(()) => self.history.add(prompt.asks, text),
            Err(wrong) => self.prompt = Some(prompt.refuse(wrong)),
        }
    }

    fn read_filter(&mut self, text: &str) -> Result<(), String> {
        let filter = text.parse::<Filter>().map_err(|wrong| as_written(&wrong))?;
        filter.check(&self.data.facts().run())?;
        self.set_filter(filter);
        Ok(())
    }

    fn ask(&mut self, asks: Asks, text: &str) {
        self.prompt = Some(Prompt::new(asks, text, self.history.of(asks)));
    }

    /// Asks whether an export may replace the file that is in its place.
    pub(super) fn ask_to_replace(&mut self, export: Export) {
        self.replacing = Some(export);
        self.ask(Asks::Replace, "");
    }

    fn replace(&mut self, yes: bool) {
        let export = self.replacing.take();
        if yes {
            self.export = export.map(|export| Export {
                replaces: true,
                ..export
            });
        } else {
            self.message = Some("the file was left as it is, and nothing was written".to_owned());
        }
    }

    /// Does what is asked for.
    pub fn act(&mut self, action: Action) {
        self.message = None;
        match action {
            Action::Quit => self.quit = true,
            Action::Suspend => self.suspend = true,
            Action::Close => self.close(),
            Action::Choose(row) if self.view.chosen() == row => self.open(),
            Action::Open => self.open(),
            Action::Filter => {
                let words = self.filter_words().unwrap_or_default();
                self.ask(Asks::Filter, &words);
            }
            Action::Export => self.ask(Asks::Export, "json"),
            Action::Pause => self.pause(),
            Action::Reset => self.reset(),
            Action::Window => self.set_window(self.data.window().next()),
            Action::Speed(_) | Action::Step | Action::Jump(_) | Action::Seek(_) => {
                self.playback
                    .iter_mut()
                    .for_each(|playback| play(playback, action));
            }
            _ => {
                let shown = shown(self.frozen.as_deref(), &self.data);
                self.view.act(action, shown, self.lists);
            }
        }
    }

    fn close(&mut self) {
        if self.view.help.take().is_some() || self.view.opened.take().is_some() {
            return;
        }
        if self.filter_words().is_some() {
            self.set_filter(Filter::default());
        }
    }

    /// Opens what is chosen: a migration, or the migrations of a process or driver.
    fn open(&mut self) {
        match self.lists.open(&self.look()) {
            Some(Chosen::Migration(opened)) => self.view.opened = Some(opened),
            Some(Chosen::Row(filter)) => self.set_filter(*filter),
            None => {}
        }
    }

    fn set_filter(&mut self, filter: Filter) {
        self.data.set_filter(filter);
        self.frozen = None;
        self.view.restart();
        self.playback.iter_mut().for_each(Playback::read_again);
    }

    fn set_window(&mut self, window: Window) {
        self.data.set_window(window);
        self.frozen = None;
        if window != Window::Whole {
            self.playback.iter_mut().for_each(Playback::read_again);
        }
        self.bound();
    }

    fn pause(&mut self) {
        match &mut self.playback {
            Some(playback) => playback.toggle(),
            None if self.frozen.is_some() => self.frozen = None,
            None => {
                self.frozen = Some(Box::new(Held {
                    model: self.shown().clone(),
                    of_ns: self.of_ns(),
                }));
            }
        }
        self.bound();
    }

    fn reset(&mut self) {
        if self.ended.is_some() && !self.is_replaying() {
            self.message = Some(NOTHING_COMES.to_owned());
            return;
        }
        self.data.reset(self.playback().and_then(Playback::here_ns));
        self.frozen = None;
        self.view.restart();
    }

    fn bound(&mut self) {
        let shown = shown(self.frozen.as_deref(), &self.data);
        self.view.bound(shown, self.lists);
    }
}

/// What is held still, else what there is.
fn shown<'a>(held: Option<&'a Held>, data: &'a Data) -> &'a Model {
    held.map_or(data.shown(), |held| &held.model)
}

fn play(playback: &mut Playback, action: Action) {
    match action {
        Action::Speed(doublings) => playback.faster(doublings),
        Action::Step => playback.step(),
        Action::Jump(seconds) => playback.jump(seconds),
        Action::Seek(thousandths) => playback.seek(f64::from(thousandths) / 1000.0),
        _ => {}
    }
}

/// A complaint about a filter with conditions as they are written here, without an option's dashes.
fn as_written(wrong: &str) -> String {
    let option = |wrong: String, word: &Word| {
        let (name, value) = (word.name, word.value);
        wrong.replace(&format!("--{name} <{value}>"), &format!("{name}={value}"))
    };
    WORDS.iter().fold(wrong.to_owned(), option)
}

#[cfg(test)]
mod tests;
