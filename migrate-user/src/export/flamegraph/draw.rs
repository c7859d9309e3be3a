//! The picture. The outermost frames lie at the bottom.

use std::io;

use maud::{Markup, PreEscaped, html};

use super::tree::{Frame, Tree};
use crate::export::{Event, Out};
use crate::text::{counted, duration, percent, printable};

/// Of the picture, pixels.
const WIDTH: f64 = 1200.0;
const MARGIN: f64 = 10.0;
const HEAD: usize = 44;
const FOOT: usize = 10;
const ROW: usize = 18;

/// Of a letter, as far as can be told without its font, pixels.
const LETTER: f64 = 7.2;

/// Frames narrower than this are not drawn, pixels; and the same as people read it.
const NARROW: f64 = 0.1;
pub(super) const NARROW_TEXT: &str = "0.009%";

const SCRIPT: &str = include_str!("flamegraph.js");
const STYLE: &str = include_str!("flamegraph.css");

/// What stands behind the kernel's functions.
const OF_KERNEL: &str = "_[k]";

/// What became of the frames.
pub(super) struct Drawn {
    /// How many were too narrow.
    pub(super) narrow: u64,
}

/// The picture in the making.
struct Picture<'a> {
    out: Out<'a>,
    /// Of all, nanoseconds.
    ns: u64,
    height: usize,
    narrow: u64,
}

pub(super) fn write(tree: &Tree, event: Event, count: u64, out: Out<'_>) -> io::Result<Drawn> {
    let mut picture = Picture {
        out,
        ns: tree.root.ns,
        height: HEAD + FOOT + ROW * tree.root.depth(),
        narrow: 0,
    };
    picture.head(event, count)?;
    picture.frame("all", &tree.root, 0, 0)?;
    picture.out.write_all(b"</svg>\n")?;
    Ok(Drawn {
        narrow: picture.narrow,
    })
}

impl Picture<'_> {
    fn head(&mut self, event: Event, count: u64) -> io::Result<()> {
        let (width, height) = (WIDTH as usize, self.height);
        let (title, events) = match event {
            Event::Migration => (
                "Where migrations come from, by how long they took",
                counted(count, "migration", "migrations"),
            ),
            Event::Wait => (
                "Where waits come from, by how long they took",
                counted(count, "wait", "waits"),
            ),
        };
        let about = format!("{events} with stacks, {}", duration(self.ns));
        writeln!(
            self.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">"
        )?;
        let head = html! {
            title { (title) }
            style { (PreEscaped(STYLE)) }
            rect class="ground" x="0" y="0" width=(width) height=(height) {}
            text class="title" x=(MARGIN) y="18" { (title) }
            text class="about" x=(MARGIN) y="35" { (about) }
            text id="search" class="key" x=(WIDTH - MARGIN) y="18" {}
            text id="found" class="key" x=(WIDTH - MARGIN) y="35" {}
        };
        self.out.write_all(head.into_string().as_bytes())?;
        writeln!(self.out, "\n<script><![CDATA[\n{SCRIPT}]]></script>")
    }

    /// A frame and, above it, what it calls; `before`: what lies to its left, nanoseconds.
    fn frame(&mut self, name: &str, frame: &Frame, before: u64, depth: usize) -> io::Result<()> {
        let width = self.pixels(frame.ns);
        if width < NARROW {
            self.narrow += 1 + count(frame);
            return Ok(());
        }
        let shown = self.shown(name, frame, before, depth);
        self.out.write_all(shown.into_string().as_bytes())?;
        self.out.write_all(b"\n")?;
        let mut before = before;
        for (name, called) in &frame.calls {
            self.frame(name, called, before, depth + 1)?;
            before = before.saturating_add(called.ns);
        }
        Ok(())
    }

    fn shown(&self, name: &str, frame: &Frame, before: u64, depth: usize) -> Markup {
        let (x, width) = (MARGIN + self.pixels(before), self.pixels(frame.ns));
        let y = self.height - FOOT - ROW * (depth + 1);
        let name = harmless(name);
        let share = percent(frame.ns as f64 / self.ns.max(1) as f64);
        let title = format!("{name} ({}, {share})", duration(frame.ns));
        html! {
            g class=(class(&name, depth)) {
                title { (title) }
                rect x=(format!("{x:.3}")) y=(y) width=(format!("{width:.3}")) height=(ROW - 1) {}
                text x=(format!("{:.3}", x + 3.0)) y=(y + 13) { (fitting(&name, width)) }
            }
        }
    }

    fn pixels(&self, ns: u64) -> f64 {
        if self.ns == 0 {
            return WIDTH - 2.0 * MARGIN;
        }
        ns as f64 / self.ns as f64 * (WIDTH - 2.0 * MARGIN)
    }
}

/// How many frames are above.
fn count(frame: &Frame) -> u64 {
    frame.calls.values().map(|called| 1 + count(called)).sum()
}

/// What kind of function it is, which has colours of its own, and which of those.
fn class(name: &str, depth: usize) -> String {
    let shade = name.bytes().fold(7_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    let kind = match name {
        _ if depth == 0 => "all",
        _ if name.ends_with(OF_KERNEL) => "kernel",
        _ => "user",
    };
    format!("frame {kind} shade{}", shade % 4)
}

/// As much of a name as has room.
fn fitting(name: &str, width: f64) -> String {
    let room = ((width - 6.0) / LETTER).max(0.0) as usize;
    match name.chars().count() {
        letters if letters <= room => name.to_owned(),
        _ if room < 3 => String::new(),
        _ => name.chars().take(room - 1).chain(['…']).collect(),
    }
}

/// A name in which nothing is a command, nor what XML forbids.
fn harmless(name: &str) -> String {
    printable(name).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
