//! What a name leads to, through symbolic links that may be trusted.
//!
//! In a folder that others may write, such as `/tmp`, anybody can make a link of any name to a file
//! of the user who runs this. The kernel follows no such link where `fs.protected_symlinks` is set,
//! and only where the folder is sticky; here it is never followed.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{PROC_SUPER_MAGIC, statfs};
use rustix::process::geteuid;

/// As many links as the kernel follows.
const LINKS: usize = 40;

/// Where a name leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// A path without links. Nothing need be there.
    Path(PathBuf),
    /// A link that only the kernel can follow: that of a pipe in `/proc/self/fd`.
    Open(PathBuf),
}

/// Follows the links of a path.
pub(super) fn behind(path: &Path) -> io::Result<Behind> {
    let path = std::path::absolute(path)?;
    let mut todo: VecDeque<OsString> = parts(&path).collect();
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = todo.pop_front() {
        if name == ".." {
            // Nothing before it is a link any more.
            at.pop();
            continue;
        }
        let next = at.join(&name);
        // What cannot be looked at is told by whoever opens it.
        let link = fs::symlink_metadata(&next).ok();
        let Some(link) = link.filter(Metadata::is_symlink) else {
            at = next;
            continue;
        };
        links += 1;
        if links > LINKS {
            return Err(rustix::io::Errno::LOOP.into());
        }
        check(&next, &link, &at)?;
        let target = fs::read_link(&next)?;
        if todo.is_empty() && is_of_proc(&at) && !target.exists() {
            return Ok(Behind::Open(next));
        }
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        parts(&target).rev().for_each(|part| todo.push_front(part));
    }
    Ok(Behind::Path(at))
}

/// The names that a path consists of, and `..`.
fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

fn is_of_proc(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|found| found.f_type == PROC_SUPER_MAGIC)
}

fn check(path: &Path, link: &Metadata, folder: &Path) -> io::Result<()> {
    let folder = fs::metadata(folder)?;
    if is_trusted(
        link.uid(),
        (folder.uid(), folder.mode()),
        geteuid().as_raw(),
    ) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "{} is a symbolic link of user {} in a folder that others may write, and is not followed",
            path.display(),
            link.uid()
        ),
    ))
}

/// May a link of this owner be followed, in a folder of this owner and mode, by us?
fn is_trusted(link: u32, (folder, mode): (u32, u32), us: u32) -> bool {
    let others_may_write = mode & 0o022 != 0;
    !others_may_write || [us, 0, folder].contains(&link)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_strangers_link_is_not_followed_where_strangers_may_write() {
        let (us, stranger) = (1000, 1001);
        for (link, folder, trusted) in [
            (us, (0, 0o1777), true),
            (0, (0, 0o1777), true),
            (stranger, (0, 0o1777), false),
            (stranger, (us, 0o770), false),
            (stranger, (us, 0o755), true),
            (stranger, (stranger, 0o777), true),
        ] {
            assert_eq!(is_trusted(link, folder, us), trusted, "{link} {folder:?}");
        }
    }

    #[test]
    fn links_are_followed_to_their_end() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir(folder.join("a")).unwrap();
        symlink("../b", folder.join("a/up")).unwrap();
        symlink(folder.join("a/up"), folder.join("first")).unwrap();
        symlink("round", folder.join("round")).unwrap();
        let path = |name: &str| Behind::Path(folder.join(name));
        assert_eq!(behind(&folder.join("first")).unwrap(), path("b"));
        assert_eq!(behind(&folder.join("first/x")).unwrap(), path("b/x"));
        assert_eq!(behind(&folder.join("a/./../c")).unwrap(), path("c"));
        assert!(behind(&folder.join("round")).is_err());
    }

    #[test]
    fn an_open_pipe_is_the_kernels_to_find() {
        use std::os::fd::AsRawFd as _;
        let (_reader, writer) = io::pipe().unwrap();
        let path = PathBuf::from(format!("/dev/fd/{}", writer.as_raw_fd()));
        assert!(matches!(behind(&path).unwrap(), Behind::Open(_)));
    }
}
