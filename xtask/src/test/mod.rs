//! `cargo xtask test`: every test, on the host and in the VM.

mod account;
mod asked;
mod askers;
mod boot;
mod churn;
mod compare;
mod confined;
mod dashboard;
mod data;
mod debug;
mod diff;
mod dist;
mod driver_parts;
mod either;
mod ends;
mod findings;
mod headless;
mod host;
mod hotplug;
mod install;
mod kernel_tests;
mod killed;
mod kprobes;
mod ledger;
mod live;
mod losses;
mod makefile;
mod mappings;
mod merge;
mod output;
mod page;
mod pairs;
mod phases;
mod readers;
mod recordings;
mod refusals;
mod reloads;
mod rogue;
mod runs;
mod scenarios;
mod serve;
mod sigkill;
mod stat;
mod steps;
mod stock;
mod stuck;
mod systemd;
mod tally;
mod totals;
mod trace;
mod tracing_ends;
mod waits;
mod within;

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use anstyle::{AnsiColor, Style};
use anyhow::{Result, bail};
use clap::Args;

use crate::arch::Arch;
use crate::commands::dist::Dist;
use crate::errors::{Interrupted, Status};
use crate::lab::Lab;
use crate::options::Options;
use crate::progress::{self, Step, clock};
use crate::setup::kernel::Flavour;
use crate::setup::{Needs, Setup};
use crate::vm::StaleInstruction;

/// Which tests to run.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only tests whose names hold this text
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Only the tests on the host
    #[arg(long, conflicts_with = "vm")]
    pub(crate) host: bool,
    /// Only the tests in the VM
    #[arg(long)]
    pub(crate) vm: bool,
    /// Only this: on Debian's own kernels (6.1, 6.12, 6.19, 7.2, 7.3, downloaded once) everything
    /// loads and attaches; the first and the last of them are ordinary tests as well
    #[arg(long, conflicts_with_all = ["host", "vm"])]
    pub(crate) kernels: bool,
    /// Only this, about an hour: in a hundred pairs of runs, how often 'diff' calls the same better
    /// or worse, and how often it notices that the driver has become slower; and whether ten runs
    /// of the default scenario say the same
    #[arg(long, conflicts_with_all = ["host", "vm", "kernels"])]
    pub(crate) pairs: bool,
}

impl Test {
    /// Are ordinary tests wanted?
    pub(crate) fn is_ordinary(&self) -> bool {
        !self.kernels && !self.pairs
    }
}

/// What a test in the VM has at hand.
pub(crate) struct Context<'a> {
    /// Boots VMs.
    pub(crate) lab: &'a Lab,
    /// Boots VMs with the debug kernel; opened by the first test that needs it.
    debug: OnceLock<Lab>,
    /// What users install; made by the first test that needs it.
    dist: OnceLock<Dist>,
    /// How many tests have begun, of how many.
    begun: AtomicUsize,
    tests: usize,
}

