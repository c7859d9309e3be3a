//! What one machine has recorded, the other reads as its own.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::trace::{new_recording, tell};
use crate::driver;
use crate::sections::Sections;
use crate::vm::builder::{Output, Task};

/// Where the guest's own recording is, and where those are that other machines have made.
const HERE: &str = "/tmp/here.arrow";
const THERE: &str = "there";
/// Of the checkout: with everything, with losses, with a filter, with nothing but totals.
const RECORDINGS: [&str; 4] = ["mixed", "lossy", "filter-1", "totals-only"];
/// What is asked of each.
const READINGS: [&str; 5] = [
    "report",
    "report --json",
    "export --format json",
    "export --format csv",
    "export --format folded",
];

/// The guest records, and reads that and what x86-64 has recorded; this machine reads the same
/// files. Not a byte may differ.
pub(super) fn machines_read_the_same(context: &Context<'_>) -> Result<()> {
    let (recording, file) = new_recording(context, "either")?;
    let data = context
        .lab
        .setup
        .workspace
        .file("migrate-user/tests/data")?;
    let mut vm = driver::load(context.lab.vm("either")).limit(Duration::from_secs(600));
    let mut files = vec![(HERE.to_owned(), recording)];
    for name in RECORDINGS {
        let path = data.join(name).with_extension("arrow");
        let guest = format!("{THERE}/{name}.arrow");
        vm = vm.file(&guest, path.clone());
        files.push((format!("/{guest}"), path));
    }
    let record =
        format!("migscope record -o {HERE} -- workload run mixed --calls 300 --seed 12 >&2");
    let outcome = vm
        .task(Task::shell("record", &record))
        .task(Task::new("copy", ["cat", HERE]).stdout(Output::Host(Box::new(file))))
        .task(Task::shell("read", &script(&files)))
        .run()?;
    for task in ["record", "copy", "read"] {
        outcome.expect_success(task)?;
    }
    let read = Sections::of(&outcome.stdout("read"));
    let mut bytes = 0;
    for (guest, path) in &files {
        for reading in READINGS {
            let arguments = reading.split(' ');
            let output = Command::new(&context.lab.reader)
                .args(arguments)
                .arg(path)
                .output()
                .context("start migscope")?;
            ensure!(output.status.success(), "{reading} of {guest} failed here");
            let (here, there) = (
                String::from_utf8_lossy(&output.stdout).into_owned(),
                read.get(&format!("{reading} {guest}"))?,
            );
            ensure!(
                here.replace("\r", "") == there,
                "{reading} of {guest} is another on {}: {}",
                context.lab.setup.arch,
                first_difference(&here, there)
            );
            bytes += there.len();
        }
    }
    let count = files.len();
    tell(
        context,
        "either",
        &format!("  {count} recordings, {bytes} bytes of what is read in them, equal"),
    )
}

/// Reads each file in each way. A name of a section comes before what is printed of it.
fn script(files: &[(String, std::path::PathBuf)]) -> String {
    let mut script = String::new();
    for (guest, _) in files {
        for reading in READINGS {
            script +=
                &format!("echo '== {reading} {guest}'; migscope {reading} {guest} || exit 1\n");
        }
    }
    script
}

fn first_difference(here: &str, there: &str) -> String {
    let mut lines = here.lines().zip(there.lines());
    let found = lines.find(|(here, there)| here != there);
    found.map_or_else(
        || format!("{} bytes here, {} there", here.len(), there.len()),
        |(here, there)| format!("here {here:?}, there {there:?}"),
    )
}
