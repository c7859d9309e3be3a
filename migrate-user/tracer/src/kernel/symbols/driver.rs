//! Which driver migrates, by the stack of the call.

use std::sync::Arc;

use super::kallsyms::Place;

/// The kernel's functions with which a migration begins.
const BEGINNINGS: [&str; 3] = [
    "migrate_vma_setup",
    "migrate_device_range",
    "migrate_device_pfns",
];

/// Modules that never migrate for themselves, but for the driver that calls them.
pub(super) const HELPERS: [&str; 5] = [
    "drm_gpusvm_helper",
    "drm_gpusvm",
    "drm_pagemap",
    "drm",
    "ttm",
];

/// Does this module never migrate for itself?
pub(in super::super) fn is_helper(module: &str) -> bool {
    HELPERS.contains(&module)
}

/// How many of the innermost frames are the tracer's own, and the kernel's on the way to it: all
/// that were called by the function with which the migration begins. Where the kernel jumps into
/// the tracer's trampoline (Linux 7), that function is not on the stack yet: then all that is not
/// named.
pub(super) fn inside(frames: &[Place]) -> usize {
    let is_module = |frame: &Place| matches!(frame, Place::Module(..));
    let mut before_modules = frames.iter().take_while(|frame| !is_module(frame));
    let begins = before_modules.position(is_beginning);
    // Where nothing has a name, nothing is known to be the tracer's.
    let own = || {
        frames
            .iter()
            .position(|frame| !is_generated(frame))
            .unwrap_or(0)
    };
    begins.unwrap_or_else(own)
}

fn is_beginning(frame: &Place) -> bool {
    matches!(frame, Place::Kernel(name) if BEGINNINGS.contains(&&**name))
}

/// What is in no module and no function of the kernel's was made while it ran, named or not.
fn is_generated(frame: &Place) -> bool {
    matches!(frame, Place::Unknown | Place::Generated(_))
}

/// The module that called the function with which the migration begins. `frames` begin inside of
/// it, innermost first.
///
/// A helper is passed over for the module that called it. There may be none: a page fault enters
/// the helper directly. Then it is the driver if `only_user` says that one module alone uses the
/// helper; else the helper is named. Modules further out are never taken: what comes behind a frame
/// of the kernel itself (KVM, whose guest touched the page) has asked for no migration.
///
/// `None` for a driver that is built into the kernel, which no list of symbols tells from the rest
/// of the kernel, and for stacks that do not begin where a migration does.
pub(super) fn driver(
    frames: &[Place],
    only_user: impl Fn(&str) -> Option<Arc<str>>,
) -> Option<Arc<str>> {
    let inside = inside(frames);
    let outward = match frames.get(inside..)? {
        [first, outward @ ..] if is_beginning(first) => outward,
        // Nothing of the tracer is on it.
        _ if inside == 0 => return None,
        outward => outward,
    };
    // Others may trace the driver; their trampolines stand between its frames, and have come since
    // symbols were read.
    let mut modules = outward
        .iter()
        .filter(|frame| !is_generated(frame))
        .map_while(|frame| match frame {
            Place::Module(name, _) => Some(name),
            _ => None,
        })
        .peekable();
    let helper = Arc::clone(modules.peek()?);
    let caller = modules.find(|name| !HELPERS.contains(&&***name));
    Some(match caller {
        Some(caller) => Arc::clone(caller),
        None => only_user(&helper).unwrap_or(helper),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(name: &str) -> Place {
        Place::Kernel(name.into())
    }

    fn module(name: &str) -> Place {
        Place::Module(name.into(), Some("function".into()))
    }

    fn nobody(_: &str) -> Option<Arc<str>> {
        None
    }

    fn named(frames: &[Place]) -> Option<String> {
        driver(frames, nobody).map(|name| name.to_string())
    }

    #[test]
    fn the_caller_is_the_driver() {
        let bpf = || Place::Generated("bpf".into());
        let frames = [
            kernel("bpf_get_stack"),
            bpf(),
            bpf(),
            kernel("migrate_vma_setup"),
            module("amdgpu"),
            module("amdgpu"),
            kernel("do_swap_page"),
        ];
        assert_eq!(inside(&frames), 3);
        assert_eq!(named(&frames).as_deref(), Some("amdgpu"));
        // Traced by another tool in between.
        for generated in [bpf(), Place::Unknown] {
            let traced = [kernel("migrate_device_pfns"), generated, module("nouveau")];
            assert_eq!(named(&traced).as_deref(), Some("nouveau"));
        }
    }

    #[test]
    fn generated_code_without_a_name_hides_nobody() {
        let frames = [
            Place::Unknown,
            Place::Unknown,
            module("drm_gpusvm_helper"),
            Place::Unknown,
            module("xe"),
            kernel("do_swap_page"),
        ];
        assert_eq!(inside(&frames), 2);
        assert_eq!(named(&frames).as_deref(), Some("xe"));
    }

    #[test]
    fn a_helper_is_passed_over_for_its_caller() {
        let setup = || kernel("migrate_vma_setup");
        let helper = || module("drm_gpusvm_helper");
        let called = [
            setup(),
            helper(),
            helper(),
            module("xe"),
            kernel("drm_ioctl"),
        ];
        assert_eq!(named(&called).as_deref(), Some("xe"));
        assert_eq!(
            named(&[setup(), helper()]).as_deref(),
            Some("drm_gpusvm_helper")
        );
    }

    #[test]
    fn whoever_only_touched_the_page_is_no_driver() {
        let faulted = [
            kernel("migrate_vma_setup"),
            module("drm_gpusvm_helper"),
            kernel("do_swap_page"),
            kernel("get_user_pages"),
            module("kvm"),
        ];
        assert_eq!(named(&faulted).as_deref(), Some("drm_gpusvm_helper"));
        let only_user = |helper: &str| (helper == "drm_gpusvm_helper").then(|| "xe".into());
        assert_eq!(driver(&faulted, only_user).as_deref(), Some("xe"));
        // The driver is built in; its module would stand where do_swap_page is.
        let built_in = [
            kernel("migrate_vma_setup"),
            kernel("svm_migrate_to_ram"),
            module("kvm"),
        ];
        assert_eq!(named(&built_in), None);
    }

    #[test]
    fn a_stack_that_begins_elsewhere_tells_nothing() {
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[Place::Unknown, Place::Unknown]), None);
        assert_eq!(named(&[module("amdgpu")]), None);
        assert_eq!(
            named(&[
                kernel("migrate_vma_setup"),
                kernel("ksm_scan"),
                module("xe")
            ]),
            None
        );
    }

    #[test]
    fn a_migration_inside_of_another_is_the_inner_drivers() {
        let nested = [
            kernel("migrate_device_range"),
            module("migrate_test"),
            kernel("migrate_vma_setup"),
            module("xe"),
        ];
        assert_eq!(named(&nested).as_deref(), Some("migrate_test"));
    }
}
