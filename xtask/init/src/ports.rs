//! Byte streams to the host: finds the device behind each name, and knows what went through.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::termios::{OptionalActions, tcdrain, tcgetattr, tcsetattr};
use vm_init::job::{Device, PORTS, Port};

/// The driver announces ports after boot, one by one.
const PATIENCE: Duration = Duration::from_secs(20);

/// The ports of a job.
#[derive(Default)]
pub(crate) struct Ports {
    /// By port name, the device's name in `/dev`.
    virtio: BTreeMap<String, String>,
    /// Held open: the line forgets its settings when the last user closes it.
    serial: Vec<File>,
}

impl Ports {
    /// Finds every port and links it as `/dev/virtio-ports/NAME`.
    pub(crate) fn open(wanted: &[Port]) -> Result<Self> {
        fs::create_dir_all(PORTS).with_context(|| format!("create {PORTS}"))?;
        let mut ports = Ports::default();
        for port in wanted {
            let device = match port.device {
                Device::Virtio => ports.find_virtio(&port.name)?,
                Device::Serial(line) => ports.open_serial(line)?,
            };
            let link = path(&port.name);
            symlink(Path::new("/dev").join(&device), &link)
                .with_context(|| format!("link {}", link.display()))?;
        }
        Ok(ports)
    }

    fn find_virtio(&mut self, name: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(device) = virtio_device(name) {
                self.virtio.insert(name.to_owned(), device.clone());
                return Ok(device);
            }
            if Instant::now() > deadline {
                bail!(
                    "no virtio port {name}: does this kernel have CONFIG_VIRTIO_CONSOLE and CONFIG_VIRTIO_PCI?"
                );
            }
            sleep(Duration::from_millis(5));
        }
    }

    fn open_serial(&mut self, line: u8) -> Result<String> {
        let device = format!("ttyS{line}");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(Path::new("/dev").join(&device))
            .with_context(|| format!("open {device}"))?;
        let mut settings = tcgetattr(&file).with_context(|| format!("settings of {device}"))?;
        settings.make_raw();
        settings
            .set_speed(115_200)
            .with_context(|| format!("speed of {device}"))?;
        tcsetattr(&file, OptionalActions::Now, &settings)
            .with_context(|| format!("settings of {device}"))?;
        self.serial.push(file);
        Ok(device)
    }

    /// Waits for serial lines to run dry and tells how much went into each virtio port so far,
    /// where debugfs knows.
    pub(crate) fn sent(&self) -> BTreeMap<String, u64> {
        for line in &self.serial {
            // There is no one left to tell that a line is stuck; the host sees what is missing.
            let _ = tcdrain(line);
        }
        self.virtio
            .iter()
            .filter_map(|(name, device)| Some((name.clone(), bytes_sent(device)?)))
            .collect()
    }
}

/// Where commands find a port.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(PORTS).join(name)
}

fn virtio_device(name: &str) -> Option<String> {
    let entries = fs::read_dir("/sys/class/virtio-ports").ok()?;
    entries.flatten().find_map(|entry| {
        let device = entry.file_name().into_string().ok()?;
        let has = fs::read_to_string(entry.path().join("name")).ok()?;
        // The name arrives before the device node does.
        (has.trim_end() == name && Path::new("/dev").join(&device).exists()).then_some(device)
    })
}

fn bytes_sent(device: &str) -> Option<u64> {
    let text = fs::read_to_string(Path::new("/sys/kernel/debug/virtio-ports").join(device)).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("bytes_sent: ")?.trim().parse().ok())
}
