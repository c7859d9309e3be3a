//! Where tracing is not possible, migscope says so in a sentence, and ends with status 2.

use anyhow::{Result, ensure};
use vm_init::verdict::End;

use super::Context;
use crate::vm::builder::Task;

/// BTF that is whole and knows no type: a header, and a string table with the empty string.
const EMPTY_BTF: &str = r"printf '\237\353\1\0\30\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0' > /tmp/btf; mount -o bind /tmp/btf /sys/kernel/btf/vmlinux;";

pub(super) fn not_root(context: &Context<'_>) -> Result<()> {
    let script = "echo 'nobody:x:65534:65534::/:/bin/sh' >> /etc/passwd; su nobody -c 'migscope record -o -'";
    refused(context, "not-root", script, &["root", "CAP_BPF", "sudo"])
}

pub(super) fn no_btf(context: &Context<'_>) -> Result<()> {
    let script = "mount -t tmpfs none /sys/kernel/btf; migscope record -o -";
    refused(
        context,
        "no-btf",
        script,
        &["no BTF", "CONFIG_DEBUG_INFO_BTF"],
    )
}

pub(super) fn no_functions(context: &Context<'_>) -> Result<()> {
    let script = format!("{EMPTY_BTF} migscope record -o -");
    refused(
        context,
        "no-functions",
        &script,
        &["migrate_vma_setup", "CONFIG_DEVICE_MIGRATION"],
    )
}

fn refused(context: &Context<'_>, name: &str, script: &str, words: &[&str]) -> Result<()> {
    let outcome = context
        .lab
        .vm(name)
        .task(Task::shell("record", script))
        .run()?;
    let said = String::from_utf8_lossy(&outcome.stderr("record")).into_owned();
    let end = outcome.end("record")?;
    ensure!(end == End::Exited(2), "it ended with {end}: {said}");
    for word in words {
        ensure!(said.contains(word), "it does not speak of {word}: {said}");
    }
    ensure!(
        said.trim_end().lines().count() == 1,
        "it takes more than a sentence: {said}"
    );
    ensure!(
        outcome.stdout("record").is_empty(),
        "it wrote a recording all the same"
    );
    Ok(())
}