/// A test in the VM. It passes or fails, or its error is [`Skipped`].
struct Case {
    name: &'static str,
    run: fn(&Context<'_>) -> Result<()>,
}

/// Why a test was not made: something that may be missing is, and how to get it.
#[derive(Debug)]
struct Skipped(String);

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Skipped {}

/// A table of tests, each named after its function.
macro_rules! tests {
    [$($topic:ident::$test:ident),* $(,)?] => {
        &[$(Case { name: concat!(stringify!($topic), "::", stringify!($test)), run: $topic::$test }),*]
    };
}

/// Tests in the VM that run each by itself, in this order: what others rest on, what measures time,
/// and what builds something that others build, too.
const ALONE: &[Case] = tests![
    boot::boots_and_gives_a_verdict,
    boot::has_the_file_systems,
    boot::clock_is_fine,
    boot::counts_instructions,
    output::arrives_byte_for_byte,
    output::added_files_are_there,
    output::ports_carry_what_programs_write,
    output::serial_lines_carry_bytes_too,
    ends::statuses_are_told,
    ends::background_tasks_are_stopped,
    ends::a_stop_is_passed_on,
    ends::a_panic_is_failure,
    ends::no_verdict_is_failure,
    ends::two_verdicts_are_failure,
    ends::a_missing_module_is_failure,
    ends::the_limit_is_kept,
    killed::qemu_does_not_outlive_xtask,
    scenarios::an_unknown_one_is_refused,
    scenarios::none_is_forgotten,
    makefile::modules_are_made_installed_and_cleaned,
    makefile::a_folder_that_is_no_tree_is_refused,
    makefile::rustfmt_mends_what_its_check_refuses,
    makefile::clippy_has_nothing_to_say,
    refusals::not_root,
    refusals::no_btf,
    refusals::no_functions,
    waits::are_what_the_scenarios_promise,
    waits::are_those_of_the_driver,
    steps::tracer_agrees_with_the_drivers_clock,
    asked::parts_and_sleep_are_within_the_steps,
    driver_parts::are_what_the_driver_waits_for,
    live::totals_are_at_most_a_second_old,
    live::rotated_files_are_of_their_time,
    live::a_reader_that_leaves_is_told_of,
    stuck::calls_that_hang_are_told,
    dist::the_package_installs_and_goes_without_a_trace,
    install::the_script_checks_before_it_writes,
    install::the_image_is_read_by_others,
    install::manifests_are_what_their_readers_want,
    install::the_image_serves_with_what_it_is_given,
    serve::alerts_do_what_their_test_says,
    serve::prometheus_reads_what_the_report_says,
    serve::totals_that_are_served_are_the_drivers,
    serve::a_kernel_is_served_until_ctrl_c,
    dashboard::shows_the_vm_live,
    findings::are_made_where_they_should_be,
    diff::waste_is_worse_and_named,
    page::opens_in_a_browser_without_a_request,
    page::a_flame_graph_opens_in_one_too,
    debug::all_scenarios_leave_its_log_clean,
    debug::random_calls_leave_its_log_clean,
    stock::migrations_of_linux_7_3_are_counted,
    stock::drivers_with_one_owner_are_told_apart,
    stock::a_suspended_machine_is_counted,
    reloads::names_follow_the_drivers,
    within::a_fault_in_anothers_code_is_not_the_others,
    kernel_tests::of_device_memory_are_traced_whole,
];

/// Those that count, and run side by side where there are several processors, after the others. In
/// this order: those first that take longest.
const SIDE_BY_SIDE: &[Case] = tests![
    sigkill::leaves_nothing_in_the_kernel,
    tracing_ends::by_whatever_all_is_told,
    data::every_byte_survives_10000_round_trips,
    ledger::tracer_equals_driver_in_every_call,
    ledger::threads_are_told_apart,
    stock::linux_6_1_is_traced,
    stock::linux_7_3_is_traced,
    findings::have_the_numbers_of_what_happened,
    confined::recorders_keep_what_they_need,
    confined::the_command_is_not,
    confined::outputs_do_no_harm,
    confined::files_are_made_in_one_folder,
    systemd::runs_the_unit,
    recordings::of_a_command_end_with_it,
    recordings::on_a_full_disk_are_whole_up_to_there,
    recordings::of_a_killed_recorder_are_read,
    recordings::in_many_files_add_up,
    readers::of_other_projects_find_the_same,
    merge::puts_both_on_one_clock,
    stat::runs_are_counted_as_the_driver_does,
    totals::stay_exact_when_records_are_lost,
    totals::are_all_there_is_when_asked_for,
    totals::count_what_is_not_sampled,
    totals::have_the_quantiles_of_the_records,
    asked::kprobes_see_the_same,
    asked::stacks_name_the_driver_and_the_program,
    askers::are_found_behind_the_kernels_threads,
    asked::the_driver_is_known_anyway,
    asked::filters_let_through_what_is_asked_for,
    kprobes::many_threads_lose_nothing_untold,
    kprobes::sleepers_lose_nothing_untold,
    kprobes::sleepers_without_room_are_counted,
    kprobes::blind_moments_are_counted,
    live::abandoned_calls_are_all_recorded,
    live::abandoned_calls_are_recorded_at_the_end,
    live::unfinished_calls_are_counted,
    losses::a_full_table_is_counted,
    losses::calls_from_before_are_counted,
    losses::stacks_without_a_place_are_counted,
    losses::names_without_room_are_counted,
    hotplug::processors_come_and_go,
    rogue::ledgers_that_do_not_balance_are_counted,
    rogue::arrays_that_cannot_be_read_are_counted,
    phases::are_those_of_the_program,
    phases::none_is_lost_untold,
    phases::a_script_marks_them,
    phases::are_counted_run_by_run,
    phases::are_served,
    scenarios::every_way_is_traced,
    scenarios::what_fails_is_traced,
    scenarios::load_is_traced,
    scenarios::crowds_are_traced,
    scenarios::real_drivers_are_traced,
    scenarios::all_in_turn_are_traced,
    mappings::are_those_of_the_process,
    mappings::are_left_out_when_nobody_asks,
    mappings::are_told_by_device,
];

/// How many run side by side at most: each has up to two processors, and some memory.
const MOST_LANES: usize = 4;

/// Debian's kernels, which `--kernels` asks for: downloads and boots that take too long for every
/// day.
const KERNELS: &[Case] = tests![
    stock::linux_6_1_is_traced,
    stock::linux_6_12_is_traced,
    stock::linux_6_19_is_traced,
    stock::linux_7_2_is_traced,
    stock::linux_7_3_is_traced,
    stock::migrations_of_linux_7_2_are_counted,
    stock::migrations_of_linux_7_3_are_counted,
    stock::migrations_of_a_real_time_kernel_are_counted,
    stock::migrations_of_a_cloud_kernel_are_counted,
    stock::drivers_with_one_owner_are_told_apart,
];

/// The same for 64-bit ARM.
const KERNELS_OF_ARM: &[Case] = tests![
    stock::migrations_of_linux_7_2_are_counted,
    stock::migrations_of_linux_7_3_are_counted,
    stock::migrations_of_a_real_time_kernel_are_counted,
    stock::migrations_of_a_cloud_kernel_are_counted,
    stock::migrations_with_16_kib_pages_are_counted,
    stock::linux_7_3_with_16_kib_pages_is_traced,
];

/// Those of 64-bit ARM, which `--arch aarch64` asks for: our kernel, with pages of 64 KiB, boots;
/// on Debian's, with pages of 4 and of 16 KiB, migrations are counted.
const OF_ARM: &[Case] = tests![
    boot::boots_and_gives_a_verdict,
    boot::has_the_file_systems,
    boot::clock_is_fine,
    boot::counts_instructions,
    ledger::tracer_equals_driver_in_every_call,
    ledger::threads_are_told_apart,
    totals::stay_exact_when_records_are_lost,
    asked::kprobes_see_the_same,
    data::every_byte_survives_10000_round_trips,
    steps::tracer_agrees_with_the_drivers_clock,
    either::machines_read_the_same,
    waits::are_what_the_scenarios_promise,
    churn::a_million_calls_leave_nothing,
    stock::migrations_with_16_kib_pages_are_counted,
    stock::migrations_of_linux_7_3_are_counted,
    stock::linux_7_3_with_16_kib_pages_is_traced,
];

/// Many runs of the same and of something slower, which `--pairs` asks for.
const PAIRS: &[Case] = tests![pairs::are_told_rightly, findings::of_ten_runs_are_the_same,];

/// A test that failed, and what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Failed {
    name: String,
    why: String,
}

