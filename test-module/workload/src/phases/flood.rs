//! `workload phases`: phases as fast as they can be opened and closed.

use std::{ffi::CString, thread};

use anyhow::{Result, anyhow};

use super::exported::ROCTX;
use crate::cli::PhasesOptions;

/// Has each thread open and close them, and prints how many were opened.
pub fn run(options: &PhasesOptions) -> Result<()> {
    let names: Vec<_> = (0..options.names.max(1))
        .map(|nth| CString::new(format!("phase {nth}")))
        .collect::<Result<_, _>>()?;
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
