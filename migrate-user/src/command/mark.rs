//! `mark`: in which phase the machine is.

use crate::cli;
use crate::kernel;

/// Tells whoever watches.
pub(super) fn mark(options: &cli::Mark) {
    kernel::mark(options.name.as_deref().unwrap_or_default());
}
