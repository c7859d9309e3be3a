//! Nothing stays in the kernel when a recorder is killed in the hardest way, whatever it is doing.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use super::trace::tell;
use crate::driver;
use crate::setup::programs::{BPFTOOL, BPFTOOL_PROGRAM, Programs};
use crate::vm::Machine;
use crate::vm::builder::Task;

/// How often: half of them some time after the start, half after the first hook is in place,
/// however long that takes.
const TIMES: u32 = 100;
/// On a machine where that takes longer, as often as fits into this time: but so often at least.
const ENOUGH: Duration = Duration::from_secs(400);
const FEWEST: u32 = 20;
const LIMIT: Duration = Duration::from_secs(2400);

/// Kills recorders at moments that a seed decides, while another process migrates a hundred times a
/// second, as far as there is time left for it: on the only processor, a recorder would not get as
/// far as its hooks otherwise. Prints how many were killed
/// with a hook in place, of how many, and then what the kernel's own lists have.
fn script() -> String {
    let enough = ENOUGH.as_secs();
    format!(
        "sh -c 'renice -n 10 $$ && exec workload run mixed --seed 3 --rate 100' >/tmp/load 2>&1 & load=$!
        hooked=0; killed=0
        seconds() {{ cut -d. -f1 /proc/uptime; }}
        until=$(($(seconds) + {enough}))
        is_hooked() {{ grep -q migrate_vma_ /sys/kernel/tracing/enabled_functions; }}
        list() {{ bpftool prog list; bpftool map list; bpftool link list; cat /sys/kernel/tracing/enabled_functions; }}
        awk 'BEGIN {{ srand(41); for (n = 0; n < {TIMES}; n++) print n % 2, (n % 2 ? 2 : 5) * rand() }}' > /tmp/moments
        while read after_hook moment; do
            test $killed -ge {FEWEST} && test $(seconds) -ge $until && break
            migscope record -o /tmp/killed.arrow >/dev/null 2>&1 & recorder=$!
            while test $after_hook = 1 && ! is_hooked && test -d /proc/$recorder; do sleep 0.05; done
            sleep $moment
            is_hooked && hooked=$((hooked + 1))
            kill -KILL $recorder || exit 1
            killed=$((killed + 1))
            wait $recorder
            rm -f /tmp/killed.arrow
        done < /tmp/moments
        echo $hooked of $killed
        # The kernel frees what nobody holds when every processor has been idle or elsewhere.
        for second in 1 2 3 4 5 6 7 8 9 10; do
            test -z \"$(list)\" && break
            sleep 1
        done
        list
        kill -0 $load || {{ echo the load is gone >&2; cat /tmp/load >&2; exit 1; }}
        kill -INT $load; wait $load; cat /tmp/load >&2"
    )
}

pub(super) fn leaves_nothing_in_the_kernel(context: &Context<'_>) -> Result<()> {
    let programs = Programs::fetched(&context.lab.setup.cache, BPFTOOL)?;
    // One processor: on two emulated ones, to patch the kernel's code a hundred times trips over
    // the emulation.
    let one = |machine| Machine {
        processors: 1,
        ..machine
    };
    let vm = driver::load(context.lab.vm("sigkill"))
        .machine(one)
        .limit(LIMIT);
    let outcome = vm
        .files(programs.files(BPFTOOL_PROGRAM)?)
        .task(Task::shell("killer", &script()))
        .task(driver::unload())
        .run()?;
    outcome.expect_success("killer")?;
    driver::left_nothing_behind(&outcome)?;
    let output = outcome.stdout("killer");
    let output = String::from_utf8_lossy(&output);
    let (hooked, left) = output.split_once('\n').unwrap_or((&output, ""));
    let number = |text: &str| text.parse::<u32>().ok();
    let (hooked, killed) = hooked
        .split_once(" of ")
        .and_then(|(hooked, killed)| number(hooked).zip(number(killed)))
        .with_context(|| format!("the killer said {output}"))?;
    tell(
        context,
        "sigkill",
        &format!("  {hooked} of {killed} had a hook in place"),
    )?;
    ensure!(left.is_empty(), "the kernel still has\n{left}");
    // Else the moments were no good.
    ensure!(
        killed >= FEWEST && (killed / 10..killed).contains(&hooked),
        "{hooked} of {killed} were killed with a hook in place"
    );
    Ok(())
}
