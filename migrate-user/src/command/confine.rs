//! Giving up what is not needed once the probes are attached.

use std::fs;
use std::path::{Path, PathBuf};

use crate::privilege::{self, Needs};
use crate::recording::Output;
use crate::source::{KernelSource, Source as _};
use crate::tell_line;

/// Keeps only what is needed. Tracing goes on whether or not anything can be given up.
pub(super) fn confine(source: &KernelSource, needs: &Needs) {
    let stays = needs.processes || needs.writes.is_some();
    match privilege::confine(needs, &source.facts().kernel) {
        Err(cause) => {
            tell_line!("migscope: it keeps its privileges, which cannot be given up: {cause}.");
        }
        Ok(confined) if !stays && !confined.is_another_user => {
            tell_line!(
                "migscope: it stays root, with no capability: to become nobody (65534) takes CAP_SETUID and \
                 CAP_SETGID, and that this user is in its user namespace."
            );
        }
        Ok(_) => {}
    }
}

/// The folder in which an output comes to be; `None` where it is written to as it is.
pub(super) fn folder_of(output: &Output) -> Option<PathBuf> {
    match output {
        Output::File(path) if output.is_file() => {
            // Where a link leads to a file, that is replaced.
            let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            Some(parent_of(&path))
        }
        Output::File(_) | Output::Stdout | Output::Socket(_) => None,
    }
}

/// The folder that a path is in.
pub(super) fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_made_in_the_folder_of_their_name_or_behind_its_link() {
        let of = |text: &str| folder_of(&text.parse().unwrap());
        assert_eq!(of("-"), None);
        assert_eq!(of("/dev/null"), None);
        assert_eq!(of("unix:/run/a"), None);
        assert_eq!(of("/nowhere/a.arrow"), Some("/nowhere".into()));
        assert_eq!(of("not-there.arrow"), Some(".".into()));
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("behind")).unwrap();
        fs::write(root.join("behind/run"), "").unwrap();
        std::os::unix::fs::symlink("behind/run", root.join("run")).unwrap();
        let link = root.join("run").display().to_string();
        assert_eq!(of(&link), Some(root.join("behind")));
    }
}
