//! What is left when all players are gone: nothing.

use std::{
    fs, io, thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    device::Device,
    memory,
    process::Child,
    uapi::{Configuration, Evict, evict},
};

/// How long the last may take to end, and the last page to come home.
const PATIENCE: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(20);

/// How it was.
pub(super) struct Before {
    devices: Vec<Device>,
    unbalanced: Vec<u64>,
    memory: Memory,
}

impl Before {
    pub(super) fn look() -> Result<Self> {
        let mut devices = Device::open_all()?;
        devices.extend(Device::open_special()?);
        let mut unbalanced = Vec::new();
        for device in &devices {
            device.configure(&Configuration::default())?;
            empty(device)?;
            unbalanced.push(device.totals()?.unbalanced);
        }
        Ok(Self {
            devices,
            unbalanced,
            memory: Memory::look()?,
        })
    }

    /// Whether it is so again.
    pub(super) fn compare(&self) -> Result<()> {
        for (device, before) in self.devices.iter().zip(&self.unbalanced) {
            device.configure(&Configuration::default())?;
            device.drain(|_| Ok(()))?;
            empty(device)?;
            let totals = device.totals()?;
            let unbalanced = totals.unbalanced - before;
            ensure!(
                unbalanced == 0,
                "{unbalanced} counts of device {} do not add up",
                device.number()
            );
        }
        let (before, after) = (&self.memory, Memory::look()?);
        eprintln!(
            "workload: fuzz: all devices are empty; memory available: {} KiB before, {} KiB after; in no list: {} KiB \
             before, {} KiB after",
            before.available_bytes / 1024,
            after.available_bytes / 1024,
            before.unlisted_bytes / 1024,
            after.unlisted_bytes / 1024
        );
        Ok(())
    }
}

/// Sends home what is on the device, until nothing is.
fn empty(device: &Device) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    let mut turn = 0;
    loop {
        let used = device.used_pages()?;
        if used == 0 {
            return Ok(());
        }
        ensure!(
            Instant::now() < end,
            "{used} pages of device {} stay in use although they were evicted: they have leaked",
            device.number()
        );
        device.evict(&Evict {
            pages: device.info().device_pages,
            how: [evict::PFNS, evict::RANGE][turn % 2],
            ..Evict::default()
        })?;
        turn += 1;
        thread::sleep(TICK);
    }
}

/// The system's memory.
struct Memory {
    available_bytes: u64,
    unlisted_bytes: u64,
}

impl Memory {
    fn look() -> Result<Self> {
        // For numbers that can be compared; without root they are less exact.
        let _ = fs::write("/proc/sys/vm/drop_caches", "3");
        let _ = fs::read("/proc/sys/vm/stat_refresh");
        Ok(Self {
            available_bytes: memory::available_bytes()?,
            unlisted_bytes: memory::unlisted_bytes()?,
        })
    }
}

/// Takes note of the end of processes that were forked by those that are gone.
pub(super) fn reap(players: &[Child]) {
    let mut status = 0;
    loop {
        // SAFETY: A zeroed structure is a valid one; the call fills it in.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        const FLAGS: libc::c_int = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: `info` may be written.
        let waited = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, FLAGS) };
        // SAFETY: After this call the field is that of a child, or still 0.
        let pid = unsafe { info.si_pid() };
        // Players are somebody else's business, who sees to them in the next round.
        if waited != 0 || pid == 0 || players.iter().any(|player| player.pid() == pid) {
            return;
        }
        // SAFETY: `status` may be written.
        unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) };
    }
}

/// Ends the players, and waits until there is no child left, whoever forked it. Where one does not
/// end, an error says what it is doing.
pub(super) fn end(mut players: Vec<Child>) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    players.iter().for_each(Child::kill);
    while Instant::now() < end {
        players.retain_mut(|player| !matches!(player.poll(), Ok(Some(_))));
        if players.is_empty() && !reap_any()? {
            return Ok(());
        }
        thread::sleep(TICK);
    }
    let stuck: String = players.iter().map(|player| doing(player.pid())).collect();
    // To wait for them would take for ever.
    players.into_iter().for_each(std::mem::forget);
    bail!("processes do not end although they were killed {PATIENCE:?} ago{stuck}")
}

/// Takes note of the end of any child. Whether there is one left.
fn reap_any() -> Result<bool> {
    let mut status = 0;
    loop {
        // SAFETY: `status` may be written.
        match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
            -1 if io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD) => {
                return Ok(false);
            }
            -1 => return Err(io::Error::last_os_error()).context("cannot wait for processes"),
            0 => return Ok(true),
            _ => {}
        }
    }
}

/// Where in the kernel each thread of a process is, as far as the kernel tells.
fn doing(pid: libc::pid_t) -> String {
    let mut text = String::new();
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        let stack = fs::read_to_string(thread.path().join("stack")).unwrap_or_default();
        text += &format!("\n{}:\n{}", thread.path().display(), stack.trim_end());
    }
    text
}
