//! Stacks of migrations or waits that have any, each with how long it took.

use std::io;
use std::sync::Arc;

use super::Event;
use crate::text::stack;
use crate::trace::Batch;

/// Hands over each stack, outermost frame first, the user's frames before the kernel's, `;` between
/// frames; and how long the migration's steps took, or the wait, nanoseconds. How many there were.
pub(super) fn each(
    event: Event,
    batches: &mut dyn Iterator<Item = Batch>,
    mut take: impl FnMut(&str, u64) -> io::Result<()>,
) -> io::Result<u64> {
    let mut count = 0;
    let mut pass = |stacks: [&Option<Arc<str>>; 2], ns: u64| {
        let stacks = stacks.into_iter().flatten();
        let stacks: Vec<String> = stacks.map(|frames| stack(frames)).collect();
        if stacks.is_empty() {
            return Ok(());
        }
        count += 1;
        take(&stacks.join(";"), ns)
    };
    for batch in batches {
        match event {
            Event::Migration => {
                for migration in &batch.migrations {
                    let stacks = [&migration.user_stack, &migration.kernel_stack];
                    pass(stacks, migration.total_ns())?;
                }
            }
            Event::Wait => {
                for wait in &batch.waits {
                    pass([&wait.user_stack, &wait.kernel_stack], wait.total_ns)?;
                }
            }
        }
    }
    Ok(count)
}

/// What there is to say where none has a stack.
pub(super) fn none(event: Event) -> String {
    let event = match event {
        Event::Migration => "migration",
        Event::Wait => "wait",
    };
    format!(
        "no {event} in this recording has a stack. Stacks are kept when they are asked for: see `migscope record --help`."
    )
}