impl Failed {
    fn new(name: &str, why: &str) -> Self {
        Self {
            name: name.to_owned(),
            why: why.to_owned(),
        }
    }

    /// For the end of a run, of which perhaps only the end is kept: the name, and so much of what
    /// the test said that one sees what to look for.
    fn again(&self) -> String {
        const LINES: usize = 12;
        const LETTERS: usize = 400;
        let mut text = self.name.clone();
        for line in self.why.lines().take(LINES) {
            text.push_str("\n    ");
            text.extend(line.chars().take(LETTERS));
        }
        text
    }
}

/// How many tests ended how, and which failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Count {
    passed: usize,
    failed: Vec<Failed>,
    skipped: usize,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed.len())?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)
        } else {
            Ok(())
        }
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped += other.skipped;
    }
}

/// Runs the tests; the last line of standard output tells how many passed and failed.
pub(crate) fn run(arguments: &Test, options: Options) -> Result<()> {
    let setup = Setup::new(options, Flavour::Test)?;
    let terminal = Needs {
        terminal: arguments.is_ordinary(),
        ..Needs::default()
    };
    setup.ensure(terminal, 0)?;
    let mut count = Count::default();
    let arch = setup.arch;
    if !arguments.vm && arguments.is_ordinary() && !arch.is_foreign() {
        count += host::run(&setup.workspace, arguments.filter.as_deref())?;
    }
    // 7.3 is a name that users know.
    let filter = arguments
        .filter
        .as_deref()
        .map(|filter| filter.replace('.', "_"));
    let wanted = |test: &&Case| {
        let filter = filter.as_deref();
        filter.is_none_or(|filter| test.name.contains(filter))
    };
    let (alone, side_by_side) = match arguments {
        Test { kernels: true, .. } if arch == Arch::Aarch64 => (KERNELS_OF_ARM, &[][..]),
        _ if arch == Arch::Aarch64 => (OF_ARM, &[][..]),
        Test { kernels: true, .. } => (KERNELS, &[][..]),
        Test { pairs: true, .. } => (PAIRS, &[][..]),
        _ => (ALONE, SIDE_BY_SIDE),
    };
    let [alone, side_by_side] =
        [alone, side_by_side].map(|tests| tests.iter().filter(wanted).collect::<Vec<_>>());
    let tests = alone.len() + side_by_side.len();
    if !arguments.host && tests > 0 {
        // Debian's kernels are all that `--kernels` boots.
        let lab = match arguments.kernels {
            true => Lab::without_kernel(setup),
            false => Lab::open(setup, 0).map(|(lab, _)| lab),
        };
        count += match lab {
            Ok(lab) => {
                let context = Context {
                    lab: &lab,
                    debug: OnceLock::new(),
                    dist: OnceLock::new(),
                    begun: AtomicUsize::new(0),
                    tests,
                };
                let mut count = run_all(&context, &Mutex::new(alone.clone().into()))?;
                count += run_side_by_side(&context, side_by_side.clone())?;
                count
            }
            // Without a VM none of its tests has passed; why, comes first.
            Err(error) if crate::errors::conclude(&error).0 == 1 => {
                anstream::println!("the VM tests cannot run: {error:#}");
                let all = alone.iter().chain(&side_by_side);
                Count {
                    failed: all.map(|test| Failed::new(test.name, "")).collect(),
                    ..Count::default()
                }
            }
            Err(error) => return Err(error),
        };
    }
    if !count.failed.is_empty() {
        let failed: Vec<_> = count.failed.iter().map(Failed::again).collect();
        say(AnsiColor::Red, &format!("failed:\n{}", failed.join("\n")));
    }
    println!("{count}");
    if !count.failed.is_empty() {
        bail!(Status(1))
    } else {
        Ok(())
    }
}

