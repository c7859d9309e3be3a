//! The loop of the dashboard: batches, keys, time, and the end.

use std::io;
use std::time::{Duration, Instant};

use crossterm::event::{Event, EventStream, MouseButton, MouseEvent, MouseEventKind};
use futures::StreamExt;
use rustix::process::Signal as Kind;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::action::Action;
use super::app::App;
use super::drawn::Drawn;
use super::player::Player;
use super::settings::{REFRESH, Settings};
use super::terminal::Screen;
use super::{exporting, screen};
use crate::Error;
use crate::export::Place;
use crate::signals::EndSignals;
use crate::source::{Part, Source};
use crate::tell_line;
use crate::trace::{Batch, Filter};

/// Lines that the wheel moves.
const WHEEL: isize = 3;

/// More often, nobody could see it.
const MOST_OFTEN: Duration = Duration::from_millis(10);

/// Where nothing happens, clocks and charts go on once a second.
const IDLE_NS: u64 = 1_000_000_000;

/// Shows of a source what a filter lets through, until the user leaves. The terminal is as before
/// when this returns, also on errors, signals and panics.
pub async fn run(
    source: impl Source,
    name: &str,
    settings: Settings,
    filter: Filter,
) -> Result<(), Error> {
    let readable = source.file().is_some();
    let mut app = super::start(name, source.facts().clone(), settings, readable);
    let begun = app.begin_with(filter);
    begun.map_err(|why| Error::from(crate::source::Error::NotChosen { why }))?;
    let mut dashboard = Dashboard::new(source, app)?;
    let mut screen = Screen::open().map_err(terminal_error)?;
    let done = dashboard.run(&mut screen).await;
    #[cfg(debug_assertions)]
    panic_if_asked();
    drop(screen);
    if let Some(export) = dashboard.export.take() {
        tell_line!("migscope: the export is being finished; Ctrl-C gives it up.");
        let sentence = export.await.unwrap_or_else(|failed| failed.to_string());
        tell_line!("migscope: {sentence}");
    }
    done?;
    dashboard.app.into_failure().map_or(Ok(()), Err)
}

/// Only so can a test see what a panic leaves of the terminal. Not in programs that people get.
#[cfg(debug_assertions)]
fn panic_if_asked() {
    if std::env::var_os("MIGSCOPE_TEST_PANIC").is_some() {
        panic!("as asked for by MIGSCOPE_TEST_PANIC");
    }
}

fn terminal_error(cause: io::Error) -> Error {
    Error::Terminal { cause }
}

struct Dashboard<S> {
    player: Player<S>,
    app: App,
    ticks: Interval,
    /// When time was last let pass.
    passed: Instant,
    signals: EndSignals,
    /// The shell lets the program go on.
    continued: Signal,
    /// Has the program stopped itself, so that it has taken the terminal again by itself too?
    suspended: bool,
    /// Is there more to come from the source?
    flowing: bool,
    /// Is there something that has not been drawn?
    dirty: bool,
    /// The second of the last status.
    second: u64,
    /// What the last picture told.
    drawn: Drawn,
    /// An export on its way, which ends with a sentence.
    export: Option<JoinHandle<String>>,
}

/// What the loop waits for.
#[expect(
    clippy::large_enum_variant,
    reason = "one is there at a time, some ten times a second"
)]
enum Happening {
    Batch(Result<Option<Batch>, Error>),
    Event(Option<io::Result<Event>>),
    Exported(String),
    Tick,
    Signal,
    Continued,
}

impl<S: Source> Dashboard<S> {
    fn new(source: S, app: App) -> Result<Self, Error> {
        let refresh = app.settings.refresh.unwrap_or(REFRESH);
        let mut ticks = interval(refresh.max(MOST_OFTEN));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let signals = EndSignals::new().map_err(terminal_error)?;
        let continued = SignalKind::from_raw(Kind::CONT.as_raw());
        let continued = signal(continued).map_err(terminal_error)?;
        Ok(Self {
            player: Player::new(source),
            app,
            ticks,
            passed: Instant::now(),
            signals,
            continued,
            suspended: false,
            flowing: true,
            dirty: true,
            second: 0,
            drawn: Drawn::default(),
            export: None,
        })
    }

    async fn run(&mut self, screen: &mut Screen) -> Result<(), Error> {
        let mut events = EventStream::new();
        while !self.app.wants_to_quit() {
            let draw_now = match self.wait(&mut events).await {
                Happening::Batch(batch) => {
                    self.batch(batch);
                    false
                }
                Happening::Event(event) => self.event(event)?,
                Happening::Exported(sentence) => {
                    self.app.message = Some(sentence);
                    true
                }
                Happening::Tick => self.tick(),
                Happening::Signal => return Ok(()),
                Happening::Continued => self.continued(screen)?,
            };
            self.dirty |= draw_now;
            self.suspend(screen)?;
            self.begin_again().await;
            self.begin_export();
            if draw_now {
                self.draw(screen)?;
            }
        }
        Ok(())
    }

