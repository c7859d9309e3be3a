//! A flame graph: a picture (SVG) of the stacks that migrations or waits come from. How wide a
//! frame is, is how long what came from it took. It is whole in itself: a browser asks no other
//! machine for anything, and without its script every frame still says what it is.

mod draw;
mod tree;

use std::io;
use std::slice;

use super::{Event, Export, Notes, Out, stacks};
use crate::text::counted;
use crate::trace::{Batch, Facts};
use tree::Tree;

/// A flame graph.
pub struct Flamegraph(pub Event);

impl Export for Flamegraph {
    fn events(&self) -> &[Event] {
        slice::from_ref(&self.0)
    }

    fn export(
        &self,
        _facts: &Facts,
        batches: &mut dyn Iterator<Item = Batch>,
        out: Out<'_>,
    ) -> io::Result<Notes> {
        let mut tree = Tree::default();
        let count = stacks::each(self.0, batches, |stack, ns| {
            tree.add(stack, ns);
            Ok(())
        })?;
        let drawn = draw::write(&tree, self.0, count, out)?;
        let mut notes = Notes::new();
        if count == 0 {
            notes.push(stacks::none(self.0));
        }
        if tree.cut() > 0 {
            notes.push(format!(
                "{} not whole: they are deeper than a picture shows, or there are too many different ones. What lies deeper is in the \
                 last frame that is shown.",
                counted(tree.cut(), "stack is", "stacks are")
            ));
        }
        if drawn.narrow > 0 {
            notes.push(format!(
                "{} too narrow to be seen, and not in the picture: less than {} of the whole each. `--format folded` has all.",
                counted(drawn.narrow, "frame is", "frames are"),
                draw::NARROW_TEXT
            ));
        }
        Ok(notes)
    }
}

#[cfg(test)]
mod tests;