impl Context<'_> {
    /// Runs a test, and once more, in a way that excludes it, if the emulator was at fault.
    fn run(&self, test: &Case) -> Result<()> {
        let result = (test.run)(self);
        match result {
            Err(error) if error.is::<StaleInstruction>() => {
                say(
                    AnsiColor::Yellow,
                    &format!(
                        "{error}\nThat is a fault of QEMU before 8.1, which ran a breakpoint that was no longer there; once more, emulated by one thread"
                    ),
                );
                self.emulate_on_one_thread(true);
                let result = (test.run)(self);
                self.emulate_on_one_thread(false);
                result
            }
            result => result,
        }
    }

    fn emulate_on_one_thread(&self, one_thread: bool) {
        let labs = [Some(self.lab), self.debug.get()];
        labs.into_iter()
            .flatten()
            .for_each(|lab| lab.emulate_on_one_thread(one_thread));
    }
}

/// Tests that have not begun.
type Queue<'a> = Mutex<VecDeque<&'a Case>>;

/// Runs them in as many lanes as there are processors for.
fn run_side_by_side(context: &Context<'_>, tests: Vec<&Case>) -> Result<Count> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let lanes = processors.min(MOST_LANES).min(tests.len());
    let queue = Mutex::new(tests.into());
    let counts = thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes)
            .map(|_| scope.spawn(|| run_all(context, &queue)))
            .collect();
        let counts = lanes
            .into_iter()
            .map(|lane| lane.join().expect("tests do not panic"));
        counts.collect::<Vec<_>>()
    });
    let mut sum = Count::default();
    for count in counts {
        sum += count?;
    }
    Ok(sum)
}

