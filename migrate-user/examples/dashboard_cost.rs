//! What the dashboard costs: the time of a frame and the memory of a long run, as one JSON object
//! with what they may be. `cargo xtask bench` builds it with `--release`, and fails where it costs
//! more.

use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use migscope::dashboard::{Action, App, Settings, Tab, draw, start};
use migscope::trace::Batch;
use migscope_testkit::{Synthetic, facts};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// Migrations that are there when frames are timed, and at the end.
const FULL: u64 = 1_000_000;
const ENDLESS: u64 = 10_000_000;

const BATCH: usize = 1000;

/// Processes that migrate.
const PROCESSES: u32 = 1000;

/// Frames of each tab that are timed.
const FRAMES: usize = 101;

/// What a frame of 200 columns and 60 lines may take, half of the time.
const FRAME_LIMIT: Duration = Duration::from_millis(4);

/// What the whole program may take, bytes.
const MEMORY_LIMIT: u64 = 64 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut app = start("live", facts(), Settings::default(), false);
    let mut synthetic = Synthetic::new(1).with_details();
    feed(&mut app, &mut synthetic, FULL);
    let mut frames = Vec::new();
    for tab in Tab::ALL {
        app.act(Action::Show(tab));
        frames.push((tab.name().to_lowercase(), median_frame(&app)?));
    }
    // What happened lately is counted beside the whole run, and a picture that is held still is a
    // further copy.
    app.act(Action::Window);
    feed(&mut app, &mut synthetic, FULL);
    app.act(Action::Pause);
    feed(&mut app, &mut synthetic, ENDLESS - 2 * FULL);
    let memory = peak_memory()?;
    let frames: serde_json::Map<_, _> = frames
        .into_iter()
        .map(|(tab, time)| (tab, (time.as_nanos() as u64).into()))
        .collect();
    let costs = serde_json::json!({
        "frame_median_ns": frames,
        "frame_limit_ns": FRAME_LIMIT.as_nanos() as u64,
        "migrations": ENDLESS,
        "peak_memory_bytes": memory,
        "memory_limit_bytes": MEMORY_LIMIT,
    });
    println!("{costs:#}");
    Ok(())
}

fn feed(app: &mut App, synthetic: &mut Synthetic, migrations: u64) {
    for _ in 0..migrations / BATCH as u64 {
        let mut batch: Batch = synthetic.batch(BATCH);
        for migration in &mut batch.migrations {
            migration.pid = Some(1000 + migration.sequence as u32 % PROCESSES);
        }
        app.batch(batch);
    }
}

/// How long a frame takes, half of the time: to draw, and to find out what changed.
fn median_frame(app: &App) -> Result<Duration, Box<dyn Error>> {
    let mut terminal = Terminal::new(TestBackend::new(200, 60))?;
    let mut times = Vec::new();
    for _ in 0..FRAMES {
        let begun = Instant::now();
        terminal.draw(|frame| {
            draw(app, frame);
        })?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[FRAMES / 2])
}

/// The most memory that this program had at a time, bytes.
fn peak_memory() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib
        .ok_or("this kernel tells no VmHWM")?
        .trim()
        .parse::<u64>()?
        << 10)
}
