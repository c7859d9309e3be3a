//! What `migscope diff` says of two recordings, and how often it errs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/program.rs"]
mod program;

use std::fs::File;
use std::thread;

use fastrand::Rng;
use migrate_ebpf::wire::Loss;
use migscope::compare::{Limits, Sample, Verdict, compare};
use migscope::recording::{Reader, Writer};
use migscope::trace::{Batch, Details, Facts, Migration, Wait, WaitKind};
use migscope_testkit::{Synthetic, facts, recording};
use program::{assert_refused, file, run, stderr, stdout};
use serde_json::Value;

/// A recording of this folder's.
fn data(name: &str) -> String {
    format!("{}/tests/data/{name}.arrow", env!("CARGO_MANIFEST_DIR"))
}

fn json(base: &str, new: &str) -> (Option<i32>, Value) {
    let output = run(&["diff", "--json", base, new]);
    let page = serde_json::from_str(stdout(&output));
    (
        output.status.code(),
        page.unwrap_or_else(|_| panic!("{}", stderr(&output))),
    )
}

/// No bound that cannot be, no line that is too long, and a legend.
fn makes_sense(base: &str, new: &str) {
    let page = run(&["diff", base, new]);
    let page = stdout(&page).replace(base, "base").replace(new, "new");
    for line in page.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(page.contains("Effect: how much more often"), "{page}");
    let (_, json) = json(base, new);
    for figure in json["figures"].as_array().unwrap() {
        let name = figure["figure"].as_str().unwrap();
        let bounds = [&figure["low"], &figure["high"]].map(Value::as_f64);
        let [Some(low), Some(high)] = bounds else {
            assert_eq!(bounds, [None, None], "{figure}");
            continue;
        };
        assert!(low <= high && high < 1000.0, "{figure}");
        if name.ends_with("_share") {
            let base = figure["base"].as_f64().unwrap();
            assert!(base + low >= 0.0 && base + high <= 1.0 + 1e-9, "{figure}");
        } else {
            assert!(low > -1.0, "{figure}");
        }
    }
}

#[test]
fn what_cannot_be_compared_is_inconclusive_and_not_the_same() {
    let (filter, sample) = (data("filter-1"), data("mixed"));
    let (status, page) = json(&filter, &sample);
    assert_eq!(
        (status, &page["verdict"]),
        (Some(3), &"inconclusive".into())
    );
    let differences = page["differences"].as_array().unwrap();
    let filters = differences
        .iter()
        .find(|difference| difference["what"] == "filter")
        .unwrap();
    assert_eq!(
        (&filters["base"], &filters["new"]),
        (&"outcome=rolled_back".into(), &"none".into())
    );
    let text = run(&["diff", &filter, &sample]);
    let text = stdout(&text);
    let said = text.find("outcome=rolled_back | none").unwrap();
    assert!(said < text.find("Time of a page").unwrap(), "{text}");
    assert!(
        text.contains(
            "Verdict: inconclusive\n  - how sure the changes are is not known with fewer than five blocks on a side:"
        ),
        "{text}"
    );
    makes_sense(&filter, &sample);
}

/// What a base could not have, it does not lack.
#[test]
fn findings_that_were_not_judged_on_the_base_are_not_new() {
    let of = |base: &str| {
        let (_, page) = json(&data(base), &data("mixed"));
        let text = run(&["diff", &data(base), &data("mixed")]);
        let names = |name: &str| {
            let names = page[name].as_array().unwrap().iter();
            let names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
            names.join(" ")
        };
        let names = (names("new_findings"), names("unjudged_findings"));
        (names, stdout(&text).to_owned())
    };
    // A sample has no two records of a page for certain, and nine migrations have no averages.
    let ((new, unjudged), text) = of("sampled");
    assert!(!new.contains("already_there") && !new.contains("livelock"));
    assert!(unjudged.contains("already_there") && unjudged.contains("livelock"));
    assert!(
        text.contains("not judged on the base: already_there, "),
        "{text}"
    );
    let ((new, unjudged), _) = of("filter-1");
    assert!(new.is_empty() && unjudged.contains("wasted_copies"));
    let ((_, unjudged), text) = of("mixed");
    assert!(unjudged.is_empty() && !text.contains("not judged"));
}

