//! The checkout: where its folders are, and the compiler that it pins.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::errors::unsupported;
use crate::process::output;

/// The checkout that this program was built from.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    rustc: Rustc,
}

/// The compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rustc {
    /// Its version: `1.95.0`.
    pub(crate) release: String,
    /// Everything it says about itself, for cache keys.
    pub(crate) all: String,
    /// Its folder.
    pub(crate) sysroot: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Asks cargo and the compiler.
    pub(crate) fn find() -> Result<Self> {
        if env::consts::ARCH != "x86_64" {
            return Err(unsupported(
                "the test VM and its kernel are for x86-64 machines, and this is none",
            ));
        }
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let metadata = output(
            cargo()
                .args(["metadata", "--no-deps", "--format-version=1"])
                .current_dir(here),
        )?;
        let metadata: Metadata =
            serde_json::from_str(&metadata).context("output of cargo metadata")?;
        let rustc = || {
            let mut command = Command::new("rustc");
            command.current_dir(here);
            command
        };
        let all = output(rustc().arg("-vV"))?;
        let release = release(&all)
            .context("rustc -vV names no release")?
            .to_owned();
        let sysroot = output(rustc().args(["--print", "sysroot"]))?
            .trim_end()
            .into();
        let rustc = Rustc {
            release,
            all,
            sysroot,
        };
        Ok(Workspace {
            root: metadata.workspace_root,
            target: metadata.target_directory,
            rustc,
        })
    }

    /// The top folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A place for what is built from this checkout.
    pub(crate) fn target(&self, name: &str) -> PathBuf {
        self.target.join(name)
    }

    /// Where the log of a build step is kept.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.target.join("xtask/logs").join(format!("{name}.log"))
    }

    /// The compiler.
    pub(crate) fn rustc(&self) -> &Rustc {
        &self.rustc
    }

    /// Cargo in the top folder, without flags of the environment that would replace those of a
    /// target.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command
            .current_dir(&self.root)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }

    /// A file of the checkout that must be there.
    pub(crate) fn file(&self, path: &str) -> Result<PathBuf> {
        let file = self.root.join(path);
        ensure!(
            file.exists(),
            "{} is missing from the checkout",
            file.display()
        );
        Ok(file)
    }
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn release(verbose: &str) -> Option<&str> {
    verbose
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_release_is_read_from_rustc() {
        assert_eq!(
            release(
                "rustc 1.95.0 (59807616e)\nbinary: rustc\nrelease: 1.95.0\nLLVM version: 22.1.2\n"
            ),
            Some("1.95.0")
        );
        assert_eq!(release("rustc"), None);
    }

    /// The files of the checkout whose names end so.
    fn files(root: &Path, end: &str) -> Vec<PathBuf> {
        let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && path != root.join("target") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == end) {
                    files.push(path);
                }
            }
        }
        files
    }

    /// As CONTRIBUTING.md asks for.
    #[test]
    fn comments_have_at_most_100_columns() {
        let mut long = Vec::new();
        for path in files(&Workspace::find().unwrap().root, "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let comments = text.lines().zip(1..).filter(|(line, _)| {
                line.trim_start().starts_with("//") && line.chars().count() > 100
            });
            long.extend(comments.map(|(_, at)| format!("{}:{at}", path.display())));
        }
        assert!(long.is_empty(), "{}", long.join("\n"));
    }

    /// What a document's links name, but for other sites.
    fn links(text: &str) -> impl Iterator<Item = &str> {
        let links = text.split("](").skip(1);
        let links = links.filter_map(|rest| rest.split_once(')').map(|(link, _)| link));
        links.filter(|link| !link.contains("://"))
    }

    /// How a heading is named in links.
    fn anchor(heading: &str) -> String {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let named = heading.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        });
        named.collect()
    }

    #[test]
    fn links_of_documents_lead_somewhere() {
        let mut lost = Vec::new();
        for path in files(&Workspace::find().unwrap().root, "md") {
            let text = fs::read_to_string(&path).unwrap();
            for link in links(&text) {
                let (file, part) = link.split_once('#').unwrap_or((link, ""));
                let to = match file {
                    "" => path.clone(),
                    file => path.with_file_name(file),
                };
                let leads = to.exists()
                    && (part.is_empty()
                        || fs::read_to_string(&to).is_ok_and(|text| {
                            let headings = text.lines().filter(|line| line.starts_with('#'));
                            headings.map(anchor).any(|anchor| anchor == part)
                        }));
                if !leads {
                    lost.push(format!("{}: {link}", path.display()));
                }
            }
        }
        assert!(lost.is_empty(), "{}", lost.join("\n"));
    }
}
