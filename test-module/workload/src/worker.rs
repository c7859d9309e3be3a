//! What a scenario works with: its process, and one thread's choices and calls.

use std::{
    sync::{Barrier, Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::{
    area::Area,
    clock,
    control::Control,
    device::{Device, Direction},
    phases::Log,
    process::{self, Child},
    rng::Rng,
    stack::Stack,
    truth::{MappingFile, pipe::Sender, sums},
    uapi::{
        Evict, Exclusive, Migrate, Play, Totals, Truth, UNKNOWN, Wait, cause, direction, wait,
        wait_result,
    },
};

/// Most threads in a process: each has a number of its own in the whole run.
const MOST_THREADS: u16 = 256;

/// What every process of a run is given.
#[derive(Clone, Copy, Debug)]
pub struct Orders<'a> {
    /// When to call, and when to end.
    pub control: &'a Control,
    /// Where truths go.
    pub truths: &'a Sender<Truth>,
    /// Where waits go that the processes measure themselves.
    pub waits: &'a Sender<Wait>,
    /// Where processes say what their memory is.
    pub mappings: &'a MappingFile,
    /// Where it is written in which phases threads are.
    pub phases: &'a Log,
    /// Makes the choices.
    pub seed: u64,
    /// How many threads were asked for.
    pub threads: Option<u16>,
    /// Whether there is one process with one thread.
    pub alone: bool,
}

/// One process of a scenario.
#[derive(Debug)]
pub struct Process<'a> {
    orders: Orders<'a>,
    /// All, by their numbers.
    devices: Vec<Device>,
    /// How many of them are for everybody: the first.
    ordinary: usize,
    /// Its number in the run.
    number: u16,
    /// What the driver said of each device's calls.
    sums: Vec<Mutex<Totals>>,
}

impl<'a> Process<'a> {
    /// Opens the devices for this process.
    pub fn new(orders: Orders<'a>, number: u16) -> Result<Self> {
        let mut devices = Device::open_all()?;
        let ordinary = devices.len();
        devices.extend(Device::open_special()?);
        Ok(Self {
            ordinary,
            orders,
            number,
            sums: devices.iter().map(|_| Mutex::default()).collect(),
            devices,
        })
    }

    /// The devices that are for everybody, at least one.
    pub fn devices(&self) -> &[Device] {
        &self.devices[..self.ordinary]
    }

    /// One of the devices that share the owner of their pages.
    pub fn peer(&self, number: u32) -> Result<&Device> {
        Device::peer(&self.devices, number)
    }

    /// The device whose memory CPUs reach.
    pub fn coherent(&self) -> Result<&Device> {
        Device::coherent(&self.devices)
    }

    /// The first device.
    pub fn device(&self) -> &Device {
        &self.devices[0]
    }

    /// When to end.
    pub fn control(&self) -> &'a Control {
        self.orders.control
    }

    /// Where it is written in which phases threads are.
    pub fn phases(&self) -> &'a Log {
        self.orders.phases
    }

    /// The worker with this number.
    pub fn worker(&self, thread: u16) -> Worker<'_> {
        let number = self.number.wrapping_mul(MOST_THREADS).wrapping_add(thread);
        Worker {
            process: self,
            rng: Rng::new(self.orders.seed, number),
        }
    }

    /// How many threads were asked for, or else `usual`.
    pub fn thread_count(&self, usual: u16) -> u16 {
        self.orders.threads.unwrap_or(usual)
    }

    /// Reads a page, and passes on how long that took.
    pub fn touch(&self, area: &Area, page: usize) -> Result<()> {
        let began = clock::now();
        area.read(page, 1);
        let ended = clock::now();
        let process = std::process::id();
        self.orders.waits.send(&Wait {
            what: wait::TOUCH,
            result: wait_result::DONE,
            // No device's.
            device: u32::MAX,
            owner: process,
            pid: process,
            tid: process::thread(),
            address: area.address(page) as u64,
            pages: 1,
            began_ns: began,
            total_ns: ended - began,
            lock_wait_ns: UNKNOWN,
            locked_ns: UNKNOWN,
            setup_ns: UNKNOWN,
            ..Wait::default()
        })
    }

    /// Passes on what the kernel says of an area now.
    pub fn tell_mapping(&self, area: &Area) -> Result<()> {
        self.orders.mappings.write(area)
    }

    /// Has so many threads take the same steps. None takes one before all have taken the one
    /// before, and none ends before all have taken the last.
    pub fn in_step(
        &self,
        threads: u16,
        steps: usize,
        body: impl Fn(usize, usize) -> Result<()> + Sync,
    ) -> Result<()> {
        let all_are_there = Barrier::new(usize::from(threads));
        thread::scope(|scope| {
            let threads: Vec<_> = (0..usize::from(threads))
                .map(|thread| {
                    let (body, all_are_there) = (&body, &all_are_there);
                    scope.spawn(move || {
                        let mut result = Ok(());
                        for step in 0..steps {
                            all_are_there.wait();
                            // The others wait for one that has failed, too.
                            result = result.and_then(|()| body(thread, step));
                        }
                        all_are_there.wait();
                        result
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| {
                let result = thread.join();
                result.map_err(|_| anyhow!("a thread panicked"))?
            })
        })
    }

    /// Runs as many threads as were asked for, or else `usual`. An error in one ends the run.
    pub fn threads(
        &self,
        usual: u16,
        body: impl Fn(&mut Worker<'_>) -> Result<()> + Sync,
    ) -> Result<()> {
        let count = self.thread_count(usual);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..count)
                .map(|thread| {
                    let mut worker = self.worker(thread);
                    let body = &body;
                    scope.spawn(move || {
                        let result = body(&mut worker);
                        if result.is_err() {
                            worker.process.control().stop();
                        }
                        result
                    })
                })
                .collect();
            threads.into_iter().try_for_each(|thread| {
                let result = thread.join();
                result.map_err(|_| anyhow!("a thread panicked"))?
            })
        })
    }

    /// Forks a process that does this with the devices opened anew.
    pub fn fork(&self, body: impl FnOnce(&Process<'_>) -> Result<()>) -> Result<Child> {
        process::fork(|| {
            let process = Process::new(self.orders, self.number)?;
            body(&process)?;
            process.check_sums()
        })
    }

    /// Whether each open file has counted what its calls returned.
    pub fn check_sums(&self) -> Result<()> {
        for (device, sums) in self.devices.iter().zip(&self.sums) {
            let returned = sums.lock().unwrap_or_else(PoisonError::into_inner);
            let counted = device.file_totals()?;
            for direction in 0..direction::COUNT as u32 {
                // Faults and evictions in the middle of a call are counted and not returned.
                let index = Totals::index(direction, cause::DRIVER);
                let (counted, returned) = (counted.by_kind[index], returned.by_kind[index]);
                ensure!(
                    counted == returned,
                    "the file of device {} counts {counted:?}, its calls returned {returned:?}",
                    device.number()
                );
            }
        }
        Ok(())
    }

    fn note(&self, truth: &Truth) -> Result<()> {
        ensure!(
            truth.unbalanced == 0 && truth.ledger.balances(),
            "the driver's own count does not add up: {truth:?}"
        );
        let sums = self
            .sums
            .get(truth.device as usize)
            .with_context(|| format!("the driver speaks of a device {}", truth.device))?;
        sums::count(
            &mut sums.lock().unwrap_or_else(PoisonError::into_inner),
            truth,
        );
        self.orders.truths.send(truth)
    }
}

/// One thread of a scenario.
#[derive(Debug)]
pub struct Worker<'a> {
    /// Its process.
    pub process: &'a Process<'a>,
    /// Its choices.
    pub rng: Rng,
}

