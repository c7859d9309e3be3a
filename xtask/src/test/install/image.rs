//! The container image, read by somebody else's program: each part has the checksum that it is
//! called by.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::commands::dist::Dist;
use crate::process::output;
use crate::scratch;
use crate::setup::programs::{CONTAINERS, Programs};
use crate::test::Context;
use crate::test::dist::{build, built};

const PROGRAM: &str = "usr/bin/migscope";

pub(in crate::test) fn the_image_is_read_by_others(context: &Context<'_>) -> Result<()> {
    let dist = built(context)?;
    let list = || fs::read_to_string(&dist.checksums).context("the checksums");
    let sums = list()?;
    build(context)?;
    ensure!(
        sums == list()?,
        "the same commit makes other files: {sums}{}",
        list()?
    );
    let ways = ["oci-archive", "docker-archive"];
    let [new, old] = ways.map(|way| Unpacked::of(context, dist, way));
    let (new, old) = (new?, old?);
    for unpacked in [&new, &old] {
        unpacked.is_complete(&context.lab.programs.migscope)?;
    }
    ensure!(new.config == old.config, "the archive is two images");
    Ok(())
}

/// An image as a reader copied it: its configuration, and the root that its programs see.
pub(super) struct Unpacked {
    pub(super) config: Value,
    /// A folder with the folder [`Unpacked::ROOT`].
    pub(super) folder: PathBuf,
}

impl Unpacked {
    pub(super) const ROOT: &str = "image";

    /// `way` is what the reader takes the archive for.
    pub(super) fn of(context: &Context<'_>, dist: &Dist, way: &str) -> Result<Self> {
        let programs = Programs::fetched(&context.lab.setup.cache, CONTAINERS)?;
        let folder = scratch::path(&context.lab.setup.workspace, way);
        let copied = folder.join("copied");
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        let mut copy = programs.command("usr/bin/skopeo");
        copy.args(["copy", "--insecure-policy"])
            .arg(format!("{way}:{}", dist.image.display()))
            .arg(format!("dir:{}", copied.display()));
        output(&mut copy)?;
        let manifest = json(&copied.join("manifest.json"))?;
        let part = |part: &Value| -> Result<PathBuf> {
            let digest = part["digest"].as_str().context("a part has a digest")?;
            Ok(copied.join(digest.trim_start_matches("sha256:")))
        };
        let root = folder.join(Self::ROOT);
        fs::create_dir_all(&root).with_context(|| format!("create {}", root.display()))?;
        for layer in manifest["layers"].as_array().context("no layers")? {
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--file"]).arg(part(layer)?);
            output(tar.arg("--directory").arg(&root))?;
        }
        let config = json(&part(&manifest["config"])?)?;
        Ok(Self { config, folder })
    }

    fn is_complete(&self, migscope: &Path) -> Result<()> {
        let root = self.folder.join(Self::ROOT);
        let program = fs::read(root.join(PROGRAM)).context("the image's program")?;
        ensure!(
            program == fs::read(migscope).context("read migscope")?,
            "the image has another program"
        );
        let listed = output(Command::new("find").arg(&root).args(["-type", "f"]))?;
        let others: Vec<_> = listed
            .lines()
            .filter(|file| !file.ends_with(PROGRAM))
            .collect();
        let is_licence = |file: &&&str| file.contains("/doc/migscope/");
        ensure!(
            others.len() == 4 && others.iter().filter(is_licence).count() == 4,
            "beside the program there are {others:?}"
        );
        let config = &self.config["config"];
        ensure!(
            config["Entrypoint"] == serde_json::json!([format!("/{PROGRAM}")]),
            "it starts {}",
            config["Entrypoint"]
        );
        let version = &config["Labels"]["org.opencontainers.image.version"];
        ensure!(version == env!("CARGO_PKG_VERSION"), "it is {version}");
        Ok(())
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        // What cannot be removed does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("the JSON of {}", path.display()))
}
