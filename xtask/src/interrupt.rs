//! Ctrl-C and its kin as a flag: whoever waits looks at it and ends in order. A second one ends at
//! once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::errors::Interrupted;

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Starts to listen.
pub(crate) fn install() -> Result<()> {
    let interrupted = FLAG.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, 130, interrupted.clone())
            .context("signal handler")?;
        flag::register(signal, interrupted.clone()).context("signal handler")?;
    }
    Ok(())
}

/// Whether we were asked to end.
pub(crate) fn is_set() -> bool {
    FLAG.get()
        .is_some_and(|interrupted| interrupted.load(Ordering::Relaxed))
}

/// An error if we were asked to end.
pub(crate) fn check() -> Result<()> {
    if is_set() {
        Err(Interrupted.into())
    } else {
        Ok(())
    }
}