    async fn wait(&mut self, events: &mut EventStream) -> Happening {
        let until = self.app.until();
        let exported = async {
            match &mut self.export {
                Some(export) => export.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = events.next() => Happening::Event(event),
            () = self.signals.recv() => Happening::Signal,
            _ = self.continued.recv() => Happening::Continued,
            _ = self.ticks.tick() => Happening::Tick,
            sentence = exported => {
                self.export = None;
                Happening::Exported(sentence.unwrap_or_else(|failed| failed.to_string()))
            }
            batch = self.player.next(until), if self.flowing => Happening::Batch(batch),
        }
    }

    fn batch(&mut self, batch: Result<Option<Batch>, Error>) {
        match batch {
            Ok(Some(batch)) => {
                self.dirty |= self.is_news(&batch);
                return self.app.batch(batch);
            }
            Ok(None) => self.app.end(Part::together(self.player.source.parts())),
            Err(error) => self.app.fail(error),
        }
        self.dirty = true;
        self.flowing = false;
    }

    /// Does a batch change what is shown?
    fn is_news(&mut self, batch: &Batch) -> bool {
        let Some(status) = &batch.status else {
            return true;
        };
        let second = status.time_ns / IDLE_NS;
        let passed = second != std::mem::replace(&mut self.second, second);
        passed || !batch.migrations.is_empty()
    }

    /// Lets time pass. True if there is something to draw.
    fn tick(&mut self) -> bool {
        let now = Instant::now();
        let passed = now.duration_since(self.passed);
        self.passed = now;
        self.app.elapse(passed.as_nanos() as u64) || self.dirty
    }

    /// Draws, unless the terminal has not taken the last picture: then the next tick does.
    fn draw(&mut self, screen: &mut Screen) -> Result<(), Error> {
        let Some(terminal) = screen.ready() else {
            return Ok(());
        };
        let mut told = Drawn::default();
        let drawn = terminal.draw(|frame| told = screen::draw(&self.app, frame));
        drawn.map_err(terminal_error)?;
        self.app.drawn(&told);
        self.drawn = told;
        self.dirty = false;
        Ok(())
    }

    /// Reads the source from its beginning, if that is what a replay or a filter needs.
    async fn begin_again(&mut self) {
        if !self.app.takes_again() {
            return;
        }
        match self.player.source.again().await {
            Some(Ok(source)) => {
                self.player = Player::new(source);
                self.flowing = true;
            }
            Some(Err(error)) => self.app.fail(error.into()),
            None => {}
        }
    }

    /// Stops until the shell lets it go on, if that is what the user wants.
    fn suspend(&mut self, screen: &mut Screen) -> Result<(), Error> {
        if self.app.takes_suspend() {
            screen.suspend().map_err(terminal_error)?;
            self.suspended = true;
            self.comes_back();
        }
        Ok(())
    }

    /// The program was stopped, and goes on. True if the picture has to be drawn at once.
    fn continued(&mut self, screen: &mut Screen) -> Result<bool, Error> {
        if std::mem::take(&mut self.suspended) {
            return Ok(false);
        }
        // Somebody else stopped it (SIGSTOP), and nothing could be done before.
        screen.retake().map_err(terminal_error)?;
        self.comes_back();
        Ok(true)
    }

    /// A replay does not run while nobody could see it.
    fn comes_back(&mut self) {
        self.passed = Instant::now();
        self.dirty = true;
    }

    /// Begins to write what the user wants to have, if nothing is being written.
    fn begin_export(&mut self) {
        if self.export.is_none()
            && let Some(wanted) = self.app.export.take()
        {
            let source = &self.player.source;
            match wanted.place(source.inputs()) {
                Ok(Place::Taken) if !wanted.replaces => return self.app.ask_to_replace(wanted),
                Ok(_) => {}
                Err(error) => {
                    self.app.message = Some(error.to_string());
                    return;
                }
            }
            let input = source.file().cloned();
            let job = exporting::Job::new(&self.app, wanted, input);
            self.app.message = Some("the export is being written".to_owned());
            self.export = Some(tokio::task::spawn_blocking(move || job.run()));
        }
    }

    /// True if the picture has to be drawn at once.
    fn event(&mut self, event: Option<io::Result<Event>>) -> Result<bool, Error> {
        let gone = || io::Error::from(io::ErrorKind::UnexpectedEof);
        match event
            .unwrap_or_else(|| Err(gone()))
            .map_err(terminal_error)?
        {
            Event::Key(key) => Ok(self.app.key(key)),
            Event::Mouse(mouse) => Ok(self.mouse(mouse)),
            Event::Resize(..) => Ok(true),
            _ => Ok(false),
        }
    }

    fn mouse(&mut self, mouse: MouseEvent) -> bool {
        let action = match mouse.kind {
            MouseEventKind::ScrollUp => Some(Action::Move(-WHEEL)),
            MouseEventKind::ScrollDown => Some(Action::Move(WHEEL)),
            MouseEventKind::Down(MouseButton::Left) => self.drawn.clicked(mouse.column, mouse.row),
            _ => None,
        };
        action.into_iter().for_each(|action| self.app.act(action));
        action.is_some()
    }
}
