//! `/dev/migrate_test` and its siblings.

use std::{
    fs::File,
    io::{self, Read as _},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    askers::asker,
    stack::Stack,
    uapi::{
        self, Configuration, Evict, Exclusive, Info, Map, Migrate, Play, TakeWaits, Totals, Truth,
        Wait, WaitTotals,
    },
};

/// Where pages are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the device.
    ToDevice,
    /// To system memory.
    ToSystem,
}

/// An open device. It migrates memory of the process that opened it, and of no other.
#[derive(Debug)]
pub struct Device {
    path: PathBuf,
    file: File,
    info: Info,
}

/// An argument of the driver's that can be made of any bytes.
///
/// # Safety
///
/// Integers only.
unsafe trait Argument: Default {}

// SAFETY: Integers only.
unsafe impl Argument for Info {}
// SAFETY: Integers only.
unsafe impl Argument for Totals {}
// SAFETY: Integers only.
unsafe impl Argument for Migrate {}
// SAFETY: Integers only.
unsafe impl Argument for Evict {}
// SAFETY: Integers only.
unsafe impl Argument for Configuration {}
// SAFETY: Integers only.
unsafe impl Argument for Play {}
// SAFETY: Integers only.
unsafe impl Argument for Map {}
// SAFETY: Integers only.
unsafe impl Argument for Exclusive {}
// SAFETY: Integers only. The driver writes to where it points, too: to room that is there.
unsafe impl Argument for TakeWaits {}
// SAFETY: Integers only.
unsafe impl Argument for WaitTotals {}

/// Where the device with this number is.
pub fn path(number: u32) -> PathBuf {
    match number {
        0 => uapi::DEVICE_PATH.into(),
        number => format!("{}{number}", uapi::DEVICE_PATH).into(),
    }
}

/// Where every device is that there is.
pub fn all_paths() -> Vec<PathBuf> {
    let ordinary = (0..uapi::MAX_DEVICES).map(path);
    let ordinary = ordinary.take_while(|path| path.exists());
    ordinary.chain(special_paths()).collect()
}

fn special_paths() -> impl Iterator<Item = PathBuf> {
    let peers = (0..uapi::MAX_PEERS).map(peer_path);
    peers
        .chain([uapi::COHERENT_PATH.into()])
        .filter(|path| path.exists())
}

/// Where the peer with this number is.
fn peer_path(number: u32) -> PathBuf {
    match number {
        0 => uapi::PEER_PATH.into(),
        number => format!("{}{number}", uapi::PEER_PATH).into(),
    }
}

impl Device {
    /// Opens the device with this number.
    pub fn open(number: u32) -> Result<Self> {
        Self::open_at(path(number))
    }

    fn open_at(path: PathBuf) -> Result<Self> {
        let name = path.display();
        let file = open_file(&path).with_context(|| {
            format!("cannot open {name} (is the module loaded? insmod migrate_test.ko)")
        })?;
        let info = ioctl(&file, uapi::INFO, Info::default()).with_context(|| {
            format!("{name} does not know this program's calls: build both from the same source")
        })?;
        Ok(Self { path, file, info })
    }

    /// Opens those devices that others than a few scenarios leave alone, as far as there are any:
    /// the peers, and the one with coherent memory.
    pub fn open_special() -> Result<Vec<Self>> {
        special_paths().map(Self::open_at).collect()
    }

    /// Opens every other device that there is: at least one.
    pub fn open_all() -> Result<Vec<Self>> {
        let mut devices = vec![Self::open(0)?];
        for number in 1..uapi::MAX_DEVICES {
            if !path(number).exists() {
                break;
            }
            devices.push(Self::open(number)?);
        }
        Ok(devices)
    }

    /// What the device is, as of when it was opened.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The peer with this number among them.
    pub fn peer(devices: &[Self], number: u32) -> Result<&Self> {
        Self::at(devices, &peer_path(number))
            .context("there are no such peers (insmod ... peers=2)")
    }

    /// The one among them whose memory CPUs reach.
    pub fn coherent(devices: &[Self]) -> Result<&Self> {
        Self::at(devices, Path::new(uapi::COHERENT_PATH)).context(
            "there is no device with coherent memory (boot with memmap=SIZE$ADDRESS, insmod ... coherent_mib)",
        )
    }

