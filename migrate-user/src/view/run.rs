//! The loop of the dashboard: batches, keys, time, and the end.

use std::io;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures::StreamExt;
use ratatui::DefaultTerminal;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::app::App;
use super::terminal::Screen;
use super::theme::Theme;
use super::{keys, screen};
use crate::Error;
use crate::model::Model;
use crate::source::{Batch, Source};

/// How often the picture is drawn while batches come. Keys are answered at once.
const TICK: Duration = Duration::from_millis(150);

/// Shows a source until the user leaves. The terminal is as before when this returns, also on errors, signals
/// and panics.
pub async fn run(source: impl Source, name: &str) -> Result<(), Error> {
    let model = Model::new(source.facts().clone());
    let mut dashboard = Dashboard::new(source, App::new(name, model))?;
    let mut screen = Screen::open().map_err(terminal_error)?;
    let done = dashboard.run(screen.terminal()).await;
    drop(screen);
    done?;
    dashboard.app.into_failure().map_or(Ok(()), Err)
}

fn terminal_error(cause: io::Error) -> Error {
    Error::Terminal { cause }
}

struct Dashboard<S> {
    source: S,
    app: App,
    theme: Theme,
    ticks: Interval,
    signals: [Signal; 3],
    /// Is there more to come from the source?
    flowing: bool,
    /// Is there something that has not been drawn?
    dirty: bool,
}

/// What the loop waits for.
enum Happening {
    Batch(Result<Option<Batch>, Error>),
    Event(Option<io::Result<Event>>),
    Tick,
    Signal,
}

impl<S: Source> Dashboard<S> {
    fn new(source: S, app: App) -> Result<Self, Error> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let listen = |kind| signal(kind).map_err(terminal_error);
        let signals = [
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        ];
        let theme = Theme::from_environment();
        Ok(Self {
            source,
            app,
            theme,
            ticks,
            signals,
            flowing: true,
            dirty: true,
        })
    }

    async fn run(&mut self, terminal: &mut DefaultTerminal) -> Result<(), Error> {
        let mut events = EventStream::new();
        while !self.app.wants_to_quit() {
            let draw_now = match self.wait(&mut events).await {
                Happening::Batch(batch) => {
                    self.batch(batch);
                    false
                }
                Happening::Event(event) => self.event(event)?,
                Happening::Tick => self.dirty,
                Happening::Signal => return Ok(()),
            };
            if draw_now {
                let draw =
                    |frame: &mut ratatui::Frame<'_>| screen::draw(&self.app, self.theme, frame);
                terminal.draw(draw).map_err(terminal_error)?;
                self.dirty = false;
            }
        }
        Ok(())
    }

    async fn wait(&mut self, events: &mut EventStream) -> Happening {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            event = events.next() => Happening::Event(event),
            _ = interrupt.recv() => Happening::Signal,
            _ = terminate.recv() => Happening::Signal,
            _ = hangup.recv() => Happening::Signal,
            _ = self.ticks.tick() => Happening::Tick,
            batch = self.source.next(), if self.flowing => Happening::Batch(batch),
        }
    }

    fn batch(&mut self, batch: Result<Option<Batch>, Error>) {
        self.dirty = true;
        match batch {
            Ok(Some(batch)) => return self.app.batch(batch),
            Ok(None) => self.app.end(self.source.ending()),
            Err(error) => self.app.fail(error),
        }
        self.flowing = false;
    }

    /// True if the picture has to be drawn at once.
    fn event(&mut self, event: Option<io::Result<Event>>) -> Result<bool, Error> {
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        match event
            .unwrap_or_else(|| Err(gone()))
            .map_err(terminal_error)?
        {
            Event::Key(key) => {
                let action = keys::action(key);
                action.into_iter().for_each(|action| self.app.act(action));
                Ok(action.is_some())
            }
            Event::Resize(..) => Ok(true),
            _ => Ok(false),
        }
    }
}
