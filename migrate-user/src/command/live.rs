//! The dashboard, on this kernel or on a recording.

use std::io::{self, IsTerminal};

use crate::Error;
use crate::cli::{Live, Look, Replay};
use crate::config::Config;
use crate::source::kernel::KernelSource;
use crate::source::{Inputs, StreamSource};
use crate::view;

/// Watches this kernel.
pub(super) async fn live(options: Live) -> Result<(), Error> {
    if let Some(format) = options.export {
        return super::export::live(format, options).await;
    }
    needs_terminal()?;
    let config = config(options.look)?;
    let source = KernelSource::open(&options.tracing.into())?;
    view::run(source, "live", config).await
}

/// Watches a recording.
pub(super) async fn replay(options: Replay) -> Result<(), Error> {
    needs_terminal()?;
    let config = config(options.look)?;
    let inputs = Inputs(options.inputs);
    let name = inputs.to_string();
    let source = StreamSource::open(inputs).await?;
    view::run(source, &format!("replay of {name}"), config).await
}

/// What the user's file says, unless the command line says otherwise.
fn config(look: Look) -> Result<Config, Error> {
    let file = Config::load()?;
    Ok(Config {
        theme: look.theme.unwrap_or(file.theme).in_environment(),
        tab: look.tab.unwrap_or(file.tab),
        refresh: look.refresh.or(file.refresh),
        ..file
    })
}

fn needs_terminal() -> Result<(), Error> {
    if io::stdout().is_terminal() {
        Ok(())
    } else {
        Err(Error::NotATerminal)
    }
}
