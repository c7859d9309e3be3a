//! The dashboard, on this kernel or on a recording.

use std::io::{self, IsTerminal};

use crate::Error;
use crate::cli::{Live, Replay};
use crate::source::StreamSource;
use crate::source::kernel::KernelSource;
use crate::view;

/// Watches this kernel.
pub(super) async fn live(options: Live) -> Result<(), Error> {
    needs_terminal()?;
    view::run(KernelSource::open(&options.tracing.into())?, "live").await
}

/// Watches a recording.
pub(super) async fn replay(options: Replay) -> Result<(), Error> {
    needs_terminal()?;
    let name = options.input.to_string();
    let source = StreamSource::open(options.input).await?;
    view::run(source, &format!("replay of {name}")).await
}

fn needs_terminal() -> Result<(), Error> {
    if io::stdout().is_terminal() {
        Ok(())
    } else {
        Err(Error::NotATerminal)
    }
}
