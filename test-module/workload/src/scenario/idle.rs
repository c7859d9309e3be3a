//! `idle`: nothing.

use std::time::Duration;

use anyhow::Result;

use super::Scenario;
use crate::worker::Process;

/// Nothing at all.
pub(super) struct Idle;

impl Scenario for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn about(&self) -> &'static str {
        "Nothing at all: the devices are open and nobody calls them. Everything should read zero or say that there \
         is nothing yet, and nothing should look broken. As no call is made, --calls does not end it."
    }

    fn run(&self, process: &Process<'_>) -> Result<()> {
        process.control().sleep(Duration::MAX);
        Ok(())
    }
}
