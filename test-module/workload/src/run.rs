//! `workload run`.

use std::{
    num::NonZeroU64,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};

use crate::{
    cli::RunOptions,
    control::Control,
    device::Device,
    phases::Log,
    process::{self, Child, End},
    scenario::Scenario,
    shared::Shared,
    signals::Signals,
    truth::{
        MappingFile, TruthFile, WaitFile,
        pipe::{self, Received, Receiver},
        sums,
    },
    uapi::{Configuration, Totals, Truth, Wait, WaitTotals},
    worker::{Orders, Process},
};

/// How often the driver's log is read: long before it is full.
const TICK: Duration = Duration::from_millis(20);
/// How long processes may take to end when told to.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a part takes when no time is given and others come after it.
const PART: Duration = Duration::from_secs(10);

/// Runs scenarios, one after the other, until a signal, their time or their number of calls ends
/// them.
pub fn run(scenarios: &[&'static dyn Scenario], options: &RunOptions) -> Result<()> {
    let signals = Signals::block()?;
    let scenarios: Vec<_> = match scenarios {
        // Who asks for one is told what is missing.
        [one] => vec![*one],
        several => several.iter().copied().filter(is_possible).collect(),
    };
    let mut stage = Stage {
        devices: [Device::open_all()?, Device::open_special()?]
            .into_iter()
            .flatten()
            .collect(),
        truth: TruthFile::create(options.truth.as_deref())?,
        waits: WaitFile::create(options.waits.as_deref())?,
        mappings: MappingFile::create(options.mappings.as_deref())?,
        phases: Log::create(options.phases.as_deref())?,
        options,
        signals,
        interrupted: false,
    };
    // What others left in the log is not this run's.
    for device in &stage.devices {
        device.drain(|_| Ok(()))?;
        device.take_waits(|_| Ok(()))?;
    }
    let before = stage.totals()?;
    let waited = stage.wait_totals()?;
    let result = stage.parts(&scenarios);
    // Also after a failure: the file ends as it should, with what is known.
    stage.drain()?;
    let mut growth = Totals::default();
    for (before, after) in before.iter().zip(&stage.totals()?) {
        sums::add_growth(&mut growth, before, after);
    }
    let mut waits = WaitTotals::default();
    for (before, after) in waited.iter().zip(&stage.wait_totals()?) {
        sums::add_waits(&mut waits, before, after);
    }
    let migrations = stage.truth.finish(&growth)?;
    let missing = if stage.waits.is_wanted() {
        waits.lost
    } else {
        0
    };
    stage.waits.finish(waits)?;
    result?;
    complete(migrations, &growth)?;
    ensure!(
        missing == 0,
        "{missing} waits are missing from their file: a driver's log was full"
    );
    eprintln!("workload: {migrations} migrations, every byte intact");
    Ok(())
}

/// Whether the devices are there that a scenario needs.
fn is_possible(scenario: &&'static dyn Scenario) -> bool {
    scenario.needs().iter().all(|path| Path::new(path).exists())
}

/// Whether the truth is all there is.
fn complete(migrations: u64, growth: &Totals) -> Result<()> {
    let lost = growth.log_lost;
    ensure!(
        lost == 0,
        "{lost} migrations are missing from the truth: a driver's log was full"
    );
    ensure!(
        growth.unbalanced == 0,
        "{} of the driver's own counts do not add up",
        growth.unbalanced
    );
    let counted: u64 = growth.by_kind.iter().map(|kind| kind.migrations).sum();
    ensure!(
        migrations == counted,
        "the driver made {counted} migrations, and {migrations} are in the truth: does somebody else use the device?"
    );
    Ok(())
}

struct Stage<'a> {
    devices: Vec<Device>,
    truth: TruthFile,
    waits: WaitFile,
    mappings: MappingFile,
    phases: Log,
    options: &'a RunOptions,
    signals: Signals,
    interrupted: bool,
}

/// Where what the processes say comes in.
struct Receivers {
    truths: Receiver<Truth>,
    waits: Receiver<Wait>,
}

/// One scenario's share of the run.
#[derive(Clone, Copy)]
struct Share {
    time: Option<Duration>,
    calls: Option<u64>,
}

