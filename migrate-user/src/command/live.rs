//! The dashboard, on this kernel or on a recording; where the terminal cannot draw, the same
//! figures as text.

use std::env;
use std::io::{self, IsTerminal};

use super::confine::confine;
use super::report::{print, read, report};
use super::stop::Stop;
use super::tell_note;
use crate::Error;
use crate::cli::{self, Live, Look, Replay};
use crate::config;
use crate::dashboard::{self, Settings};
use crate::kernel::Options;
use crate::model::Model;
use crate::privilege::Needs;
use crate::report::Report;
use crate::source::{Inputs, KernelSource, Source, StreamSource};
use crate::tell_line;
use crate::trace::Filter;

/// Watches this kernel.
pub(super) async fn live(options: Live) -> Result<(), Error> {
    if let Some(format) = options.export {
        return super::export::live(format, options).await;
    }
    let tracing = Options::try_from(options.tracing)?;
    needs_terminal()?;
    let config = config(options.look)?;
    if is_dumb() {
        return in_the_end(&tracing, &config).await;
    }
    let source = KernelSource::open(&tracing, tell_note)?;
    let needs = Needs {
        processes: tracing.user_stacks,
        // The user may export what is shown.
        writes: env::current_dir().ok(),
        ..Needs::default()
    };
    confine(&source, &needs);
    dashboard::run(source, "live", config, Filter::default()).await
}

/// Watches a recording.
pub(super) async fn replay(options: Replay) -> Result<(), Error> {
    needs_terminal()?;
    if is_dumb() {
        return report(cli::Report {
            inputs: options.inputs,
            json: false,
            html: None,
            force: false,
            only: options.only,
        })
        .await;
    }
    let config = config(options.look)?;
    let inputs = Inputs(options.inputs);
    let name = options
        .title
        .unwrap_or_else(|| format!("replay of {inputs}"));
    let source = StreamSource::open(inputs, Filter::default()).await?;
    dashboard::run(source, &name, config, options.only.0).await
}

/// Can the terminal show lines only, as those of editors do?
fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Traces until somebody asks for the end, and then tells all of it.
async fn in_the_end(tracing: &Options, config: &Settings) -> Result<(), Error> {
    let mut stop = Stop::new()?;
    let mut source = KernelSource::open(tracing, tell_note)?;
    let needs = Needs {
        processes: tracing.user_stacks,
        ..Needs::default()
    };
    confine(&source, &needs);
    tell_line!(
        "migscope: this terminal cannot draw (TERM=dumb), so what is traced is told at the end. Ctrl-C ends it."
    );
    let mut model = Model::new(source.facts().clone());
    read(&mut source, &mut stop, &mut model).await?;
    print(&Report::new(&model, "live", &config.findings).text(false))
}

/// What the user's file says, unless the command line says otherwise.
fn config(look: Look) -> Result<Settings, Error> {
    let file = config::load()?;
    Ok(Settings {
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
