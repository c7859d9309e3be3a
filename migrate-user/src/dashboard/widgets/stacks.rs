//! Stacks, innermost frame first.

use std::sync::Arc;

use ratatui::text::Line;

use super::super::theme::Theme;
use crate::text::{function, printable};
use crate::trace::Contended;

/// Those of a thread, and of the one that held the lock for which it slept longest; as far as they
/// are known.
pub(in super::super) fn lines(
    kernel: Option<&Arc<str>>,
    user: Option<&Arc<str>>,
    locks: Option<&Contended>,
    theme: Theme,
) -> Vec<Line<'static>> {
    let holder = locks.and_then(|locks| locks.holder_stack.as_ref());
    let stacks = [
        ("Kernel's stack", kernel),
        ("User's stack", user),
        ("The lock's holder, off its CPU", holder),
    ];
    let mut lines = Vec::new();
    for (title, stack) in stacks {
        let Some(stack) = stack else {
            continue;
        };
        lines.push(Line::styled(title, theme.title()));
        let frames = stack.split(';').rev();
        lines.extend(frames.map(|frame| Line::raw(format!("  {}", printable(&function(frame))))));
    }
    lines
}
