//! Stacks as tools for flame graphs read them: one line per migration or wait that has any,
//! outermost frame first, the user's frames before the kernel's, and after a space how long the
//! migration's steps took, or the wait, nanoseconds. Such tools add equal lines up.

use std::io;
use std::slice;

use super::{Event, Export, Notes, Out, stacks};
use crate::trace::{Batch, Facts};

/// Folded stacks.
pub struct Folded(pub Event);

impl Export for Folded {
    fn events(&self) -> &[Event] {
        slice::from_ref(&self.0)
    }

    fn export(
        &self,
        _facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes> {
        let line = |stack: &str, ns: u64| writeln!(out, "{stack} {ns}");
        let count = stacks::each(self.0, batches, line)?;
        Ok((count == 0)
            .then(|| stacks::none(self.0))
            .into_iter()
            .collect())
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
        Folded(Event::Migration)
            .export(&facts(), &mut std::iter::once(batch), &mut out)
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "main;a b;ioctl_[k];driver::migrate_[k] 11\nioctl_[k];driver::migrate_[k] 21\n"
        );
    }

    #[test]
    fn waits_weigh_as_much_as_they_took() {
        let mut batch = Synthetic::new(1).with_details().with_waits().batch(9);
        for (wait, total_ns) in batch.waits.iter_mut().zip([10, 20, 30]) {
            wait.total_ns = total_ns;
            wait.kernel_stack = Some("do_swap_page_[k]".into());
            wait.user_stack = Some("main;touch".into());
        }
        batch.waits[1].kernel_stack = None;
        (batch.waits[2].kernel_stack, batch.waits[2].user_stack) = (None, None);
        let mut out = Vec::new();
        Folded(Event::Wait)
            .export(&facts(), &mut std::iter::once(batch), &mut out)
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "main;touch;do_swap_page_[k] 10\nmain;touch 20\n"
        );
    }
}
