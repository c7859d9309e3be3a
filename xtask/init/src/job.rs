//! The job: everything that the init is told, as data.

use serde::{Deserialize, Serialize};

/// Where the job lies in the initramfs.
pub const PATH: &str = "/job.json";
/// Where commands run, and where added files lie.
pub const HOME: &str = "/root";
/// Where programs are looked up.
pub const SEARCH_PATH: &str = "/bin:/sbin:/usr/bin:/usr/sbin";
/// Where the links to the ports are made.
pub const PORTS: &str = "/dev/virtio-ports";
/// Set where the init is a service of another process 1.
pub const AS_SERVICE: &str = "VM_INIT_AS_SERVICE";

/// What the VM does between boot and power-off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Byte streams to and from the host.
    pub ports: Vec<Port>,
    /// Kernel modules, loaded in this order before any command.
    pub modules: Vec<Module>,
    /// Commands, started in this order.
    pub commands: Vec<Command>,
}

/// A byte stream to the host, which commands see as `/dev/virtio-ports/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its name on both sides.
    pub name: String,
    /// The device that carries it.
    pub device: Device,
}

/// What carries a byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Device {
    /// A virtio-serial port, found by its name.
    Virtio,
    /// The serial line `/dev/ttyS<n>`, for kernels without a built-in virtio console. Slow, but
    /// everywhere.
    Serial(u8),
}

/// A kernel module to load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// The `.ko` file in the guest.
    pub path: String,
    /// Module parameters as on a command line: `name=value name=value`.
    pub parameters: String,
}

/// A program to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// How results and messages call it.
    pub name: String,
    /// Program and arguments; the program is looked up in [`SEARCH_PATH`].
    pub argv: Vec<String>,
    /// Added to the environment.
    pub env: Vec<(String, String)>,
    /// Where its standard output goes.
    pub stdout: Stream,
    /// Where its standard error goes.
    pub stderr: Stream,
    /// A background command runs until every other command has ended, and is stopped then.
    pub background: bool,
    /// What stops it.
    pub stop: Stop,
    /// When the next command may start, if not at once.
    pub ready: Option<Ready>,
}

/// Where output goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Nowhere.
    Null,
    /// The console, among the kernel's own lines.
    Console,
    /// The port of this name, byte for byte.
    Port(String),
    /// A file in the guest.
    File(String),
}

/// The signal that asks a command to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stop {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// A sign that a background command has come so far that the next one may start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// A file in the guest, for example tracefs's `enabled_functions`.
    pub path: String,
    /// What must all be in it.
    pub texts: Vec<String>,
}

impl Ready {
    /// Whether the sign is there in what the file holds now.
    pub fn is_met_by(&self, content: &str) -> bool {
        self.texts
            .iter()
            .all(|text| content.contains(text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_asks_for_every_text() {
        let ready = Ready {
            path: "/sys/kernel/tracing/enabled_functions".into(),
            texts: vec!["migrate_vma_setup".into(), "migrate_vma_finalize".into()],
        };
        assert!(!ready.is_met_by("migrate_vma_setup (1)\n"));
        assert!(ready.is_met_by("migrate_vma_setup (1)\nmigrate_vma_finalize (1)\n"));
    }
}
