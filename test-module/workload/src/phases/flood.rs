//! `workload phases`: phases as fast as they can be opened and closed, or timed one by one.

use std::{ffi::CString, thread};

use anyhow::{Result, anyhow};

use super::exported::ROCTX;
use crate::{
    bench::{cost, tell, thread_ns},
    cli::PhasesOptions,
};

/// Phases before time is taken: each name has been there by then.
const WARM_UP: usize = 100;

/// Has each thread open and close them, and prints how many were opened.
pub fn run(options: &PhasesOptions) -> Result<()> {
    let names: Vec<_> = (0..options.names.max(1))
        .map(|nth| CString::new(format!("phase {nth}")))
        .collect::<Result<_, _>>()?;
    if options.timed {
        return timed(options.count as usize, &names);
    }
    thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads)
            .map(|_| scope.spawn(|| flood(options, &names)))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked")))
    })?;
    println!("{}", options.count * u64::from(options.threads));
    Ok(())
}

/// What opening and closing takes.
fn timed(count: usize, names: &[CString]) -> Result<()> {
    let [mut opening, mut closing] = [(); 2].map(|()| Vec::with_capacity(count));
    for (nth, name) in (0..WARM_UP + count).zip(names.iter().cycle()) {
        let begun = thread_ns()?;
        (ROCTX.push)(name.as_ptr());
        let opened = thread_ns()?;
        (ROCTX.pop)();
        let closed = thread_ns()?;
        if nth >= WARM_UP {
            opening.push(opened - begun);
            closing.push(closed - opened);
        }
    }
    tell(&cost("push", 0, opening))?;
    tell(&cost("pop", 0, closing))
}

fn flood(options: &PhasesOptions, names: &[CString]) {
    let mut names = names.iter().cycle();
    let mut left = options.count;
    while left > 0 {
        let nested = left.min(options.nested.max(1).into());
        for name in names.by_ref().take(nested as usize) {
            (ROCTX.push)(name.as_ptr());
        }
        for _ in 0..nested {
            (ROCTX.pop)();
        }
        left -= nested;
    }
}