fn run_all(context: &Context<'_>, queue: &Queue<'_>) -> Result<Count> {
    let mut count = Count::default();
    let next = || {
        queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    while let Some(test) = next() {
        let step = Step::begin(format!(
            "test {} of {} in the VM: {}",
            context.begun.fetch_add(1, Ordering::Relaxed) + 1,
            context.tests,
            test.name
        ));
        let begun = Instant::now();
        let result = context.run(test);
        drop(step);
        if let Err(error) = &result
            && error.is::<Interrupted>()
        {
            return Err(Interrupted.into());
        }
        count += report(test, result, &clock(begun.elapsed()));
    }
    Ok(count)
}

fn report(test: &Case, result: Result<()>, elapsed: &str) -> Count {
    let name = test.name;
    let (color, line, count) = match result {
        Ok(()) => (
            AnsiColor::Green,
            format!("ok ({elapsed})"),
            Count {
                passed: 1,
                ..Count::default()
            },
        ),
        Err(error) if error.is::<Skipped>() => (
            AnsiColor::Yellow,
            format!("skipped: {error:#}"),
            Count {
                skipped: 1,
                ..Count::default()
            },
        ),
        Err(error) => (
            AnsiColor::Red,
            format!("FAILED ({elapsed})\n{error:#}"),
            Count {
                failed: vec![Failed::new(name, &format!("{error:#}"))],
                ..Count::default()
            },
        ),
    };
    say(color, &format!("test {name} ... {line}"));
    count
}

fn say(color: AnsiColor, text: &str) {
    let style = Style::new().fg_color(Some(color.into()));
    progress::print(&format!("{style}{text}{style:#}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_as_promised() {
        let mut count = Count {
            passed: 3,
            ..Count::default()
        };
        assert_eq!(count.to_string(), "3 passed, 0 failed");
        count += Count {
            failed: vec![Failed::new("one", "")],
            skipped: 2,
            ..Count::default()
        };
        assert_eq!(count.to_string(), "3 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn what_failed_is_told_again_in_few_words() {
        let failed = Failed::new("loss::of_all", &"words\n".repeat(99));
        assert_eq!(failed.again().lines().count(), 1 + 12);
        assert!(failed.again().starts_with("loss::of_all\n    words\n"));
        assert_eq!(Failed::new("loss::of_all", "").again(), "loss::of_all");
    }

    #[test]
    fn names_are_unique() {
        let all = || ALONE.iter().chain(SIDE_BY_SIDE).map(|test| test.name);
        let names: std::collections::BTreeSet<_> = all().collect();
        assert_eq!(names.len(), all().count());
    }
}
