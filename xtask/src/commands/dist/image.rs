//! A container image from nothing: the program, and everybody's licences.
//!
//! An archive as `docker save` makes it: an OCI layout, with a list for older readers. Each of its
//! parts is a file that is named after its checksum.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::checksums::sum;
use super::tar::Tar;
use crate::arch::Arch;

const OCI: &str = "application/vnd.oci.image";
/// How the image is called without a registry.
const NAME: &str = concat!("migscope:", env!("CARGO_PKG_VERSION"));
/// What it serves: see `docs/metrics.md`.
const PORT: &str = "10469";

/// What an image is made of.
pub(super) struct Image<'a> {
    pub(super) arch: Arch,
    /// The root that its programs see.
    pub(super) root: &'a Path,
    /// When it was made, seconds since 1970 and as people write it, and of which commit.
    pub(super) time: &'a str,
    pub(super) date: &'a str,
    pub(super) commit: Option<&'a str>,
}

impl Image<'_> {
    /// Writes the archive; `layout` is a folder for its parts.
    pub(super) fn write(&self, layout: &Path, archive: &Path) -> Result<()> {
        let blobs = Blobs(layout.join("blobs/sha256"));
        fs::create_dir_all(&blobs.0).with_context(|| format!("create {}", blobs.0.display()))?;
        let (layer, unpacked) = self.layer(layout, &blobs)?;
        let config = blobs.json("config.v1+json", &self.config(&unpacked))?;
        let manifest = blobs.json("manifest.v1+json", &manifest(&config, &layer))?;
        let parts = [
            ("oci-layout", json!({"imageLayoutVersion": "1.0.0"})),
            ("index.json", self.index(manifest)),
            ("manifest.json", list(&config, &layer)?),
        ];
        for (name, content) in parts {
            let path = layout.join(name);
            fs::write(&path, content.to_string())
                .with_context(|| format!("write {}", path.display()))?;
        }
        Tar::new(layout, self.time).write(archive)
    }

    /// The only layer: how it is described, and its checksum before it was compressed.
    fn layer(&self, layout: &Path, blobs: &Blobs) -> Result<(Value, String)> {
        let plain = layout.with_extension("tar");
        Tar::new(self.root, self.time).write(&plain)?;
        let unpacked = sum(&plain)?;
        let packed = layout.with_extension("tar.gz");
        Tar::new(self.root, self.time).compressed().write(&packed)?;
        Ok((blobs.file("layer.v1.tar+gzip", &packed)?, unpacked))
    }

    fn config(&self, unpacked: &str) -> Value {
        let mut labels = json!({
            "org.opencontainers.image.title": "migscope",
            "org.opencontainers.image.description": "migrations of memory between the CPU and devices, for Prometheus",
            "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
            "org.opencontainers.image.licenses": "MIT OR Apache-2.0",
            "org.opencontainers.image.created": self.date,
        });
        if let Some(commit) = self.commit {
            labels["org.opencontainers.image.revision"] = commit.into();
        }
        json!({
            "created": self.date,
            "architecture": self.arch.debian(),
            "os": "linux",
            "config": {
                "Entrypoint": ["/usr/bin/migscope"],
                "Cmd": ["serve", format!("--listen=0.0.0.0:{PORT}")],
                "ExposedPorts": {format!("{PORT}/tcp"): {}},
                "WorkingDir": "/",
                "Labels": labels,
            },
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{unpacked}")]},
            "history": [{"created": self.date, "created_by": "cargo xtask dist"}],
        })
    }

    fn index(&self, mut manifest: Value) -> Value {
        manifest["platform"] = json!({"architecture": self.arch.debian(), "os": "linux"});
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": NAME});
        json!({
            "schemaVersion": 2,
            "mediaType": format!("{OCI}.index.v1+json"),
            "manifests": [manifest],
        })
    }
}

fn manifest(config: &Value, layer: &Value) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": format!("{OCI}.manifest.v1+json"),
        "config": config,
        "layers": [layer],
    })
}

/// For readers that know no OCI layout.
fn list(config: &Value, layer: &Value) -> Result<Value> {
    Ok(json!([{
        "Config": path(config)?,
        "RepoTags": [NAME],
        "Layers": [path(layer)?],
    }]))
}

/// Where a part is in the archive.
fn path(part: &Value) -> Result<String> {
    let digest = part["digest"].as_str().context("a part has a digest")?;
    Ok(format!("blobs/{}", digest.replace(':', "/")))
}

/// The folder of the parts.
struct Blobs(PathBuf);

impl Blobs {
    fn json(&self, kind: &str, content: &Value) -> Result<Value> {
        let file = self.0.join("part");
        fs::write(&file, content.to_string())
            .with_context(|| format!("write {}", file.display()))?;
        self.file(kind, &file)
    }

    /// Takes a file in under its checksum, and describes it.
    fn file(&self, kind: &str, file: &Path) -> Result<Value> {
        let sum = sum(file)?;
        let part = self.0.join(&sum);
        fs::rename(file, &part).with_context(|| format!("move {}", file.display()))?;
        let size = fs::metadata(&part).context("the size of a part")?.len();
        Ok(json!({
            "mediaType": format!("{OCI}.{kind}"),
            "digest": format!("sha256:{sum}"),
            "size": size,
        }))
    }
}
