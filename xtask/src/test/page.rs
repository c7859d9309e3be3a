//! The HTML report and a flame graph in a real browser.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::runs::{Wanted, record};
use super::trace::tell;
use crate::process::output;
use crate::scratch;
use crate::setup::packages::{Need, Packages};

const BROWSER: &str = "chromium";
/// What it says when a page has something to say: an error, or a request that the page's own policy
/// forbids.
const CONSOLE: &str = ":CONSOLE:";
/// Less than this is a picture of nothing.
const PICTURE_BYTES: u64 = 50_000;
/// The same of a flame graph, which is small.
const FRAMES_BYTES: u64 = 10_000;
/// A page that asks for a picture from elsewhere, under the report's policy: the browser has to
/// complain of it.
const ASKING: &str = "<!DOCTYPE html><meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">\
    <img src='http://127.0.0.1:9/picture'>";

/// The policy under which a flame graph is shown: what it asks of others is forbidden, and told.
const POLICY: &str = "<!DOCTYPE html><meta http-equiv='Content-Security-Policy' \
    content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">";

/// It has no console message and asks nobody for anything; and the browser would have told.
pub(super) fn opens_in_a_browser_without_a_request(context: &Context<'_>) -> Result<()> {
    Packages::have(Need::Browser)?;
    let wanted = [Wanted {
        name: "mixed".to_owned(),
        options: "--sub-steps",
        workload: "mixed --seed 4 --calls 600",
    }];
    let folder = record(context, "page", &wanted, |vm| vm)?;
    let page = folder.join("report.html");
    let mut migscope = Command::new(&context.lab.reader);
    let report = migscope.arg("report").arg("--html").arg(&page);
    output(report.arg(folder.join("mixed.arrow")))?;
    let asking = folder.join("asking.html");
    fs::write(&asking, ASKING).with_context(|| format!("write {}", asking.display()))?;

    let picture = folder.join("report.png");
    let said = open(context, &page, &picture)?;
    ensure!(said.is_empty(), "the page says: {}", said.join("\n"));
    let bytes = fs::metadata(&picture).context("there is no picture")?.len();
    ensure!(
        bytes > PICTURE_BYTES,
        "a picture of {bytes} bytes shows nothing"
    );
    let said = open(context, &asking, &folder.join("asking.png"))?;
    ensure!(
        said.iter()
            .any(|line| line.contains("Content Security Policy")),
        "the browser does not tell of a request: {said:?}"
    );
    tell(context, "page", &format!("  {}", picture.display()))
}

/// The same of a flame graph, alone and in a page that forbids it to ask anybody for anything.
pub(super) fn a_flame_graph_opens_in_one_too(context: &Context<'_>) -> Result<()> {
    Packages::have(Need::Browser)?;
    let wanted = [Wanted {
        name: "stacks".to_owned(),
        options: "--kernel-stacks --user-stacks",
        workload: "mixed --seed 4 --calls 600",
    }];
    let folder = record(context, "flamegraph", &wanted, |vm| vm)?;
    let mut migscope = Command::new(&context.lab.reader);
    let export = migscope.args(["export", "--format", "flamegraph"]);
    let picture = output(export.arg(folder.join("stacks.arrow")))?;
    for frame in ["do_syscall_64", "OpenFile", "ioctl"] {
        ensure!(picture.contains(frame), "no frame is {frame}");
    }
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok::<_, anyhow::Error>(path)
    };
    let alone = write("stacks.svg", &picture)?;
    let within = write("stacks.html", &format!("{POLICY}{picture}"))?;
    for page in [&alone, &within] {
        let shown = page.with_extension("png");
        let said = open(context, page, &shown)?;
        ensure!(said.is_empty(), "it says: {}", said.join("\n"));
        let bytes = fs::metadata(&shown).context("there is no picture")?.len();
        ensure!(bytes > FRAMES_BYTES, "{bytes} bytes show nothing");
    }
    tell(context, "flamegraph", &format!("  {}", alone.display()))
}

/// Opens a page and takes a picture of it. What its console says.
fn open(context: &Context<'_>, page: &Path, picture: &Path) -> Result<Vec<String>> {
    let profile = scratch::path(&context.lab.setup.workspace, "browser");
    let mut browser = Command::new(BROWSER);
    let finished = browser
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
        ])
        .args(["--window-size=1300,5200", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .context("start the browser")?;
    let said = String::from_utf8_lossy(&finished.stderr).into_owned();
    // What cannot be removed does no harm.
    let _ = fs::remove_dir_all(&profile);
    ensure!(
        finished.status.success(),
        "{BROWSER} ended with {}: {said}",
        finished.status
    );
    let console = said.lines().filter(|line| line.contains(CONSOLE));
    Ok(console.map(str::to_owned).collect())
}
