//! Another user than root.

use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{
    set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

/// The user and the group that stand for nobody in the kernel. Nothing is theirs.
const NOBODY: u32 = 65534;

/// Becomes nobody, if this is root, and keeps its capabilities until they are given up. True if
/// this is not root afterwards: in a container there may be no other user.
pub(super) fn become_nobody() -> bool {
    if !geteuid().is_root() {
        return true;
    }
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    let changed = set_keep_capabilities(true)
        .and_then(|()| set_thread_groups(&[]))
        .and_then(|()| set_thread_res_gid(group, group, group))
        .and_then(|()| set_thread_res_uid(user, user, user));
    changed.is_ok()
}
