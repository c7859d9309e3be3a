//! Figures over HTTP for monitoring systems, and pushed to them.
//!
//! One thread does it all: it reads the source, and between two batches answers. What is answered is made when it is asked for.

mod accept;
mod answer;
mod http;
mod listener;
mod push;

use std::cell::RefCell;
use std::rc::Rc;

pub use http::start;
pub use listener::{Address, Listener, SocketFile};
pub use push::{Endpoint, Pusher};

use crate::export::metrics::{Metrics, PerOctave};
use crate::model::Model;

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
}

/// The state, as the source and every connection share it. All of them are on one thread.
pub type Shared = Rc<RefCell<State>>;

impl State {
    /// The figures as metrics.
    fn metrics(&self) -> Metrics<'_> {
        Metrics {
            model: &self.model,
            running: self.running,
            processes: self.processes,
        }
    }

    /// Has the source told anything, or nothing that would still come?
    fn is_ready(&self) -> bool {
        self.model.ended().is_some() || !self.running
    }
}
