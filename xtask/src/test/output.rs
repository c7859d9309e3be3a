//! What comes out of the VM, and what goes into it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use vm_init::verdict::End;

use super::Context;
use crate::vm::Captured;
use crate::vm::builder::{Builder, Outcome, Output, Task};

const BLOB: &str = "blob";
const SIZE: usize = 1 << 20;

pub(super) fn arrives_byte_for_byte(context: &Context<'_>) -> Result<()> {
    let blob = blob(context)?;
    let script = "cat blob; tail -c 100000 blob >&2; exit 37";
    let outcome = context
        .lab
        .vm("bytes")
        .add(blob.clone())?
        .task(Task::shell("cat", script))
        .run()?;
    let bytes = fs::read(&blob).context("read the blob")?;
    same(&outcome, &bytes, &bytes[SIZE - 100_000..])?;
    ensure!(
        outcome.end("cat")? == End::Exited(37),
        "it ended with {}",
        outcome.end("cat")?
    );
    Ok(())
}

pub(super) fn added_files_are_there(context: &Context<'_>) -> Result<()> {
    let script = folder(context)?.join("hello.sh");
    fs::write(&script, "#!/bin/sh\necho hello $0\n").context("write a script")?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .context("make it executable")?;
    let outcome = context
        .lab
        .vm("added")
        .add(script)?
        .task(Task::new("hello", ["./hello.sh"]))
        .run()?;
    outcome.expect_success("hello")?;
    ensure!(
        outcome.stdout("hello") == b"hello ./hello.sh\n",
        "{:?}",
        outcome.stdout("hello")
    );
    Ok(())
}

/// A port that a program opens itself, and output that stays in the guest.
pub(super) fn ports_carry_what_programs_write(context: &Context<'_>) -> Result<()> {
    let port = Captured::default();
    let noise = Task::shell("noise", "echo kept; echo lost >&2");
    let outcome = context
        .lab
        .vm("ports")
        .port("truth", Box::new(port.clone()))
        .task(
            noise
                .stdout(Output::Guest("/tmp/noise".into()))
                .stderr(Output::Null),
        )
        .task(Task::shell(
            "writer",
            "cat /tmp/noise /proc/version > /dev/virtio-ports/truth",
        ))
        .run()?;
    outcome.expect_success("writer")?;
    let text = String::from_utf8_lossy(&port.bytes()).into_owned();
    ensure!(
        text.starts_with("kept\nLinux version"),
        "through the port came {text:?}"
    );
    Ok(())
}

/// What a kernel without virtio built in has; ours has both.
pub(super) fn serial_lines_carry_bytes_too(context: &Context<'_>) -> Result<()> {
    let blob = blob(context)?;
    let script = "head -c 50000 blob; tail -c 5000 blob >&2";
    let vm = context
        .lab
        .vm("serial")
        .add(blob.clone())?
        .task(Task::shell("cat", script));
    let outcome = with_serial_lines(vm).run()?;
    let bytes = fs::read(&blob).context("read the blob")?;
    same(&outcome, &bytes[..50_000], &bytes[SIZE - 5_000..])
}

fn with_serial_lines(vm: Builder) -> Builder {
    let kernel = vm.kernel().to_owned();
    vm.foreign_kernel(kernel)
}

fn same(outcome: &Outcome, stdout: &[u8], stderr: &[u8]) -> Result<()> {
    for (name, expected, got) in [
        ("output", stdout, outcome.stdout("cat")),
        ("error", stderr, outcome.stderr("cat")),
    ] {
        let differ = expected
            .iter()
            .zip(&got)
            .position(|(expected, got)| expected != got);
        ensure!(
            expected == got,
            "standard {name}: {} bytes instead of {}; first difference: {differ:?}",
            got.len(),
            expected.len()
        );
    }
    Ok(())
}

/// Bytes of every value in no order.
fn blob(context: &Context<'_>) -> Result<PathBuf> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let bytes: Vec<u8> = (0..SIZE)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect();
    let path = folder(context)?.join(BLOB);
    fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

fn folder(context: &Context<'_>) -> Result<PathBuf> {
    let folder = context.lab.setup.workspace.target("xtask/test");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}