impl<'a> Worker<'a> {
    /// The first device.
    pub fn device(&self) -> &'a Device {
        self.process.device()
    }

    /// The device with this number, or the last one there is.
    pub fn device_or_last(&self, number: usize) -> &'a Device {
        let devices = self.process.devices();
        &devices[number.min(devices.len() - 1)]
    }

    /// Whether to go on.
    pub fn goes_on(&self) -> bool {
        !self.process.control().is_stopped()
    }

    /// Calls the first device when it is time, and passes on what it says. `None`: the run is over,
    /// no call was made.
    pub fn migrate(&mut self, direction: Direction, request: &Migrate) -> Result<Option<Truth>> {
        self.migrate_on(self.device(), direction, request)
    }

    /// Calls another device.
    pub fn migrate_on(
        &mut self,
        device: &Device,
        direction: Direction,
        request: &Migrate,
    ) -> Result<Option<Truth>> {
        self.call(|| device.migrate(direction, request))
    }

    /// Calls the first device, as if by way of this stack.
    pub fn migrate_by(
        &mut self,
        stack: &Stack,
        direction: Direction,
        request: &Migrate,
    ) -> Result<Option<Truth>> {
        let device = self.device();
        self.call(|| device.migrate_by(stack, direction, request))
    }

    /// Calls the first device, and sees to it that what it says is as it must be. False: the run is
    /// over.
    pub fn expect(
        &mut self,
        direction: Direction,
        request: &Migrate,
        what: &str,
        holds: impl Fn(&Truth) -> bool,
    ) -> Result<bool> {
        let Some(truth) = self.migrate(direction, request)? else {
            return Ok(false);
        };
        as_expected(&truth, what, holds(&truth))?;
        Ok(true)
    }

    /// Whether this is the only thread of the only process, so that nobody else uses up the
    /// device's memory.
    pub fn is_alone(&self) -> bool {
        self.process.orders.alone
    }

    /// Clears a part of a device.
    pub fn evict(&mut self, device: &Device, request: &Evict) -> Result<Option<Truth>> {
        self.call(|| device.evict(request))
    }

    /// Has a device play another driver when it is time. Its truths are in the log. `None`: the run
    /// is over.
    pub fn play(&mut self, device: &Device, request: &Play) -> Result<Option<Play>> {
        if !self.process.control().next_call() {
            return Ok(None);
        }
        device.play(request).map(Some)
    }

    /// Has the first device get pages for itself when it is time. `None`: the run is over.
    pub fn make_exclusive(&mut self, request: &Exclusive) -> Result<Option<Exclusive>> {
        if !self.process.control().next_call() {
            return Ok(None);
        }
        self.device().make_exclusive(request).map(Some)
    }

    /// Plays, and sees to it that what came of it is as it must be. False: the run is over.
    pub fn expect_play(
        &mut self,
        device: &Device,
        request: &Play,
        what: &str,
        holds: impl Fn(&Play) -> bool,
    ) -> Result<bool> {
        let Some(played) = self.play(device, request)? else {
            return Ok(false);
        };
        ensure!(
            holds(&played),
            "not as it must be: {what}; the driver says {played:?}"
        );
        Ok(true)
    }

    fn call(&mut self, call: impl FnOnce() -> Result<Truth>) -> Result<Option<Truth>> {
        if !self.process.control().next_call() {
            return Ok(None);
        }
        let truth = call()?;
        self.process.note(&truth)?;
        Ok(Some(truth))
    }
}

/// An error that says what was expected and what came, unless it holds.
pub fn as_expected(truth: &Truth, what: &str, holds: bool) -> Result<()> {
    ensure!(
        holds,
        "not as it must be: {what}; the driver says {truth:?}"
    );
    Ok(())
}
