//! Stacks as one line, as `stackcollapse-perf.pl` of the FlameGraph tools writes them, with its
//! marks for the kernel.

use std::sync::Arc;

use super::kallsyms::Place;

/// Where nothing is known.
pub(super) const UNKNOWN: &str = "[unknown]";

/// Frames of the kernel, innermost first.
pub(super) fn kernel(frames: &[Place]) -> Arc<str> {
    let names = frames.iter().map(|frame| match frame {
        Place::Kernel(name) | Place::Module(_, Some(name)) => format!("{name}_[k]"),
        Place::Module(owner, None) | Place::Generated(owner) => format!("[{owner}]_[k]"),
        Place::Unknown => format!("{UNKNOWN}_[k]"),
    });
    line(names)
}

/// Names of frames, innermost first.
pub(super) fn line(names: impl DoubleEndedIterator<Item = String>) -> Arc<str> {
    let names: Vec<_> = names.rev().map(|name| harmless(&name)).collect();
    names.join(";").into()
}

/// Files name their functions as they like: `;` separates frames, and a line is a stack.
fn harmless(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            ';' => ':',
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_comes_first() {
        let frames = [
            Place::Kernel("migrate_vma_setup".into()),
            Place::Module("amdgpu".into(), Some("svm_migrate".into())),
            Place::Module("amdgpu".into(), None),
            Place::Generated("bpf".into()),
            Place::Unknown,
        ];
        assert_eq!(
            &*kernel(&frames),
            "[unknown]_[k];[bpf]_[k];[amdgpu]_[k];svm_migrate_[k];migrate_vma_setup_[k]"
        );
        assert_eq!(&*kernel(&[]), "");
    }

    #[test]
    fn names_cannot_break_the_line() {
        let names = ["<[u8; 4] as Hash>::hash", "a\nb"].map(str::to_owned);
        assert_eq!(
            &*line(names.into_iter()),
            "a\u{fffd}b;<[u8: 4] as Hash>::hash"
        );
    }
}
