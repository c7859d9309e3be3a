//! Where migrations come from: this kernel, a file, standard input, a socket. One code path for
//! all.

mod error;
mod input;
mod joined;
mod kernel;
mod part;
mod stream;

pub use error::Error;
pub(crate) use error::advice;
pub use input::{Identity, Input, Inputs};
pub use joined::Joined;
pub use kernel::KernelSource;
pub use part::Part;
pub use stream::StreamSource;

use crate::trace::{Batch, Facts};

/// Yields batches until the recording or the tracer ends.
#[expect(async_fn_in_trait, reason = "used only in this crate, on one thread")]
pub trait Source {
    /// What is known before the first batch: machine, kernel, clock.
    fn facts(&self) -> &Facts;

    /// The next batch; `None` at the end. Cancel-safe: nothing is lost when the future is dropped.
    async fn next(&mut self) -> Result<Option<Batch>, Error>;

    /// A time of the recording's clock, nanoseconds since 1970; `None` if nobody knows.
    fn unix_ns(&self, time_ns: u64) -> Option<u64> {
        self.facts().unix_ns(time_ns)
    }

    /// Asks for totals: the next batch comes soon, and with them. A source that has none goes on.
    fn want_totals(&mut self) {}

    /// How many calls of the kernel are under way: none of them is in any total yet. Ends those of
    /// which nothing more comes, so that they are. `None` where nobody can look.
    ///
    /// # Errors
    ///
    /// If the kernel refuses to look.
    fn under_way(&mut self) -> Result<Option<u64>, Error> {
        Ok(None)
    }

    /// Asks for the end: what has happened so far still comes, the last batch with a status, then
    /// `None`. A source that cannot be asked goes on.
    fn stop(&mut self) {}

    /// What it reads; `None` for what is no recording.
    fn inputs(&self) -> Option<&Inputs> {
        None
    }

    /// The recording that can be read again from its beginning, if that is what it is.
    fn file(&self) -> Option<&Inputs> {
        self.inputs().filter(|inputs| inputs.are_files())
    }

    /// The same from its beginning; `None` if it cannot be read again.
    async fn again(&self) -> Option<Result<Self, Error>>
    where
        Self: Sized,
    {
        None
    }

    /// The recordings that it read, once [`Source::next`] has returned `None`; none for what is no
    /// recording.
    fn parts(&self) -> &[Part] {
        &[]
    }

    /// What its filter asks for and was never seen, in sentences, once [`Source::next`] has
    /// returned `None`.
    fn unknown(&self) -> &[String] {
        &[]
    }
}
