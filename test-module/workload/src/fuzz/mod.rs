//! `workload fuzz`: everything that a user can do to the driver, at random, at the same time, until
//! it ends badly or everything is as it was before.

mod aftermath;
mod arena;
mod arguments;
mod calls;
mod chaos;
mod garden;
mod orphan;
mod player;
mod shortage;
mod tally;

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use self::{aftermath::Before, tally::Tally};
use crate::{
    cli::FuzzOptions,
    process::{self, Child, End},
    rng::Rng,
    shared::Shared,
    signals::Signals,
    swap::Swap,
};

/// Calls when neither their number nor a time is given.
const CALLS: u64 = 200_000;
/// How often processes are looked after.
const TICK: Duration = Duration::from_millis(20);
/// A process is killed once in so many calls, on average: often enough, and yet most of the time
/// goes into calls also on a kernel where a new process with its memory takes half a second.
const KILL_ONE_IN: usize = 350;
/// Longest time without a call.
const STANDSTILL: Duration = Duration::from_secs(60);
/// Time between progress lines.
const PROGRESS: Duration = Duration::from_secs(5);

/// Plays until the end, then looks what is left.
pub fn run(options: &FuzzOptions) -> Result<()> {
    let signals = Signals::block()?;
    let before = Before::look()?;
    // Pages in swap space are part of the game where there can be any.
    let _swap = Swap::find_or_make()
        .inspect_err(|error| eprintln!("workload: fuzz: without swap space: {error:#}"));
    let starves = shortage::allow()
        .inspect_err(|error| eprintln!("workload: fuzz: no allocation fails on demand: {error:#}"))
        .is_ok();
    adopt_orphans();
    let mut game = Game {
        options,
        starves,
        tally: Shared::new(Tally::default())?,
        rng: Rng::new(options.seed, 0),
        players: Vec::new(),
        next_kill: 0,
        died: Vec::new(),
    };
    let result = game.play(&signals);
    let ended = aftermath::end(std::mem::take(&mut game.players));
    // Who lives on holds on to what he has.
    let verdict = ended.and_then(|()| before.compare());
    eprintln!("{}", game.tally.summary());
    result.and(verdict).and_then(|()| game.judge())
}

struct Game<'a> {
    options: &'a FuzzOptions,
    /// Whether allocations fail on demand.
    starves: bool,
    tally: Shared<Tally>,
    rng: Rng,
    players: Vec<Child>,
    /// At how many calls the next process is killed.
    next_kill: u64,
    /// What processes died of that nobody killed.
    died: Vec<End>,
}

impl Game<'_> {
    fn play(&mut self, signals: &Signals) -> Result<()> {
        for _ in 0..self.options.processes {
            let player = self.player()?;
            self.players.push(player);
        }
        let begun = Instant::now();
        let mut told = begun;
        let mut last = (begun, 0);
        while !self.is_over(begun) && !signals.wait(TICK) {
            self.look_after()?;
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                eprintln!("{}", self.tally.summary());
            }
            if self.tally.calls() != last.1 {
                last = (Instant::now(), self.tally.calls());
            }
            ensure!(
                last.0.elapsed() < STANDSTILL,
                "no call has come back for {STANDSTILL:?}"
            );
        }
        Ok(())
    }

    fn is_over(&self, begun: Instant) -> bool {
        let calls = match (self.options.calls, self.options.seconds) {
            (None, None) => Some(CALLS),
            (calls, _) => calls,
        };
        let seconds = self.options.seconds.map(|seconds| seconds.get());
        calls.is_some_and(|calls| self.tally.calls() >= calls)
            || seconds.is_some_and(|seconds| begun.elapsed() >= Duration::from_secs(seconds))
    }

    fn player(&mut self) -> Result<Child> {
        let rng = self.rng.split();
        process::fork(|| player::play(&self.tally, self.starves, rng))
    }

    /// Kills one now and then, and replaces those that are gone.
    fn look_after(&mut self) -> Result<()> {
        if self.tally.calls() >= self.next_kill {
            self.next_kill = self.tally.calls() + self.rng.below(2 * KILL_ONE_IN) as u64;
            let victim = self.rng.below(self.players.len());
            self.players[victim].kill();
        }
        for number in 0..self.players.len() {
            let Some(end) = self.players[number].poll()? else {
                continue;
            };
            if end == End::Killed(libc::SIGKILL) {
                self.tally.count_killed();
            } else {
                eprintln!("workload: fuzz: a process ended with {end:?}");
                self.died.push(end);
            }
            // It would make the same mistake again at once.
            if self.died.len() > 100 {
                bail!("too many processes ended by themselves");
            }
            self.players[number] = self.player()?;
        }
        aftermath::reap(&self.players);
        Ok(())
    }

    fn judge(&self) -> Result<()> {
        if let Some(first) = self.died.first() {
            bail!(
                "{} processes died that nobody killed, the first with {first:?}",
                self.died.len()
            );
        }
        match self.tally.wrong() {
            0 => Ok(()),
            wrong => bail!("{wrong} answers or bytes were wrong (see above)"),
        }
    }
}

/// Processes whose parent was killed become ours, so that we know when the last is gone.
fn adopt_orphans() {
    // SAFETY: Sets a flag of this process.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

/// Sleeps a little.
fn nap(rng: &mut Rng, most_us: usize) {
    thread::sleep(Duration::from_micros(rng.below(most_us) as u64));
}
