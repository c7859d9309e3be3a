//! Process 1 of the test VM. Mounts the file systems, loads the job's modules, runs the job's
//! commands, reports one verdict on the console and ends the machine.
//!
//! Where systemd is process 1, it is a service: the file systems are there already.
#![forbid(unsafe_code)]

mod commands;
mod events;
mod modules;
mod mounts;
mod ports;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use rustix::system::{RebootCommand, reboot, sethostname};
use vm_init::control::{self, Sent};
use vm_init::job::{self, Job};
use vm_init::verdict::{End, Verdict};

use commands::Commands;
use events::{Control, Events};
use ports::Ports;

/// What recordings and the dashboard call this machine.
const HOST_NAME: &[u8] = b"migscope-vm";

fn main() -> ExitCode {
    let is_first = std::process::id() == 1;
    if !is_first && std::env::var_os(job::AS_SERVICE).is_none() {
        eprintln!("vm-init is process 1 of the test VM and does nothing elsewhere");
        return ExitCode::from(2);
    }
    let verdict = match run(is_first) {
        Ok(ends) => Verdict::Ran(ends),
        Err(error) => Verdict::Failed(format!("{error:#}")),
    };
    report(&verdict);
    rustix::fs::sync();
    // QEMU is told to end where a machine would restart, which works on kernels that cannot switch
    // power off.
    let _ = reboot(RebootCommand::Restart);
    ExitCode::FAILURE
}

fn run(is_first: bool) -> Result<Vec<End>> {
    if is_first {
        mounts::mount_all()?;
    }
    sethostname(HOST_NAME).context("set the host's name")?;
    let text = fs::read_to_string(job::PATH).with_context(|| format!("read {}", job::PATH))?;
    let job: Job = serde_json::from_str(&text).with_context(|| format!("read {}", job::PATH))?;
    let ports = Ports::open(&job.ports)?;
    let events = Events::listen()?;
    let mut control = match job.ports.iter().any(|port| port.name == control::PORT) {
        true => Some(Control::open(events.sender())?),
        false => None,
    };
    let result = run_job(&job, events);
    let sent = ports.sent();
    if let Some(control) = &mut control {
        control.wait_until_received(Sent { sent })?;
    }
    result
}

fn run_job(job: &Job, events: Events) -> Result<Vec<End>> {
    job.modules.iter().try_for_each(modules::load)?;
    Commands::new(&job.commands, events).run()
}

/// Through the kernel's log, which writes whole lines: on the console itself a kernel message could
/// come in between.
fn report(verdict: &Verdict) {
    let line = format!("<1>{verdict}\n");
    let log = OpenOptions::new().write(true).open("/dev/kmsg");
    if log
        .and_then(|mut log| log.write_all(line.as_bytes()))
        .is_err()
    {
        println!("{verdict}");
    }
}
