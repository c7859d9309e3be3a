//! `workload run`.

use std::{
    num::NonZeroU64,
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::{
    cli::RunOptions,
    device::Device,
    scenario::Scenario,
    signals::Signals,
    truth::TruthFile,
    worker::{Shared, Worker},
};

/// How often the driver's log is read: long before it is full.
const TICK: Duration = Duration::from_millis(20);

/// Runs a scenario until a signal, its time or its number of calls ends it.
pub fn run(scenario: &'static dyn Scenario, options: &RunOptions) -> Result<()> {
    let signals = Signals::block()?;
    let device = Device::open()?;
    let truth = TruthFile::create(options.truth.as_deref())?;
    // What others left in the log is not this run's.
    device.drain(|_| Ok(()))?;
    let before = device.totals()?;
    let shared = Shared::new(
        &device,
        &truth,
        options.calls,
        options.rate.map(NonZeroU64::get),
    );
    let result = thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads)
            .map(|thread| {
                let mut worker = Worker::new(&shared, options.seed, thread);
                let shared = &shared;
                scope.spawn(move || {
                    let result = scenario.run(&mut worker);
                    if result.is_err() {
                        shared.stop();
                    }
                    result
                })
            })
            .collect();
        let watched = watch(&shared, &signals, options, &workers);
        shared.stop();
        workers.into_iter().try_for_each(join).and(watched)
    });
    // Also after a failure: the file ends as it should, with what is known.
    device.drain(|fault| truth.write(fault))?;
    let after = device.totals()?;
    let migrations = truth.finish(&before, &after)?;
    result?;
    let lost = after.log_lost - before.log_lost;
    ensure!(
        lost == 0,
        "{lost} migrations are missing from the truth: the driver's log was full"
    );
    let unbalanced = after.unbalanced - before.unbalanced;
    ensure!(
        unbalanced == 0,
        "{unbalanced} of the driver's own counts do not add up"
    );
    eprintln!("workload: {migrations} migrations, every byte intact");
    Ok(())
}

/// Reads the driver's log until the run is to end.
fn watch(
    shared: &Shared<'_>,
    signals: &Signals,
    options: &RunOptions,
    workers: &[ScopedJoinHandle<'_, Result<()>>],
) -> Result<()> {
    let end = options
        .duration
        .map(|seconds| Instant::now() + Duration::from_secs(seconds.get()));
    while !shared.is_stopped() && workers.iter().any(|worker| !worker.is_finished()) {
        if signals.wait(TICK) || end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        shared.device.drain(|fault| shared.truth.write(fault))?;
    }
    Ok(())
}

fn join(worker: ScopedJoinHandle<'_, Result<()>>) -> Result<()> {
    let result = worker.join().map_err(|_| anyhow!("a worker panicked"))?;
    result.context("the workload stopped")
}
