//! Nothing stays in the kernel when a recorder is killed in the hardest way, whatever it is doing.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::Context;
use crate::driver;
use crate::progress::Step;
use crate::setup::Part as _;
use crate::setup::programs::{BPFTOOL, BPFTOOL_PROGRAM, Programs};
use crate::vm::Machine;
use crate::vm::builder::Task;

/// How often: half of them some time after the start, half after the first hook is in place,
/// however long that takes.
const TIMES: u32 = 100;
const LIMIT: Duration = Duration::from_secs(2400);

/// Kills recorders at moments that a seed decides, while another process migrates a hundred times a
/// second (more, and a recorder would not get as far as its hooks). Prints how many were killed
/// with a hook in place, and then what the kernel's own lists have.
fn script() -> String {
    format!(
        "workload run mixed --seed 3 --rate 100 >/tmp/load 2>&1 & load=$!
        hooked=0
        is_hooked() {{ grep -q migrate_vma_ /sys/kernel/tracing/enabled_functions; }}
        list() {{ bpftool prog list; bpftool map list; bpftool link list; cat /sys/kernel/tracing/enabled_functions; }}
        awk 'BEGIN {{ srand(41); for (n = 0; n < {TIMES}; n++) print n % 2, (n % 2 ? 2 : 5) * rand() }}' > /tmp/moments
        while read after_hook moment; do
            migscope record -o /tmp/killed.arrow >/dev/null 2>&1 & recorder=$!
            while test $after_hook = 1 && ! is_hooked && test -d /proc/$recorder; do sleep 0.05; done
            sleep $moment
            is_hooked && hooked=$((hooked + 1))
            kill -KILL $recorder || exit 1
            wait $recorder
            rm -f /tmp/killed.arrow
        done < /tmp/moments
        echo hooked $hooked
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
    let programs = Programs::new(&context.lab.setup.cache, BPFTOOL);
    if !programs.is_there()? {
        programs.make(&Step::begin(programs.title()))?;
    }
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
    let hooked: u32 = hooked
        .strip_prefix("hooked ")
        .and_then(|hooked| hooked.parse().ok())
        .with_context(|| format!("the killer said {output}"))?;
    ensure!(left.is_empty(), "the kernel still has\n{left}");
    // Else the moments were no good.
    ensure!(
        (TIMES / 10..TIMES).contains(&hooked),
        "{hooked} of {TIMES} were killed with a hook in place"
    );
    Ok(())
}
