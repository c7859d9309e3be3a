//! Stacks put together: frames with those that they call.

use std::collections::BTreeMap;

/// The most frames, and the deepest stack. Beyond that, what is called counts as its caller.
const MOST_FRAMES: usize = 200_000;
const MOST_DEPTH: usize = 256;

/// All stacks, from their outermost frames on.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) root: Frame,
    frames: usize,
    cut: u64,
}

/// A function at one place in stacks.
#[derive(Default)]
pub(super) struct Frame {
    /// What came from it took so long, nanoseconds.
    pub(super) ns: u64,
    /// What it calls, in the order of names.
    pub(super) calls: BTreeMap<Box<str>, Frame>,
}

impl Tree {
    /// Adds a stack, outermost frame first, `;` between frames.
    pub(super) fn add(&mut self, stack: &str, ns: u64) {
        let mut frame = &mut self.root;
        frame.ns = frame.ns.saturating_add(ns);
        for (depth, name) in stack.split(';').enumerate() {
            let is_new = !frame.calls.contains_key(name);
            if depth >= MOST_DEPTH || (is_new && self.frames >= MOST_FRAMES) {
                self.cut += 1;
                return;
            }
            self.frames += usize::from(is_new);
            frame = frame.calls.entry(name.into()).or_default();
            frame.ns = frame.ns.saturating_add(ns);
        }
    }

    /// How many stacks are not whole.
    pub(super) fn cut(&self) -> u64 {
        self.cut
    }
}

impl Frame {
    /// How many frames are on top of each other, this one counted.
    pub(super) fn depth(&self) -> usize {
        let deepest = self.calls.values().map(Self::depth).max();
        1 + deepest.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_wide_as_what_comes_from_them() {
        let mut tree = Tree::default();
        for (stack, ns) in [("a;b", 5), ("a;c", 7), ("a", 2), ("d", 1)] {
            tree.add(stack, ns);
        }
        let a = &tree.root.calls["a"];
        assert_eq!((tree.root.ns, a.ns, tree.root.calls["d"].ns), (15, 14, 1));
        assert_eq!((a.calls["b"].ns, a.calls["c"].ns), (5, 7));
        assert_eq!((tree.root.depth(), tree.cut()), (3, 0));
    }

    #[test]
    fn no_recording_makes_it_grow_without_end() {
        let mut tree = Tree::default();
        tree.add(&vec!["f"; 2 * MOST_DEPTH].join(";"), 3);
        assert_eq!((tree.root.depth(), tree.cut()), (MOST_DEPTH + 1, 1));
        for at in 0..MOST_FRAMES {
            tree.add(&format!("g{at}"), 1);
        }
        assert_eq!(tree.frames, MOST_FRAMES);
        assert_eq!(tree.cut(), 1 + MOST_DEPTH as u64);
        // All of the time is there.
        assert_eq!(tree.root.ns, 3 + MOST_FRAMES as u64);
    }
}