#[test]
fn a_recording_is_the_same_as_itself() {
    let mixed = data("mixed");
    let (_folder, copy) = file(&std::fs::read(&mixed).unwrap());
    let link = copy.with_file_name("link.arrow");
    std::os::unix::fs::symlink(&mixed, &link).unwrap();
    let (status, page) = json(&mixed, link.to_str().unwrap());
    assert_eq!((status, &page["verdict"]), (Some(0), &"same".into()));
    assert_eq!(page["why"][0], "both sides are the same recording");
    let text = run(&["diff", &mixed, &mixed]);
    let end = "Verdict: same\n  - both sides are the same recording\n";
    assert!(stdout(&text).ends_with(end), "{}", stdout(&text));
    // Whether another file was made by another run nobody knows.
    let (_, page) = json(&mixed, copy.to_str().unwrap());
    assert!(!page["why"].to_string().contains("the same recording"));
}

#[test]
fn blocks_of_unlike_size_have_no_effect_and_a_legend_says_so() {
    let text = run(&["diff", &data("sampled"), &data("mixed")]);
    let text = stdout(&text).replace("\n", " ");
    // 440 migrations in 55 blocks, and 7,146 in 55.
    assert!(
        text.contains(
            "Unknown here: one of the base has about 8 migrations and one of the new 129."
        ),
        "{text}"
    );
    assert!(text.contains("Failed: pages in calls that were rolled back or rejected."));
    assert!(text.contains("up to 1 point of a share"));
}

#[test]
fn bounds_can_be_or_there_are_none() {
    let (base, new) = (data("batching-small"), data("pinned"));
    let (status, page) = json(&base, &new);
    assert_eq!(
        (status, &page["verdict"]),
        (Some(3), &"inconclusive".into())
    );
    makes_sense(&base, &new);
    makes_sense(&data("mixed"), &new);
    makes_sense(&data("mixed"), &data("mixed"));
}

#[test]
fn totals_are_compared_where_records_are_missing() {
    let (base, new) = (data("mixed"), data("totals-only"));
    let (status, page) = json(&base, &new);
    assert_eq!(
        (status, &page["new"]["migrations"]),
        (Some(3), &6180.into())
    );
    let report = run(&["report", "--json", &new]);
    let report: Value = serde_json::from_str(stdout(&report)).unwrap();
    let figure = |name: &str| {
        let mut figures = page["figures"].as_array().unwrap().iter();
        figures
            .find(|figure| figure["figure"] == name)
            .unwrap()
            .clone()
    };
    let total = &report["total"]["both"];
    let arrived = ["moved", "populated"].map(|row| report["ledger"][row].as_f64().unwrap());
    let per_page = total["sum_ns"].as_f64().unwrap() / arrived.iter().sum::<f64>();
    let found = figure("ns_per_page")["new"].as_f64().unwrap();
    assert!((found / per_page - 1.0).abs() < 1e-9, "{found} {per_page}");
    let median = figure("total_p50_ns")["new"].as_f64().unwrap();
    assert!((median / total["p50_ns"].as_f64().unwrap() - 1.0).abs() < 0.02);
    assert!(figure("total_p50_ns")["change"].is_f64());
    // One run's totals do not tell how much runs vary, and which calls are alike.
    assert!(
        figure("total_p50_ns")["low"].is_null() && figure("alike_ns_per_page")["new"].is_null()
    );
    makes_sense(&base, &new);
}

