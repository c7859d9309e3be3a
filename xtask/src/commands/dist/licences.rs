//! The licences of the libraries that are in the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process::output;
use crate::workspace::Workspace;

/// What the names of files with licences begin with.
const BEGINNINGS: [&str; 4] = ["license", "licence", "copying", "notice"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
}

/// Each library with its licence, then the texts; one that several share is there once.
pub(super) fn all(workspace: &Workspace) -> Result<String> {
    let linked = linked(workspace)?;
    let metadata = output(workspace.cargo().args(["metadata", "--format-version=1"]))?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("output of cargo metadata")?;
    let of_others = |package: &&Package| {
        package.source.is_some()
            && linked.contains(&format!("{} v{}", package.name, package.version))
    };
    let packages: Vec<_> = metadata.packages.iter().filter(of_others).collect();
    let mut page = String::from("Libraries in migscope, and their licences:\n\n");
    let mut texts = BTreeMap::<String, Vec<String>>::new();
    for package in packages {
        let name = format!("{} {}", package.name, package.version);
        let licence = package.license.as_deref().unwrap_or("see its text");
        page += &format!("  {name}: {licence}\n");
        for text in texts_in(package.manifest_path.parent().unwrap_or(Path::new("/")))? {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    for (text, names) in texts {
        page += &format!("\n{}\n{}:\n\n{text}", "-".repeat(80), names.join(", "));
    }
    Ok(page)
}

/// The libraries that get into the program, as `NAME vVERSION`.
fn linked(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let mut tree = workspace.cargo();
    tree.args([
        "tree",
        "--package",
        "migrate-user",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let listed = output(&mut tree)?;
    let name = |line: &str| Some(line.split(" (").next()?.to_owned());
    Ok(listed.lines().filter_map(name).collect())
}

fn texts_in(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut files: Vec<_> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().to_lowercase();
            BEGINNINGS.iter().any(|begin| name.starts_with(begin)) && entry.path().is_file()
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    // A text that is no text is left out.
    Ok(files
        .into_iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .collect())
}
