//! What one machine has recorded, the other reads as its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::trace::{new_recording, tell};
use crate::driver;
use crate::sections::Sections;
use crate::vm::builder::{Output, Task};

/// The guest's own recording. Reports name the file that they are of: it has the same name here.
const NAME: &str = "either";
/// The guest's folder with all of them.
const FOLDER: &str = "recordings";
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
    let (recording, file) = new_recording(context, NAME)?;
    let data = context
        .lab
        .setup
        .workspace
        .file("migrate-user/tests/data")?;
    let mut vm = driver::load(context.lab.vm("either")).limit(Duration::from_secs(600));
    let mut files = vec![recording];
    for name in RECORDINGS {
        let path = data.join(name).with_extension("arrow");
        vm = vm.file(&format!("{FOLDER}/{}", name_of(&path)), path.clone());
        files.push(path);
    }
    let own = format!("/{FOLDER}/{NAME}.arrow");
    let record =
        format!("migscope record -o {own} -- workload run mixed --calls 300 --seed 12 >&2");
    let outcome = vm
        .task(Task::shell("record", &record))
        .task(Task::new("copy", ["cat", &own]).stdout(Output::Host(Box::new(file))))
        .task(Task::shell("read", &script(&files)))
        .run()?;
    for task in ["record", "copy", "read"] {
        outcome.expect_success(task)?;
    }
    let read = Sections::of(&outcome.stdout("read"));
    let mut bytes = 0;
    for path in &files {
        let name = name_of(path);
        for reading in READINGS {
            let output = Command::new(&context.lab.reader)
                .current_dir(path.parent().context("a recording without a folder")?)
                .args(reading.split(' '))
                .arg(&name)
                .output()
                .context("start migscope")?;
            ensure!(output.status.success(), "{reading} of {name} failed here");
            let (here, there) = (
                String::from_utf8_lossy(&output.stdout).into_owned(),
                read.get(&format!("{reading} {name}"))?,
            );
            ensure!(
                here.replace("\r", "") == there,
                "{reading} of {name} is another on {}: {}",
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
fn script(files: &[PathBuf]) -> String {
    let mut script = format!("cd /{FOLDER}\n");
    for name in files.iter().map(|path| name_of(path)) {
        for reading in READINGS {
            script += &format!("echo '== {reading} {name}'; migscope {reading} {name} || exit 1\n");
        }
    }
    script
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn first_difference(here: &str, there: &str) -> String {
    let mut lines = here.lines().zip(there.lines());
    let found = lines.find(|(here, there)| here != there);
    found.map_or_else(
        || format!("{} bytes here, {} there", here.len(), there.len()),
        |(here, there)| format!("here {here:?}, there {there:?}"),
    )
}
