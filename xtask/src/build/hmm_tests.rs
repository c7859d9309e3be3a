//! The kernel's own tests of device memory, from the tree that the VM's kernel was built in.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::cache::Key;
use crate::process::Logged;
use crate::progress::Step;
use crate::setup::Setup;

const SOURCES: [&str; 3] = ["hmm-tests.c", "vm_util.c", "hugepage_settings.c"];

/// What was built.
pub(crate) struct HmmTests {
    /// The driver that they test.
    pub(crate) driver: PathBuf,
    pub(crate) program: PathBuf,
}

/// Builds the program. The driver has come with the kernel.
pub(crate) fn hmm_tests(setup: &Setup, step: &Step) -> Result<HmmTests> {
    let tree = setup.kernel.built_tree()?;
    let driver = tree.join("lib/test_hmm.ko");
    ensure!(
        driver.is_file(),
        "the kernel has no {}: it needs CONFIG_TEST_HMM=m",
        driver.display()
    );
    let key = Key::new().with(tree.as_os_str().as_encoded_bytes());
    let folder = setup.workspace.target("hmm-tests").join(key.text());
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let program = folder.join("hmm-tests");
    let tests = tree.join("tools/testing/selftests");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-static", "-w", "-D_GNU_SOURCE="]);
    // Of the headers for user space they need one that is newer than this machine's. To install all
    // of them takes long, and a program that nobody else needs; so this one stands in the place of
    // the machine's, as it is in the tree.
    gcc.args(["-D_LINUX_FS_H", "-D__user=", "-include"])
        .arg(tree.join("include/uapi/linux/fs.h"));
    gcc.args(["-include", "sys/mman.h", "-I"])
        .arg(&tests)
        .arg("-I")
        .arg(&tree);
    gcc.args(SOURCES.map(|source| tests.join("mm").join(source)))
        .arg("-lpthread")
        .arg("-o")
        .arg(&program);
    Logged {
        log: &setup.workspace.log("hmm-tests"),
        limit: None,
    }
    .run(&mut gcc, |line| step.detail(line.trim()))?;
    Ok(HmmTests { driver, program })
}
