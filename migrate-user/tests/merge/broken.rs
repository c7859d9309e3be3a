//! Traces that somebody has broken: an answer, and no crash.

use std::fs;

use migscope::merge::Trace;
use migscope::trace::Batch;
use migscope_testkit::facts;

use crate::scene::Scene;

const ROUNDS: u64 = 400;

/// Another number for each seed.
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Writes over, cuts or doubles some bytes.
fn broken(whole: &[u8], seed: &mut u64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..=next(seed) % 8 {
        let at = next(seed) as usize % bytes.len();
        match next(seed) % 8 {
            0 => bytes.truncate(at.max(100)),
            1 => bytes.extend_from_within(at..),
            _ => bytes[at] = next(seed) as u8,
        }
    }
    bytes
}

/// How many of the broken ones are read to their end, and how many are refused.
fn read(whole: &[u8]) -> [u64; 2] {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace");
    let (mut seed, mut ends) = (7, [0; 2]);
    for _ in 0..ROUNDS {
        fs::write(&path, broken(whole, &mut seed)).unwrap();
        let done = Trace::open(&path, &facts(), false).ok().and_then(|trace| {
            let mut batches = std::iter::once(Batch::default());
            trace
                .write(&facts(), &mut batches, &mut std::io::sink())
                .ok()
        });
        ends[usize::from(done.is_none())] += 1;
    }
    ends
}

#[test]
fn broken_tables_have_an_answer() {
    let scene = Scene::new();
    scene.sqlite(&crate::nsys::export(&scene, ""));
    let [_, refused] = read(&fs::read(scene.path("trace")).unwrap());
    assert!(refused > ROUNDS / 8, "{refused}");
}

#[test]
fn broken_packets_have_an_answer() {
    let scene = Scene::new();
    let packets = crate::perfetto::trace(&scene, &[70, 71, 72]);
    let [whole, refused] = read(&crate::perfetto::encoded(&packets));
    assert!(whole > 10 && refused > 10, "{whole} {refused}");
}