/// Of a sample there are records enough, and of a recording that lost nearly all there are not.
#[test]
fn a_sample_stands_for_all_and_what_is_left_after_losses_does_not() {
    let remark = |change: &dyn Fn(&mut Facts, &mut Batch)| {
        let mut synthetic = Synthetic::new(5).with_totals();
        let mut facts = facts();
        let mut batches: Vec<_> = (0..10).map(|_| synthetic.batch(100)).collect();
        batches
            .iter_mut()
            .for_each(|batch| change(&mut facts, batch));
        let mut writer = Writer::new(Vec::new(), &facts).unwrap();
        batches
            .iter()
            .for_each(|batch| writer.write(batch).unwrap());
        let (_folder, path) = file(&writer.finish().unwrap());
        let (_, page) = json(path.to_str().unwrap(), path.to_str().unwrap());
        let remark = page["remarks"][0].as_str().unwrap_or_default().to_owned();
        (remark, page["base"]["migrations"].as_u64().unwrap())
    };
    let keep = |batch: &mut Batch, every: usize| {
        let mut at = 0;
        batch.migrations.retain(|_| {
            at += 1;
            at % every == 0
        });
    };
    let (sampled, migrations) = remark(&|facts, batch| {
        facts.record_every = 5;
        keep(batch, 5);
    });
    assert!(
        sampled.contains("a sample, which stands for all") && migrations == 200,
        "{sampled}"
    );
    let (lossy, migrations) = remark(&|_, batch| {
        keep(batch, 5);
        let status = batch.status.as_mut().unwrap();
        status.losses[0] = status.ended / 5 * 4;
    });
    assert!(
        lossy.contains("the kernel's totals") && migrations == 1000,
        "{lossy}"
    );
}

/// Pairs that are tried; of equal ones, at most 5 may be called worse and at most 5 better.
const PAIRS: u64 = 100;

/// As many consecutive migrations are drawn at once: those next to each other are alike.
const TOGETHER: usize = 128;

/// A run like a real recording's: parts of it, each as often as it comes.
fn drawn(all: &[Migration], seed: u64, change: impl Fn(&mut Migration)) -> Sample {
    let mut rng = Rng::with_seed(seed);
    let parts: Vec<_> = all.chunks(TOGETHER).collect();
    let mut sample = Sample::default();
    for _ in 0..parts.len() {
        for migration in parts[rng.usize(..parts.len())] {
            let mut migration = migration.clone();
            change(&mut migration);
            sample.count(&(&migration).into());
        }
    }
    sample
}

/// Every page takes 30% longer, all of it in `alloc_and_copy`, as if the driver waited there.
fn slow(migration: &mut Migration) {
    let more = migration.total_ns() * 3 / 10;
    migration.steps[1] = migration.steps[1].map(|ns| ns + more);
}

/// The verdicts on all pairs, on as many threads as help.
fn verdicts(all: &[Migration], change: fn(&mut Migration)) -> Vec<Verdict> {
    let one = |pair: u64| {
        let base = drawn(all, 2 * pair, |_| ());
        let new = drawn(all, 2 * pair + 1, change);
        compare(vec![base], vec![new], Limits::default()).verdict
    };
    thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            scope.spawn(move || {
                (0..PAIRS)
                    .filter(|pair| pair % 2 == half)
                    .map(one)
                    .collect::<Vec<_>>()
            })
        });
        halves
            .into_iter()
            .flat_map(|half| half.join().unwrap())
            .collect()
    })
}

#[test]
fn equal_runs_are_called_neither_and_slower_ones_worse() {
    let reader = Reader::new("mixed", File::open(data("mixed")).unwrap()).unwrap();
    let all: Vec<_> = reader.flat_map(|batch| batch.migrations).collect();
    let number =
        |verdicts: &[Verdict], of| verdicts.iter().filter(|verdict| **verdict == of).count();
    let equal = verdicts(&all, |_| ());
    let errors = [Verdict::Worse, Verdict::Better].map(|verdict| number(&equal, verdict));
    assert!(
        errors.iter().all(|errors| *errors <= 5),
        "worse, better: {errors:?}"
    );
    let slower = verdicts(&all, slow);
    let found = number(&slower, Verdict::Worse);
    assert!(found >= 90, "{found} of {PAIRS} are called worse");
    println!("of {PAIRS}: equal ones worse, better: {errors:?}; slower ones worse: {found}");
}

