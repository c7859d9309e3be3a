//! The kernel's own description of its types.

use super::{Check, Root, State};
use crate::kernel::Types;

const PATH: &str = "/sys/kernel/btf/vmlinux";

/// What there is of it.
pub(super) enum Btf {
    Types(Types),
    /// And what is wrong with it.
    Damaged(String),
    None,
}

impl Btf {
    pub(super) fn of(root: &Root) -> Self {
        match root.bytes(PATH).map(Types::parse) {
            Some(Ok(types)) => Self::Types(types),
            Some(Err(cause)) => Self::Damaged(cause),
            None => Self::None,
        }
    }

    pub(super) fn types(&self) -> Option<&Types> {
        match self {
            Self::Types(types) => Some(types),
            Self::Damaged(_) | Self::None => None,
        }
    }

    pub(super) fn check(&self) -> Check {
        let check = |found: String| Check::new("hooks", "BTF", found);
        match self {
            Self::Types(_) => check(PATH.to_owned()),
            Self::Damaged(cause) => check(format!("{PATH} cannot be read: {cause}"))
                .judged(State::Missing, "Report this with the output of `uname -a`"),
            Self::None => check(format!("{PATH} is missing")).judged(
                State::Missing,
                "Neither hooks nor fields can be found without it, kprobes or not. Use a kernel with \
                 CONFIG_DEBUG_INFO_BTF=y, as those of the distributions are",
            ),
        }
    }
}
