//! Privileges, given up once they are not needed any more.
//!
//! Loading and attaching the probes takes root, or the capabilities that stand for it. Reading what
//! they tell takes open files. So whoever traces keeps, from then on, what [`Needs`] says, and no
//! more: capabilities, the user, and by Landlock the places where files can be written.

mod alone;
mod capabilities;
mod files;
mod user;

use std::io;
use std::path::PathBuf;

use rustix::process::geteuid;
use rustix::thread::set_no_new_privs;

pub use files::can_be_confined;

/// What is still done after the probes are attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Functions of other users' processes are named (`--user-stacks`): their memory maps and their
    /// files are looked at. That takes root's rights over processes, and Landlock would forbid it.
    pub processes: bool,
    /// A command is told to end, whoever's it is.
    pub signals: bool,
    /// Files are made, replaced or removed below this folder; `None`: nowhere.
    pub writes: Option<PathBuf>,
}

/// What was given up, besides capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confined {
    /// It is not root any more, or never was.
    pub is_another_user: bool,
    /// Nothing can be written elsewhere or executed, whatever its user may do.
    pub files: bool,
}

/// Keeps only what is needed from here on, on this kernel (`uname -r`), for good. It is for this
/// thread and those that it starts afterwards, so it waits for others that are about to end.
///
/// # Errors
///
/// Where another thread goes on, which would keep everything; and those of the system calls.
pub fn confine(needs: &Needs, release: &str) -> io::Result<Confined> {
    alone::wait()?;
    set_no_new_privs(true)?;
    let files = !needs.processes && files::confine(needs.writes.as_deref());
    if needs.processes || needs.writes.is_some() {
        capabilities::keep(needs, release)?;
        return Ok(Confined {
            is_another_user: !geteuid().is_root(),
            files,
        });
    }
    let is_another_user = user::become_nobody();
    capabilities::keep(needs, release)?;
    Ok(Confined {
        is_another_user,
        files,
    })
}
