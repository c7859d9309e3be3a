//! What kind of trace a file is, by its first bytes.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::Refusal;

/// What SQLite's files begin with.
const SQLITE: &[u8] = b"SQLite format 3\0";

const READABLE: &str = "What can be read: an SQLite export of Nsight Systems (`nsys export --type sqlite`), \
    an SQLite database of rocprofv3 (rocpd), a Perfetto trace.";

/// A kind of trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Perfetto,
}

impl Kind {
    /// # Errors
    ///
    /// If it cannot be read, or is nothing that is known.
    pub(super) fn of(path: &Path) -> Result<Self, Refusal> {
        if !path.is_file() {
            let why = if path.exists() {
                "it is no file"
            } else {
                "there is no such file"
            };
            return Err(Refusal::new(why, "It is read more than once: name a file."));
        }
        let mut first = Vec::new();
        let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut first));
        read.map_err(|cause| unreadable(&cause))?;
        let unknown = |what: &str, advice| Err(Refusal::new(what, advice));
        match first.as_slice() {
            SQLITE => Ok(Self::Sqlite),
            // The first field of the message: a packet.
            [0x0a, ..] => Ok(Self::Perfetto),
            [] => unknown("it is empty", READABLE),
            [0x1f, 0x8b, ..] => unknown("it is compressed", "Unpack it first, with `gunzip`."),
            [b'{' | b'[', ..] => unknown(
                "it is JSON, which does not say which clock its times are of",
                "With unitrace or a PyTorch profiler, write a Perfetto trace where they can; what JSON holds cannot be put on \
                 the recording's clock without guessing.",
            ),
            _ if is_report(path) => unknown(
                "it is a report of Nsight Systems, which only that reads",
                "Export it: `nsys export --type sqlite REPORT`.",
            ),
            _ => unknown("it is no trace that is known", READABLE),
        }
    }
}

fn is_report(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    matches!(end, Some("nsys-rep" | "qdrep"))
}

/// A file that the system does not let be read.
pub(super) fn unreadable(cause: &std::io::Error) -> Refusal {
    Refusal::new(
        format!("it cannot be read: {cause}"),
        "Name a file that you may read.",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn kinds_are_told_by_their_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            Kind::of(&path).map_err(|refusal| refusal.why)
        };
        assert_eq!(of("a", b"SQLite format 3\0..."), Ok(Kind::Sqlite));
        assert_eq!(of("a", &[0x0a, 2, 0x50, 1]), Ok(Kind::Perfetto));
        for (name, bytes, word) in [
            ("a", &b""[..], "empty"),
            ("a", &[0x1f, 0x8b, 8, 0], "compressed"),
            ("a", b"{\"traceEvents\":[", "JSON"),
            ("a.nsys-rep", b"\x9f\x01", "Nsight Systems"),
            ("a", b"\x9f\x01", "no trace"),
        ] {
            assert!(of(name, bytes).unwrap_err().contains(word), "{word}");
        }
        assert!(Kind::of(folder.path()).is_err());
        assert!(Kind::of(&folder.path().join("none")).is_err());
    }
}
