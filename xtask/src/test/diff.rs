//! `migscope diff` is quiet about what is the same, and names what got worse.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Context;
use super::runs::{Wanted, record};
use super::trace::tell;

/// `wasted` is worse than `mixed`, because more is copied in vain.
pub(super) fn waste_is_worse_and_named(context: &Context<'_>) -> Result<()> {
    let runs = [
        ("mixed", "mixed --seed 4 --calls 600"),
        ("wasted", "wasted --seed 4 --calls 300"),
    ];
    let runs = runs.map(|(name, workload)| Wanted {
        name: name.to_owned(),
        options: "",
        workload,
    });
    let folder = record(context, "diff-wasted", &runs, |vm| vm)?;
    let (page, status) = diff(
        context,
        &folder.join("mixed.arrow"),
        &folder.join("wasted.arrow"),
    )?;
    let (same, unchanged) = diff(
        context,
        &folder.join("mixed.arrow"),
        &folder.join("mixed.arrow"),
    )?;
    // What varies much within a run may be told to be open, but never to have changed.
    ensure!(
        (unchanged == 0 && same["verdict"] == "same")
            || (unchanged == 3 && same["verdict"] == "inconclusive"),
        "a run against itself: {same:#}"
    );
    let worse = worse(&page)?;
    ensure!(
        status == 1 && page["verdict"] == "worse" && worse.contains(&"wasted_share"),
        "status {status}: {page:#}"
    );
    let why = page["why"].as_array().context("no reasons")?;
    let says = |why: &&Value| why.as_str().is_some_and(|why| why.contains("thrown away"));
    ensure!(why.iter().any(|why| says(&why)), "it says only {why:?}");
    tell(
        context,
        "diff-wasted",
        &format!("  worse: {}; {why:?}", worse.join(" ")),
    )
}

/// What `diff --json` prints, and its exit status.
pub(super) fn diff(context: &Context<'_>, base: &Path, new: &Path) -> Result<(Value, i32)> {
    let mut migscope = Command::new(&context.lab.reader);
    let finished = migscope
        .args(["diff", "--json"])
        .arg(base)
        .arg(new)
        .output();
    let finished = finished.context("start migscope")?;
    let said = String::from_utf8_lossy(&finished.stderr);
    let page = serde_json::from_slice(&finished.stdout);
    let page = page.with_context(|| format!("diff of {} is no JSON: {said}", new.display()))?;
    Ok((page, finished.status.code().context("it was killed")?))
}

/// The figures that are worse.
fn worse(page: &Value) -> Result<Vec<&str>> {
    let figures = page["figures"].as_array().context("no figures")?;
    let worse = figures.iter().filter(|figure| figure["verdict"] == "worse");
    worse
        .map(|figure| figure["figure"].as_str().context("a figure without a name"))
        .collect()
}
