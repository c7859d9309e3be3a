//! Pictures, read as the XML that they are, and held against the stacks that they were made of.

use std::collections::BTreeMap;

use super::*;
use crate::trace::Migration;
use migscope_testkit::{Synthetic, facts};

/// A frame as the picture has it.
#[derive(Debug)]
struct Shown {
    title: String,
    x: f64,
    width: f64,
    y: f64,
}

fn picture(stacks: &[(&str, u64)]) -> (String, Notes) {
    let mut batch = Synthetic::new(1).with_details().batch(stacks.len());
    for (migration, (stack, ns)) in batch.migrations.make().iter_mut().zip(stacks) {
        give(migration, stack, *ns);
    }
    let mut out = Vec::new();
    let notes = Flamegraph(Event::Migration)
        .export(&facts(), &mut std::iter::once(batch), &mut out)
        .unwrap();
    (String::from_utf8(out).unwrap(), notes)
}

fn give(migration: &mut Migration, stack: &str, ns: u64) {
    migration.steps = [Some(ns), None, None, None, None];
    migration.user_stack = (!stack.is_empty()).then(|| stack.into());
    migration.kernel_stack = None;
}

fn frames(svg: &str) -> Vec<Shown> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let groups = document.descendants().filter(|node| node.has_tag_name("g"));
    groups
        .map(|group| {
            let child = |name: &str| group.children().find(|node| node.tag_name().name() == name);
            let rect = child("rect").unwrap();
            let number = |name| rect.attribute(name).unwrap().parse().unwrap();
            Shown {
                title: child("title").unwrap().text().unwrap().to_owned(),
                x: number("x"),
                width: number("width"),
                y: number("y"),
            }
        })
        .collect()
}

#[test]
fn widths_add_up_to_the_time() {
    let (svg, notes) = picture(&[
        ("main;a;b", 300),
        ("main;a", 100),
        ("main;c;d;e", 500),
        ("other", 100),
        ("", 77),
    ]);
    assert_eq!(notes, Notes::new());
    let frames = frames(&svg);
    let of: BTreeMap<_, _> = frames
        .iter()
        .map(|frame| (frame.title.split(' ').next().unwrap(), frame))
        .collect();
    let whole = of["all"].width;
    for (name, share) in [
        ("main", 0.9),
        ("a", 0.4),
        ("b", 0.3),
        ("c", 0.5),
        ("e", 0.5),
        ("other", 0.1),
    ] {
        let is = of[name].width / whole;
        assert!((is - share).abs() < 1e-5, "{name}: {is}");
    }
    // Side by side, each above its caller, the outermost at the bottom.
    assert!((of["c"].x - (of["a"].x + of["a"].width)).abs() < 0.002);
    assert!((of["b"].x - of["a"].x).abs() < 0.002);
    assert!(of["all"].y > of["main"].y && of["main"].y > of["a"].y);
    assert_eq!(of["a"].title, "a (400 ns, 40.0%)");
    assert!(svg.contains("4 migrations with stacks, 1.00 µs"));
}

/// A function may have any name.
#[test]
fn no_name_is_markup_or_a_command() {
    let name = "f<svg onload='x'>&\"]]>\u{1b}[2J\u{202e}\u{ffff}";
    let (svg, _) = picture(&[(name, 5)]);
    let frames = frames(&svg);
    assert_eq!(frames.len(), 2);
    assert!(
        frames[1]
            .title
            .starts_with("f<svg onload='x'>&\"]]>\u{fffd}[2J\u{fffd}\u{fffd} (")
    );
    assert!(!svg.contains("<svg onload") && !svg.contains('\u{1b}'));
}

/// Whatever a browser loads for a page is named by one of these.
#[test]
fn it_names_no_other_machine() {
    let (svg, _) = picture(&[("main;a", 5)]);
    let rest = svg.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for word in [
        "http", "//www", "url(", "@import", "href", "src=", "fetch(", "import(",
    ] {
        assert!(!rest.contains(word), "{word}");
    }
}

#[test]
fn what_is_too_narrow_is_counted() {
    let (svg, notes) = picture(&[("main;a", 1_000_000), ("main;b;c;d", 1)]);
    assert_eq!(frames(&svg).len(), 3);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].starts_with("3 frames are too narrow"), "{notes:?}");
}

#[test]
fn without_stacks_it_says_so() {
    let (svg, notes) = picture(&[("", 5)]);
    assert_eq!(frames(&svg).len(), 1);
    assert!(notes[0].contains("no migration in this recording has a stack"));
}

#[test]
fn waits_weigh_as_much_as_they_took() {
    let mut batch = Synthetic::new(1).with_details().with_waits().batch(9);
    for (wait, total_ns) in batch.waits.iter_mut().zip([10, 30]) {
        wait.total_ns = total_ns;
        wait.user_stack = Some("main;touch".into());
        wait.kernel_stack = Some(format!("at_{total_ns}_[k]").into());
    }
    batch.waits.truncate(2);
    let mut out = Vec::new();
    Flamegraph(Event::Wait)
        .export(&facts(), &mut std::iter::once(batch), &mut out)
        .unwrap();
    let svg = String::from_utf8(out).unwrap();
    let titles: Vec<_> = frames(&svg).into_iter().map(|frame| frame.title).collect();
    let expected = [
        "all (40 ns, 100%)",
        "main (40 ns, 100%)",
        "touch (40 ns, 100%)",
        "at_10_[k] (10 ns, 25.0%)",
        "at_30_[k] (30 ns, 75.0%)",
    ];
    assert_eq!(titles, expected);
    assert!(svg.contains("2 waits with stacks"));
}
