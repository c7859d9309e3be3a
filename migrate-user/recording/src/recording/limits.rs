//! What one message of a recording may hold. The writer keeps to it, and the reader believes no
//! file that claims more: what it reserves is bounded by what a recorder writes, and not by what a
//! few compressed bytes can be made to say.

use migrate_ebpf::wire::{Cause, Direction, Figure, Outcome, WAIT_CLASSES, WaitFigure};

use super::histogram::MAX_TEXT;

/// The most rows in one message.
pub const MAX_ROWS: usize = 8192;

/// The most places in a dictionary: as many texts as there are rows, and the empty one.
pub(super) const MAX_PLACES: usize = MAX_ROWS + 1;

/// The most bytes that the texts of one message take, however many rows share one.
pub(super) const MAX_TEXTS: usize = 4 << 20;

/// The longest stack that is told whole, bytes.
pub(super) const MAX_STACK: usize = 1 << 15;

/// The most sums in a status: one for each direction, cause and outcome.
pub(super) const MAX_COUNTS: usize = Direction::ALL.len() * Cause::ALL.len() * Outcome::ALL.len();

/// The most histograms in a status: one for each direction, cause and figure.
pub(super) const MAX_FIGURES: usize = Direction::ALL.len() * Cause::ALL.len() * Figure::ALL.len();

/// The most sums of waits in a status: one for each kind and result.
pub(super) const MAX_WAITS: usize = WAIT_CLASSES;

/// The most histograms of waits in a status: one for each figure.
pub(super) const MAX_WAIT_FIGURES: usize = WaitFigure::ALL.len();

/// The most that a sum, or what stands around a histogram, takes in a status: two dozen names and
/// numbers of 64 bits, bytes.
const MAX_COUNT_TEXT: usize = 1024;

/// The most of sums and histograms together.
const MAX_PARTS: usize = MAX_COUNTS + MAX_FIGURES + MAX_WAITS + MAX_WAIT_FIGURES;

/// The longest status, bytes.
pub(super) const MAX_STATUS: usize =
    MAX_COUNT_TEXT * (1 + MAX_PARTS) + (MAX_FIGURES + MAX_WAIT_FIGURES) * MAX_TEXT;