    fn at<'a>(devices: &'a [Self], path: &Path) -> Option<&'a Self> {
        devices.iter().find(|device| device.path == path)
    }

    /// Its number.
    pub fn number(&self) -> usize {
        self.info.device as usize
    }

    /// Bytes in a base page.
    pub fn page_bytes(&self) -> usize {
        self.info.page_bytes as usize
    }

    /// Base pages in a large one; 1 if large pages do not migrate whole.
    pub fn compound_pages(&self) -> usize {
        self.info.compound_pages as usize
    }

    /// Pages of its memory that are in use now.
    pub fn used_pages(&self) -> Result<u64> {
        let info = self.call(uapi::INFO, Info::default(), || "say what it is".into())?;
        Ok(info.device_pages_used)
    }

    /// Migrates a range and says what became of it.
    pub fn migrate(&self, direction: Direction, request: &Migrate) -> Result<Truth> {
        let number = number_of(direction);
        let answer = self.call(number, *request, || told(direction, request))?;
        Ok(answer.truth)
    }

    /// The same, as if by way of this stack.
    pub fn migrate_by(
        &self,
        stack: &Stack,
        direction: Direction,
        request: &Migrate,
    ) -> Result<Truth> {
        let mut answer = *request;
        let (file, number) = (self.file.as_raw_fd(), number_of(direction));
        // SAFETY: As in `ioctl`.
        let result = unsafe { stack.ioctl(file, number, &mut answer) };
        result.with_context(|| self.refused(&told(direction, request)))?;
        Ok(answer.truth)
    }

    /// Clears a part of the device's memory and says what became of it.
    pub fn evict(&self, request: &Evict) -> Result<Truth> {
        let answer = self.call(uapi::EVICT, *request, || {
            format!("evict {} pages from {} on", request.pages, request.first)
        })?;
        Ok(answer.truth)
    }

    /// Has the driver play another, and says what came of it.
    pub fn play(&self, request: &Play) -> Result<Play> {
        let mut answer = *request;
        let stack = Stack::from(asker(request.mode));
        // SAFETY: As in `ioctl`.
        let result = unsafe { stack.ioctl(self.file.as_raw_fd(), uapi::PLAY, &mut answer) };
        let what = || {
            format!(
                "play {} with {} pages at {:#x}, flags {:#x}",
                request.mode, request.pages, request.address, request.flags
            )
        };
        result.with_context(|| self.refused(&what()))?;
        Ok(answer)
    }

    /// Has the device map a range where its pages are, and says what that took.
    pub fn map(&self, request: &Map) -> Result<Map> {
        let what = || format!("map {} pages at {:#x}", request.pages, request.address);
        self.call(uapi::MAP, *request, what)
    }

    /// Has the device get pages for itself, and says of how many it did.
    pub fn make_exclusive(&self, request: &Exclusive) -> Result<Exclusive> {
        self.call(uapi::EXCLUSIVE, *request, || {
            format!(
                "make {} pages at {:#x} exclusive",
                request.pages, request.address
            )
        })
    }

    /// Sets how the device behaves.
    pub fn configure(&self, configuration: &Configuration) -> Result<()> {
        let what = || format!("be configured as {configuration:?}");
        self.call(uapi::CONFIGURE, *configuration, what).map(drop)
    }

    /// What the driver did on this device since it was loaded.
    pub fn totals(&self) -> Result<Totals> {
        self.call(uapi::TOTALS, Totals::default(), || "tell its totals".into())
    }

    /// What it did for this file.
    pub fn file_totals(&self) -> Result<Totals> {
        self.call(uapi::FILE_TOTALS, Totals::default(), || {
            "tell the file's totals".into()
        })
    }

    /// Takes everything out of the log of migrations that no call returned.
    pub fn drain(&self, mut each: impl FnMut(&Truth) -> Result<()>) -> Result<()> {
        const BATCH: usize = 256;
        let mut buffer = vec![0; BATCH * size_of::<Truth>()];
        loop {
            let read = (&self.file)
                .read(&mut buffer)
                .with_context(|| format!("cannot read the log of {}", self.path.display()))?;
            if read == 0 {
                return Ok(());
            }
            for bytes in buffer[..read].chunks_exact(size_of::<Truth>()) {
                // SAFETY: There are as many bytes as a truth has, and any bytes make one: it has
                // only integers.
                each(&unsafe { bytes.as_ptr().cast::<Truth>().read_unaligned() })?;
            }
        }
    }

    /// Takes everything out of the log of calls in which somebody may have waited.
    pub fn take_waits(&self, mut each: impl FnMut(&Wait) -> Result<()>) -> Result<()> {
        let mut room = [Wait::default(); 128];
        loop {
            let request = TakeWaits {
                to: room.as_mut_ptr() as u64,
                room: room.len() as u64,
                taken: 0,
            };
            let what = || "give its waits".into();
            let answer = self.call(uapi::TAKE_WAITS, request, what)?;
            let taken = (answer.taken as usize).min(room.len());
            room[..taken].iter().try_for_each(&mut each)?;
            if taken < room.len() {
                return Ok(());
            }
        }
    }

    /// All such calls on this device since the driver was loaded.
    pub fn wait_totals(&self) -> Result<WaitTotals> {
        let what = || "tell the totals of its waits".into();
        self.call(uapi::WAIT_TOTALS, WaitTotals::default(), what)
    }

    fn call<T: Argument>(
        &self,
        number: u32,
        argument: T,
        what: impl FnOnce() -> String,
    ) -> Result<T> {
        ioctl(&self.file, number, argument).with_context(|| self.refused(&what()))
    }

    fn refused(&self, what: &str) -> String {
        format!("{} refused to {what}", self.path.display())
    }
}

fn number_of(direction: Direction) -> u32 {
    match direction {
        Direction::ToDevice => uapi::TO_DEVICE,
        Direction::ToSystem => uapi::TO_SYSTEM,
    }
}

fn told(direction: Direction, request: &Migrate) -> String {
    format!(
        "migrate {} pages at {:#x} {direction:?} with flags {:#x}",
        request.pages, request.address, request.flags
    )
}

impl std::os::fd::AsRawFd for Device {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.file.as_raw_fd()
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(path)
}

fn ioctl<T: Argument>(file: &File, number: u32, mut argument: T) -> io::Result<T> {
    // SAFETY: The number carries the size of the structure that the driver reads and writes, which
    // is `T` for every number here; any bytes make a valid `T`.
    match unsafe {
        libc::ioctl(
            file.as_raw_fd(),
            libc::Ioctl::from(number),
            &raw mut argument,
        )
    } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(argument),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_device_has_no_number() {
        assert_eq!(path(0), PathBuf::from("/dev/migrate_test"));
        assert_eq!(path(1), PathBuf::from("/dev/migrate_test1"));
    }
}
