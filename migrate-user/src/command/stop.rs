//! The wish to end: a signal that asks for it, or a time that is over.

use std::time::Duration;

use tokio::time::Instant;

use crate::Error;
use crate::signals::EndSignals;

/// How long something may take to end once it has been asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// Waits for the wish to end, and after it for patience to run out.
pub(super) struct Stop {
    signals: EndSignals,
    at: Option<Instant>,
    asked: bool,
}

impl Stop {
    /// From here on, the signals are wishes and no longer end the program at once.
    pub(super) fn new() -> Result<Self, Error> {
        let signals = EndSignals::new().map_err(|cause| Error::Io {
            action: "listen",
            path: "for signals".to_owned(),
            cause,
            advice: "The system is out of file descriptors.",
        })?;
        Ok(Self {
            signals,
            at: None,
            asked: false,
        })
    }

    /// Ends by itself this time from now.
    pub(super) fn after(&mut self, time: Duration) {
        // A time too far away to be expressed never comes.
        self.at = Instant::now().checked_add(time);
    }

    /// Has anybody asked for the end?
    pub(super) fn asked(&self) -> bool {
        self.asked
    }

    /// Returns when somebody asks for the end; after that, when patience is over or somebody asks
    /// again.
    pub(super) async fn wait(&mut self) {
        let over = async {
            match self.at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.signals.recv() => {}
            () = over => {}
        }
        self.asked = true;
        self.at = Some(Instant::now() + PATIENCE);
    }
}
