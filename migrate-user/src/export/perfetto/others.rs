//! What other tools saw, as slices on tracks of their own.
//!
//! Slices of one place may overlap, as kernels of a queue do that run side by side. Those that lie
//! in one another share a track; what overlaps otherwise has another track of the same name.

use std::collections::HashMap;
use std::io;

use super::end;
use super::messages::{ProcessDescriptor, ThreadDescriptor, TrackDescriptor, TrackEvent};
use super::notes::{Note, annotations};
use super::packets::{ANOTHER, Numbers, Packets};
use crate::export::Out;

/// The most places, and tracks of one of them.
const MOST_PLACES: usize = 65_536;
const MOST_TRACKS: usize = 64;

/// How deep slices may lie in one another.
const MOST_DEPTH: usize = 256;

/// Slices whose ends are remembered, of all places.
const MOST_OPEN: usize = 1 << 20;

/// Where slices lie.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Whose work it is; `None` where the other tool does not say.
    pub process: Option<u32>,
    /// The thread of it that did this itself; `None` where a device did.
    pub thread: Option<u32>,
    /// The name of the track, such as `GPU 0, stream 7`.
    pub name: String,
}

/// What somebody did from one moment to another.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// When it began, nanoseconds of the trace's clock.
    pub time_ns: u64,
    /// When it ended; not before it began.
    pub end_ns: u64,
    /// What kind of thing it is, such as `kernel`.
    pub category: &'a str,
    /// Such as the kernel's name.
    pub name: &'a str,
    /// How many bytes were copied; `None` for what copies nothing.
    pub bytes: Option<u64>,
}

/// Writes slices of another tool. They come in the order of their beginnings, and of those that
/// begin together the longest first.
pub struct Others<'a> {
    packets: Packets<'a>,
    places: HashMap<Place, Vec<Track>>,
    /// Tracks of processes and threads, by those.
    parents: HashMap<(u32, Option<u32>), u64>,
    tracks: u64,
    open: usize,
    left_out: u64,
}

/// A track of a place, with when the slices end that are open on it: the innermost last.
struct Track {
    uuid: u64,
    ends: Vec<u64>,
}

impl Track {
    /// Closes what has ended by then. How much that is.
    fn close(&mut self, until_ns: u64, packets: &mut Packets<'_>) -> io::Result<usize> {
        let mut closed = 0;
        while let Some(end_ns) = self.ends.pop_if(|end_ns| *end_ns <= until_ns) {
            packets.event(end_ns, self.uuid, end())?;
            closed += 1;
        }
        Ok(closed)
    }

    fn takes(&self, slice: &Slice<'_>) -> bool {
        let is_around = |end_ns: &u64| *end_ns >= slice.end_ns;
        self.ends.last().is_none_or(is_around) && self.ends.len() < MOST_DEPTH
    }
}

impl<'a> Others<'a> {
    /// Writes to `out`, behind or before what is of a recording.
    pub fn new(numbers: &'a Numbers, clock: u32, out: Out<'a>) -> Self {
        Self {
            packets: Packets::new(numbers, clock, out),
            places: HashMap::new(),
            parents: HashMap::new(),
            tracks: 0,
            open: 0,
            left_out: 0,
        }
    }

    /// Writes a slice. One that finds no room is left out, and counted.
    ///
    /// # Errors
    ///
    /// If `out` does not take it.
    pub fn slice(&mut self, place: &Place, slice: &Slice<'_>) -> io::Result<()> {
        self.packets.begin_state()?;
        let Some(uuid) = self.track_of(place, slice)? else {
            self.left_out += 1;
            return Ok(());
        };
        let notes = slice.bytes.map(|bytes| ("bytes", Note::Number(bytes)));
        let notes = notes.into_iter().collect();
        let began = TrackEvent {
            debug_annotations: annotations(notes, &mut self.packets.interned),
            ..self.packets.slice(slice.category, slice.name)
        };
        self.packets.event(slice.time_ns, uuid, began)
    }

    /// Ends all slices. How many were left out, because too many overlap.
    ///
    /// # Errors
    ///
    /// If `out` does not take it.
    pub fn finish(mut self) -> io::Result<u64> {
        for track in self.places.values_mut().flatten() {
            track.close(u64::MAX, &mut self.packets)?;
        }
        Ok(self.left_out)
    }

    /// The first track of a place on which a slice finds room, with the slice open on it.
    fn track_of(&mut self, place: &Place, slice: &Slice<'_>) -> io::Result<Option<u64>> {
        if !self.places.contains_key(place) {
            if self.places.len() >= MOST_PLACES {
                return Ok(None);
            }
            self.places.insert(place.clone(), Vec::new());
        }
        let parent = self.parent(place)?;
        let Some(tracks) = self.places.get_mut(place) else {
            return Ok(None);
        };
        for track in &mut *tracks {
            self.open -= track.close(slice.time_ns, &mut self.packets)?;
        }
        if self.open >= MOST_OPEN {
            return Ok(None);
        }
        let free = tracks.iter().position(|track| track.takes(slice));
        let at = match free {
            Some(at) => at,
            None if tracks.len() >= MOST_TRACKS => return Ok(None),
            None => {
                self.tracks += 1;
                let uuid = ANOTHER | self.tracks;
                self.packets.track(TrackDescriptor {
                    uuid,
                    parent_uuid: parent,
                    name: Some(place.name.clone()),
                    ..TrackDescriptor::default()
                })?;
                let ends = Vec::new();
                tracks.push(Track { uuid, ends });
                tracks.len() - 1
            }
        };
        tracks[at].ends.push(slice.end_ns);
        self.open += 1;
        Ok(Some(tracks[at].uuid))
    }

    /// The track of the process or thread that a place belongs to, if it is known.
    fn parent(&mut self, place: &Place) -> io::Result<Option<u64>> {
        let Some(process) = place.process else {
            return Ok(None);
        };
        let key = (process, place.thread);
        if let Some(uuid) = self.parents.get(&key) {
            return Ok(Some(*uuid));
        }
        self.tracks += 1;
        let uuid = ANOTHER | self.tracks;
        self.parents.insert(key, uuid);
        let pid = process.cast_signed();
        let thread = place.thread.map(|thread| ThreadDescriptor {
            pid,
            tid: thread.into(),
            thread_name: String::new(),
        });
        self.packets.track(TrackDescriptor {
            uuid,
            process: thread.is_none().then_some(ProcessDescriptor { pid }),
            thread,
            ..TrackDescriptor::default()
        })?;
        Ok(Some(uuid))
    }
}