impl Stage<'_> {
    /// One after the other; more than one without a limit over and over again.
    fn parts(&mut self, scenarios: &[&'static dyn Scenario]) -> Result<()> {
        let share = self.share(scenarios.len());
        let endless =
            scenarios.len() > 1 && self.options.duration.is_none() && self.options.calls.is_none();
        loop {
            for scenario in scenarios {
                if scenarios.len() > 1 {
                    eprintln!("workload: {}", scenario.name());
                }
                self.part(*scenario, share)
                    .map_err(|error| error.context(format!("in scenario {}", scenario.name())))?;
                if self.interrupted {
                    return Ok(());
                }
            }
            if !endless {
                return Ok(());
            }
        }
    }

    fn share(&self, parts: usize) -> Share {
        let count = parts.max(1);
        let seconds = self.options.duration.map(NonZeroU64::get);
        let time = seconds.map(|seconds| Duration::from_secs(seconds) / count as u32);
        Share {
            time: time.or((count > 1).then_some(PART)),
            calls: self.options.calls.map(|calls| calls.div_ceil(count as u64)),
        }
    }

    fn part(&mut self, scenario: &'static dyn Scenario, share: Share) -> Result<()> {
        self.configure(|device| scenario.configuration(device))?;
        let result = self.perform(scenario, share);
        self.configure(|_| Configuration::default())?;
        result
    }

    /// Forks the scenario's processes, and takes truths until they have ended.
    fn perform(&mut self, scenario: &'static dyn Scenario, share: Share) -> Result<()> {
        let rate = self.options.rate.map(NonZeroU64::get);
        let control = Shared::new(Control::new(share.calls, rate))?;
        let (sender, receiver) = pipe::pipe()?;
        let (waits_sender, waits) = pipe::pipe()?;
        let orders = Orders {
            control: &control,
            truths: &sender,
            waits: &waits_sender,
            mappings: &self.mappings,
            phases: &self.phases,
            seed: self.options.seed,
            threads: self.options.threads,
            alone: scenario.processes() == 1 && self.options.threads.unwrap_or(1) == 1,
        };
        let children: Result<Vec<_>> = (0..scenario.processes())
            .map(|number| process::fork(|| act(scenario, orders, number)))
            .collect();
        let children = children.inspect_err(|_| control.stop())?;
        drop((sender, waits_sender));
        let receivers = Receivers {
            truths: receiver,
            waits,
        };
        self.watch(&control, share.time, receivers, children)
    }

    fn watch(
        &mut self,
        control: &Control,
        time: Option<Duration>,
        mut receivers: Receivers,
        mut children: Vec<Child>,
    ) -> Result<()> {
        let end = time.map(|time| Instant::now() + time);
        let mut told = None;
        loop {
            let received = (receivers.truths).receive(TICK, |truth| self.truth.write(truth))?;
            self.receive_waits(&mut receivers.waits)?;
            if received == Received::End {
                break;
            }
            self.drain()?;
            // Whoever wonders why it goes no further can read how far it came.
            self.truth.flush()?;
            self.waits.flush()?;
            if children.iter_mut().any(has_failed) {
                control.stop();
            }
            self.interrupted |= self.signals.wait(Duration::ZERO);
            if self.interrupted || end.is_some_and(|end| Instant::now() >= end) {
                control.stop();
            }
            if control.is_stopped() {
                let told = *told.get_or_insert_with(Instant::now);
                ensure!(
                    told.elapsed() < PATIENCE,
                    "processes do not end although they were told to {PATIENCE:?} ago"
                );
            }
        }
        children.into_iter().try_for_each(|mut child| {
            let end = child.wait_for_end()?;
            match end {
                End::Exited(0) => Ok(()),
                End::Exited(_) => Err(anyhow!("it failed (see above)")),
                End::Killed(signal) => Err(anyhow!(
                    "process {} was killed by signal {signal}",
                    child.pid()
                )),
            }
        })
    }

    fn drain(&mut self) -> Result<()> {
        for device in &self.devices {
            device.drain(|truth| self.truth.write(truth))?;
            if self.waits.is_wanted() {
                device.take_waits(|wait| self.waits.write(wait))?;
            }
        }
        Ok(())
    }

    /// Takes what is there.
    fn receive_waits(&mut self, receiver: &mut Receiver<Wait>) -> Result<()> {
        loop {
            let received = receiver.receive(Duration::ZERO, |wait| self.waits.write_own(wait))?;
            if !matches!(received, Received::Messages(_)) {
                return Ok(());
            }
        }
    }

    fn wait_totals(&self) -> Result<Vec<WaitTotals>> {
        self.devices.iter().map(Device::wait_totals).collect()
    }

    fn totals(&self) -> Result<Vec<Totals>> {
        self.devices.iter().map(Device::totals).collect()
    }

    fn configure(&self, with: impl Fn(usize) -> Configuration) -> Result<()> {
        self.devices
            .iter()
            .try_for_each(|device| device.configure(&with(device.number())))
    }
}

fn has_failed(child: &mut Child) -> bool {
    matches!(child.poll(), Ok(Some(end)) if end != End::Exited(0))
}

/// What one process of the scenario does.
fn act(scenario: &'static dyn Scenario, orders: Orders<'_>, number: u16) -> Result<()> {
    let result = Process::new(orders, number).and_then(|process| {
        scenario.run(&process)?;
        process.check_sums()
    });
    // One that fails ends them all.
    result.inspect_err(|_| orders.control.stop())
}