#[test]
fn diff_tells_by_its_exit_status_whether_it_got_worse() {
    let (base, batches) = recording(31, 10, 200);
    let slower: Vec<_> = batches
        .iter()
        .map(|batch| {
            let mut batch = batch.clone();
            for migration in &mut batch.migrations {
                migration.steps[1] = migration.steps[1].map(|ns| ns * 2);
            }
            batch
        })
        .collect();
    let (_base_folder, base) = file(&base);
    let (_slow_folder, slow) = file(&migscope_testkit::written(&slower));
    let (base, slow) = (base.to_str().unwrap(), slow.to_str().unwrap());
    let verdict = |arguments: &[&str]| {
        let output = run(&[&["diff", "--json"], arguments].concat());
        let page: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
        (
            output.status.code(),
            page["verdict"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(verdict(&[base, base]), (Some(0), "same".to_owned()));
    assert_eq!(verdict(&[base, slow]), (Some(1), "worse".to_owned()));
    let (status, better) = verdict(&["--base", slow, "--new", base]);
    assert_eq!((status, better.as_str()), (Some(0), "better"));
    assert_eq!(verdict(&[base, slow, "--threshold", "150"]).0, Some(0));

    let page = run(&["diff", base, slow]);
    assert_eq!(page.status.code(), Some(1));
    let page = stdout(&page);
    assert!(page.contains("Verdict: worse\n  - a page takes"), "{page}");
    assert!(page.contains("in alloc_and_copy"), "{page}");
    insta::assert_snapshot!(page.replace(base, "base.arrow").replace(slow, "slow.arrow"));
}

/// Waits of CPUs, and of devices.
fn followed(waits: bool, device_side: bool) -> Details {
    Details {
        waits,
        device_side,
        ..Details::default()
    }
}

/// A recording of which waits were followed as `details` say, and so many of them lost.
fn waiting(
    seed: u64,
    details: Details,
    lost: u64,
    change: impl Fn(&mut Wait),
) -> (tempfile::TempDir, String) {
    let mut synthetic = Synthetic::new(seed).with_waits();
    let facts = Facts { details, ..facts() };
    let mut writer = Writer::new(Vec::new(), &facts).unwrap();
    for _ in 0..20 {
        let mut batch = synthetic.batch(300);
        let is_device = |wait: &Wait| wait.kind as u8 >= WaitKind::RangeFault as u8;
        batch.waits.retain(|wait| match is_device(wait) {
            true => details.device_side,
            false => details.waits,
        });
        batch.waits.iter_mut().for_each(&change);
        let status = batch.status.as_mut().unwrap();
        status.losses[Loss::WaitLost as usize] = lost;
        writer.write(&batch).unwrap();
    }
    let (folder, path) = file(&writer.finish().unwrap());
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn diff_compares_waits_that_both_sides_followed() {
    let (_base, base) = waiting(41, followed(true, true), 0, |_| ());
    let (_new, new) = waiting(42, followed(true, true), 0, |wait| {
        wait.total_ns += wait.before_setup_ns.unwrap_or(0);
        wait.before_setup_ns = wait.before_setup_ns.map(|ns| ns * 2);
    });
    let (status, page) = json(&base, &new);
    assert_eq!((status, &page["verdict"]), (Some(1), &"worse".into()));
    let report = run(&["report", "--json", &base]);
    let report: Value = serde_json::from_str(stdout(&report)).unwrap();
    let figure = |name: &str| {
        let mut figures = page["figures"].as_array().unwrap().iter();
        figures.find(|figure| figure["figure"] == name).unwrap()
    };
    // As the report of the same recording has it.
    for kind in [
        "fault",
        "migrating",
        "range_fault",
        "notifier",
        "exclusive",
        "before_setup",
    ] {
        let times = &report["waits"]["figures"][format!("{kind}_ns")];
        let number = |name: &str| times[name].as_f64().unwrap();
        let base = |name: &str| figure(name)["base"].as_f64().unwrap();
        let mean = base(&format!("wait_{kind}_mean_ns"));
        assert!((mean / (number("sum_ns") / number("count")) - 1.0).abs() < 1e-9);
        let median = base(&format!("wait_{kind}_p50_ns"));
        assert!((median / number("p50_ns") - 1.0).abs() < 0.02, "{kind}");
    }
    assert_eq!(figure("wait_before_setup_mean_ns")["verdict"], "worse");
    assert!(figure("wait_before_setup_share")["verdict"].is_null());
    assert!(figure("wait_range_fault_retry_share")["base"].is_f64());
    makes_sense(&base, &new);
    let text = run(&["diff", &base, &new]);
    let text = stdout(&text);
    for said in [
        "Waits, mean",
        "Shares of waits",
        "  asked again",
        "Before setup: of a fault",
    ] {
        assert!(text.contains(said), "{said}:\n{text}");
    }
    assert!(!text.contains("not compared"), "{text}");
}

#[test]
fn waits_that_one_side_did_not_follow_are_not_compared_and_that_is_said() {
    let whole = waiting(43, followed(true, true), 0, |_| ());
    let cpus = waiting(44, followed(true, false), 0, |_| ());
    let none = waiting(45, followed(false, false), 0, |_| ());
    let lossy = waiting(46, followed(true, false), 400, |_| ());
    let few = waiting(47, followed(true, false), 3, |_| ());
    let compared = |base: &str, new: &str, more: &[&str]| {
        let output = run(&[&["diff", "--json", base, new], more].concat());
        let page: Value = serde_json::from_str(stdout(&output)).unwrap();
        let figures = page["figures"].as_array().unwrap().iter();
        let has = |name: &str| figures.clone().any(|figure| figure["figure"] == name);
        let has = [has("wait_fault_mean_ns"), has("wait_range_fault_mean_ns")];
        let text = |name: &str| {
            page[name]
                .to_string()
                .replace(base, "BASE")
                .replace(new, "NEW")
        };
        (has, text("remarks"), text("differences"))
    };
    let (has, why, differences) = compared(&whole.1, &cpus.1, &[]);
    assert_eq!(has, [true, false]);
    let said = "Waits of devices are not compared: the new side did not follow them.";
    assert!(why.contains(said), "{why}");
    assert!(differences.contains("of CPUs and devices"), "{differences}");
    let (has, why, _) = compared(&none.1, &cpus.1, &[]);
    assert_eq!(has, [false, false]);
    let said = "Waits of CPUs are not compared: the base did not follow them.";
    assert!(why.contains(said) && !why.contains("devices"), "{why}");
    let (has, why, differences) = compared(&none.1, &none.1, &[]);
    assert_eq!((has, &*differences), ([false, false], "[]"));
    assert!(
        why.contains("Waits are not compared: neither side followed them."),
        "{why}"
    );
    let (has, why, _) = compared(&cpus.1, &cpus.1, &["--direction", "to_system"]);
    assert_eq!(has, [false, false]);
    assert!(
        why.contains("has a filter that asks what only migrations have"),
        "{why}"
    );
    let (has, why, _) = compared(&cpus.1, &lossy.1, &[]);
    assert_eq!(has, [false, false]);
    let said = "Waits of CPUs are not compared: the new side lost more than one in a hundred.";
    assert!(
        why.contains(said) && why.contains("of 400 waits no record came"),
        "{why}"
    );
    let (has, why, _) = compared(&cpus.1, &few.1, &[]);
    assert_eq!(has, [true, false]);
    assert!(why.contains("of 3 waits no record came"), "{why}");
}

/// A recording with what `change` does to its facts and its migrations.
fn measured(
    seed: u64,
    sub_steps: bool,
    not_hooked: &[&str],
    change: impl Fn(&mut Migration),
) -> (tempfile::TempDir, String) {
    let details = Details {
        sub_steps,
        ..Details::default()
    };
    let not_hooked = not_hooked.iter().map(|name| (*name).to_owned()).collect();
    let facts = Facts {
        details,
        not_hooked,
        ..facts()
    };
    let mut synthetic = Synthetic::new(seed).with_details();
    let mut writer = Writer::new(Vec::new(), &facts).unwrap();
    for _ in 0..20 {
        let mut batch = synthetic.batch(200);
        batch.migrations.make().iter_mut().for_each(&change);
        writer.write(&batch).unwrap();
    }
    let (folder, path) = file(&writer.finish().unwrap());
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn diff_compares_parts_of_the_drivers_steps_that_both_sides_measured() {
    let (_base, base) = measured(51, true, &[], |_| ());
    let (_new, new) = measured(52, true, &[], |migration| {
        let parts = migration.driver_parts.as_mut().unwrap();
        let more = parts[0].fence_ns;
        parts[0].fence_ns += more;
        migration.steps[1] = migration.steps[1].map(|ns| ns + more);
    });
    let (status, page) = json(&base, &new);
    assert_eq!((status, &page["verdict"]), (Some(1), &"worse".into()));
    let report = run(&["report", "--json", &base]);
    let report: Value = serde_json::from_str(stdout(&report)).unwrap();
    let arrived = ["moved", "populated"].map(|row| report["ledger"][row].as_f64().unwrap());
    let figure = |name: &str| {
        let mut figures = page["figures"].as_array().unwrap().iter();
        figures.find(|figure| figure["figure"] == name).unwrap()
    };
    // As the report of the same recording has it.
    for step in ["alloc_and_copy", "finalize_and_map"] {
        for part in ["fence", "lock", "alloc", "dma_map"] {
            let sum = &report["driver_parts"][step][format!("{part}_ns")];
            let per_page = sum.as_f64().unwrap() / arrived.iter().sum::<f64>();
            let base = &figure(&format!("{step}_{part}_ns_per_page"))["base"];
            assert!((base.as_f64().unwrap() / per_page - 1.0).abs() < 1e-9);
        }
    }
    let fence = figure("alloc_and_copy_fence_ns_per_page");
    assert_eq!(fence["verdict"], "worse");
    makes_sense(&base, &new);
    let text = run(&["diff", &base, &new]);
    let text = stdout(&text);
    for said in [
        "\nTime of a page within alloc_and_copy\n  fence  ",
        "\nTime of a page within finalize_and_map\n  fence  ",
        "within alloc_and_copy: fence (+",
    ] {
        assert!(text.contains(said), "{said}:\n{text}");
    }
    assert!(!text.contains("steps are not compared"), "{text}");
}

#[test]
fn parts_that_one_side_does_not_know_are_not_compared_and_that_is_said() {
    let whole = measured(53, true, &[], |_| ());
    let none = measured(54, false, &[], |_| ());
    let blind = measured(55, true, &["dma_fence_wait_start"], |migration| {
        for parts in migration.driver_parts.as_mut().unwrap() {
            parts.fence_ns = 0;
        }
    });
    let compared = |base: &str, new: &str| {
        let (_, page) = json(base, new);
        let figures = page["figures"].as_array().unwrap().iter();
        let has = |part: &str| {
            let name = format!("alloc_and_copy_{part}_ns_per_page");
            figures.clone().any(|figure| figure["figure"] == *name)
        };
        let said = [&page["remarks"], &page["differences"]].map(Value::to_string);
        ([has("fence"), has("lock")], said.concat())
    };
    let (has, said) = compared(&whole.1, &none.1);
    assert_eq!(has, [false, false]);
    let why = "Parts of the driver's steps are not compared: the new side did not measure them.";
    assert!(said.contains(why) && said.contains("sub-steps"), "{said}");
    // A part that was not hooked is 0 in every record, and has not become worse.
    let (has, said) = compared(&blind.1, &whole.1);
    assert_eq!(has, [false, true]);
    let why = "these parts are not compared: fence; the base could not see them.";
    assert!(said.contains(why), "{said}");
    // Nobody asked for them.
    let (has, said) = compared(&none.1, &none.1);
    assert_eq!(has, [false, false]);
    assert!(!said.contains("driver's steps"), "{said}");
    let (has, said) = compared(&none.1, &data("mixed"));
    assert_eq!(has, [false, false]);
    assert!(!said.contains("driver's steps"), "{said}");
}

#[test]
fn diff_refuses_what_it_cannot_compare() {
    let (_folder, whole) = file(&recording(32, 1, 50).0);
    let (_empty_folder, empty) = file(&recording(33, 1, 0).0);
    let (whole, empty) = (whole.to_str().unwrap(), empty.to_str().unwrap());
    assert_refused(&run(&["diff", whole, empty]), &[empty, "no migration"]);
    assert_refused(
        &run(&["diff", whole, "/nowhere/x"]),
        &["cannot open /nowhere/x"],
    );
}
