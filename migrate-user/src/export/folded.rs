//! Stacks as tools for flame graphs read them: one line per migration that has any, outermost frame
//! first, the user's frames before the kernel's, and after a space how long its steps took,
//! nanoseconds. Such tools add equal lines up.

use std::io;

use super::{Export, Out};
use crate::tell_line;
use crate::text::stack;
use crate::trace::{Batch, Facts};

/// Folded stacks.
pub struct Folded;

impl Export for Folded {
    fn export(
        &self,
        _facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<()> {
        let mut none = true;
        for migration in batches.flat_map(|batch| batch.migrations) {
            let (user, kernel) = (&migration.user_stack, &migration.kernel_stack);
            let stacks = [user, kernel].into_iter().flatten();
            let stacks: Vec<String> = stacks.map(|frames| stack(frames)).collect();
            if !stacks.is_empty() {
                none = false;
                writeln!(out, "{} {}", stacks.join(";"), migration.total_ns())?;
            }
        }
        if none {
            tell_line!(
                "migscope: no migration in this recording has a stack. Stacks are kept when they are asked for: see \
                 `migscope record --help`."
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migscope_testkit::{Synthetic, facts};

    #[test]
    fn a_line_for_each_stack_with_the_time_of_its_migration() {
        let mut batch = Synthetic::new(1).with_details().batch(3);
        for (migration, setup_ns) in batch.migrations.make().iter_mut().zip([10, 20, 30]) {
            migration.steps = [Some(setup_ns), Some(1), None, None, None];
            migration.kernel_stack = Some("ioctl_[k];_RNvCs3qbHQcE1aKf_6driver7migrate_[k]".into());
            migration.user_stack = Some("main;a b".into());
        }
        batch.migrations.make()[1].user_stack = None;
        (
            batch.migrations.make()[2].kernel_stack,
            batch.migrations.make()[2].user_stack,
        ) = (None, None);
        let mut out = Vec::new();
        Folded
            .export(&facts(), &mut std::iter::once(batch), &mut out)
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "main;a b;ioctl_[k];driver::migrate_[k] 11\nioctl_[k];driver::migrate_[k] 21\n"
        );
    }
}
