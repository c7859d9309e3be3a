//! Figures over HTTP for monitoring systems, and pushed to them.
//!
//! One thread does it all: it reads the source, and between two batches answers. What is answered
//! is made when it is asked for.

mod accept;
mod answer;
mod http;
mod listener;
mod push;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

pub use http::start;
pub use listener::{Address, Listener, SocketFile};
pub use push::{Endpoint, Pusher};

use crate::export::metrics::{Constant, Metrics, PerOctave, Times, Tops};
use crate::machine;
use crate::model::Model;
use crate::trace::{Batch, Facts};

/// What is served. It changes between answers, never during one.
#[derive(Debug)]
pub struct State {
    /// The figures.
    pub model: Model,
    /// Does the source go on?
    pub running: bool,
    /// How finely classic histograms are cut.
    pub per_octave: PerOctave,
    /// Of how many processes there are series.
    pub processes: usize,
    /// The phases and mappings that have series.
    pub tops: Tops,
    /// Labels that every series has besides its own.
    pub constants: Vec<Constant>,
    /// When things were, since 1970.
    pub clock: Clock,
}

/// Where times since 1970 come from.
#[derive(Debug)]
pub enum Clock {
    /// From the recording.
    Recorded,
    /// From this machine's clocks, of which the wall clock may be set at any time.
    Live(Started),
}

/// When counting began, by the wall clock. It stays the same, but for when somebody sets the clock:
/// a start that moved with every correction would look like another start.
#[derive(Debug, Default)]
pub struct Started(Cell<Option<u64>>);

/// By so much the wall clock goes wrong at most before the start is told by the new time,
/// nanoseconds.
const DRIFT_NS: u64 = 1_000_000_000;

impl Started {
    /// The start, which by the clock as it is now was then.
    fn at(&self, now_ns: Option<u64>) -> Option<u64> {
        let then = self.0.get();
        let stays = then
            .zip(now_ns)
            .is_some_and(|(then, now)| then.abs_diff(now) < DRIFT_NS);
        if !stays {
            self.0.set(now_ns);
        }
        self.0.get()
    }
}

impl Clock {
    fn times(&self, facts: &Facts) -> Times {
        match self {
            Self::Recorded => Times::recorded(facts),
            Self::Live(started) => {
                let moment = machine::now();
                let began = moment.zip(facts.started_ns);
                let began = began.and_then(|(moment, began_ns)| moment.unix_ns(began_ns));
                Times {
                    started_unix_ns: started.at(began),
                    moment,
                }
            }
        }
    }
}

/// The state, as the source and every connection share it. All of them are on one thread.
pub type Shared = Rc<RefCell<State>>;

impl State {
    /// Takes in what has happened.
    pub fn apply(&mut self, batch: Batch) {
        self.model.apply(batch);
        self.tops.look(&self.model);
    }

    /// The figures as metrics.
    fn metrics(&self) -> Metrics<'_> {
        Metrics {
            model: &self.model,
            running: self.running,
            processes: self.processes,
            tops: Some(&self.tops),
            constants: &self.constants,
            times: self.clock.times(self.model.facts()),
        }
    }

    /// Has the source told anything, or nothing that would still come?
    fn is_ready(&self) -> bool {
        self.model.ended().is_some() || !self.running
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::facts;

    #[test]
    fn the_start_moves_when_the_clock_is_set_and_not_when_it_is_corrected() {
        let started = Started::default();
        const DAY: u64 = 86_400_000_000_000;
        assert_eq!(started.at(None), None);
        assert_eq!(started.at(Some(DAY)), Some(DAY));
        assert_eq!(started.at(Some(DAY + 999_999_999)), Some(DAY));
        assert_eq!(started.at(Some(11 * DAY)), Some(11 * DAY));
        assert_eq!(started.at(Some(11 * DAY - 5)), Some(11 * DAY));
    }

    #[test]
    fn times_of_a_kernel_are_told_by_the_clock_as_it_is_set_now() {
        // The facts were written down when the clock was set to something else.
        let facts = Facts {
            started_ns: Some(machine::boot_time_ns()),
            ..facts()
        };
        let now = machine::unix_time_ns().unwrap();
        let live = Clock::Live(Started::default()).times(&facts);
        let told = live
            .moment
            .and_then(|moment| moment.unix_ns(machine::boot_time_ns()));
        for told in [told, live.started_unix_ns] {
            assert!(told.unwrap().abs_diff(now) < DRIFT_NS * 10, "{told:?}");
        }
        let recorded = Clock::Recorded.times(&facts);
        assert_eq!(recorded.started_unix_ns, facts.started_unix_ns);
    }
}
