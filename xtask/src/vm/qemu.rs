//! QEMU's command line.

use std::os::fd::RawFd;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;

use crate::arch::Arch;
use crate::setup::kernel::Flavour;

/// Ports of one virtio-serial device. QEMU tells the guest of a port in up to three messages, of
/// which a device holds 32 until the guest has read them; what is more is lost, and who writes to a
/// port that is not known to be open waits for ever.
const PORTS_PER_DEVICE: usize = 8;

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Accelerator {
    /// The processor itself. Many machines have /dev/kvm and still cannot run an ordinary guest.
    Kvm,
    /// Emulation, which works everywhere.
    Tcg,
}

/// The machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Its kind of processor.
    pub(crate) arch: Arch,
    /// Memory of the first node, with the processors.
    pub(crate) memory_mib: u32,
    /// Whether there is another node of memory, without processors, and memory that is set aside
    /// for a device.
    pub(crate) nodes: bool,
    /// Processors.
    pub(crate) processors: u32,
    /// Time counts instructions: one processor, emulated, the same nanoseconds in every run.
    pub(crate) icount: bool,
    /// What executes it.
    pub(crate) accelerator: Accelerator,
    /// Emulate all processors by one thread, which is slower and free of
    /// [`super::StaleInstruction`].
    pub(crate) one_thread: bool,
    /// What QEMU calls it.
    pub(crate) board: &'static str,
    /// Added to the kernel's command line.
    pub(crate) arguments: &'static str,
}

impl Machine {
    /// The machine that commands run on unless they ask for another.
    pub(crate) fn new(arch: Arch, accelerator: Accelerator, flavour: Flavour) -> Self {
        Machine {
            arch,
            memory_mib: flavour.memory_mib(arch),
            nodes: true,
            processors: 2,
            icount: false,
            accelerator,
            one_thread: false,
            board: match arch {
                Arch::X86_64 => flavour.board(),
                Arch::Aarch64 => "virt",
            },
            arguments: flavour.arguments(),
        }
    }

    /// The serial line that carries the first stream; the console may have taken one before it.
    pub(super) fn first_line(&self) -> u8 {
        match self.arch {
            Arch::X86_64 => 1,
            Arch::Aarch64 => 0,
        }
    }

    /// The same machine with time that counts instructions. It has nothing that figures were not
    /// measured with so far.
    pub(crate) fn counting_instructions(self) -> Self {
        Machine {
            nodes: false,
            processors: 1,
            icount: true,
            accelerator: Accelerator::Tcg,
            ..self
        }
    }

    /// The memory that is set aside, where there is some: the kernel lets it lie, as it does with a
    /// device's memory that processors reach. It comes behind the rest of the first node's, and on
    /// 64-bit ARM behind all the rest: there the kernel can only be told where memory ends.
    pub(crate) fn set_aside(&self) -> Option<SetAside> {
        // QEMU has what is above that line begin at 4 GiB, where so much is asked for.
        const LOW_MIB: u32 = 2048;
        const HIGH_MIB: u32 = 4096;
        // All memory of the machine `virt` is in one piece.
        const OF_VIRT_MIB: u32 = 1024;
        let begin = match (self.arch, self.memory_mib) {
            (Arch::Aarch64, all) => OF_VIRT_MIB + all + SECOND_NODE_MIB,
            (Arch::X86_64, all @ 0..=LOW_MIB) => all,
            (Arch::X86_64, all) => HIGH_MIB + all - LOW_MIB,
        };
        self.nodes.then_some(SetAside {
            begin_mib: begin,
            mib: SET_ASIDE_MIB,
        })
    }

    /// Whether several threads emulate it, of which one can translate what another is just
    /// replacing.
    pub(super) fn can_be_stale(&self) -> bool {
        self.accelerator == Accelerator::Tcg && !self.one_thread && !self.icount
    }

    fn memory(&self, qemu: &mut Command) {
        let Some(SetAside { mib, .. }) = self.set_aside() else {
            qemu.args(["-m", &format!("{}M", self.memory_mib)]);
            return;
        };
        let (first, second) = match self.arch {
            Arch::X86_64 => (self.memory_mib + mib, SECOND_NODE_MIB),
            Arch::Aarch64 => (self.memory_mib, SECOND_NODE_MIB + mib),
        };
        qemu.args(["-m", &format!("{}M", first + second)]);
        let processors = format!(",cpus=0-{}", self.processors - 1);
        for (node, mib, processors) in [(0, first, processors.as_str()), (1, second, "")] {
            qemu.args([
                "-object",
                &format!("memory-backend-ram,id=node{node},size={mib}M"),
                "-numa",
                &format!("node,nodeid={node},memdev=node{node}{processors}"),
            ]);
        }
    }

    /// The kernel's command line.
    fn kernel_line(&self) -> String {
        let set_aside = self.set_aside();
        let aside = set_aside.map(|SetAside { begin_mib, mib }| match self.arch {
            // No shell has anything to do with it: the dollar sign is the kernel's.
            Arch::X86_64 => format!("memmap={mib}M${begin_mib}M"),
            Arch::Aarch64 => format!("mem={}M", self.memory_mib + SECOND_NODE_MIB),
        });
        let console = match self.arch {
            // The timer works, also where the host is so busy that the kernel would not see a tick
            // of it in time, and give up.
            Arch::X86_64 => "console=ttyS0 no_timer_check",
            Arch::Aarch64 => "console=ttyAMA0",
        };
        let arguments = [console, KERNEL_ARGUMENTS, self.arguments];
        let aside = aside.unwrap_or_default();
        arguments
            .into_iter()
            .chain([aside.as_str()])
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Memory that is there for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SetAside {
    /// Its address.
    pub(crate) begin_mib: u32,
    /// How much.
    pub(crate) mib: u32,
}

/// The kernel has memory come and go in sections of this size.
const SET_ASIDE_MIB: u32 = 128;
const SECOND_NODE_MIB: u32 = 512;

/// A byte stream: our end of it is elsewhere, this is QEMU's.
pub(crate) struct Channel<'a> {
    /// The name that the guest finds it by.
    pub(crate) name: &'a str,
    /// A connected socket.
    pub(crate) socket: RawFd,
}

/// What QEMU is started with.
pub(crate) struct Invocation<'a> {
    pub(crate) machine: Machine,
    pub(crate) kernel: &'a Path,
    pub(crate) initramfs: &'a Path,
    pub(crate) channels: &'a [Channel<'a>],
    /// Carry the streams over serial lines (the first is ttyS1), for kernels that have nothing
    /// better built in.
    pub(crate) serial: bool,
}

/// Warnings of the kernel are shown. A panic ends the machine, and so does a restart.
const KERNEL_ARGUMENTS: &str = "panic=-1 oops=panic loglevel=5 printk.devkmsg=on rdinit=/init";

impl Invocation<'_> {
    /// The command line; the console is QEMU's standard output.
    pub(crate) fn command(&self) -> Command {
        let machine = self.machine;
        let mut qemu = Command::new(machine.arch.qemu());
        qemu.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
            "-M",
            machine.board,
        ]);
        match machine.accelerator {
            Accelerator::Kvm => qemu.args(["-accel", "kvm", "-cpu", "host"]),
            Accelerator::Tcg if machine.one_thread => qemu.args(["-accel", "tcg,thread=single"]),
            Accelerator::Tcg => qemu.args(["-accel", "tcg"]),
        };
        if machine.accelerator == Accelerator::Tcg {
            qemu.arg("-cpu").arg(match machine.arch {
                Arch::X86_64 => "max",
                // Signatures of pointers by a quick function: the real one takes most of the time.
                Arch::Aarch64 => "max,pauth-impdef=on",
            });
        }
        if machine.icount {
            qemu.args(["-icount", "shift=0,sleep=off"]);
        }
        machine.memory(&mut qemu);
        qemu.arg("-smp").arg(machine.processors.to_string());
        qemu.args([
            "-chardev",
            "stdio,id=console,signal=off",
            "-serial",
            "chardev:console",
        ]);
        for (index, Channel { name, socket }) in self.channels.iter().enumerate() {
            qemu.arg("-chardev")
                .arg(format!("socket,id=stream{index},fd={socket}"));
            if self.serial && machine.arch == Arch::Aarch64 {
                qemu.arg("-device")
                    .arg(format!("pci-serial,chardev=stream{index}"));
            } else if self.serial {
                qemu.arg("-serial").arg(format!("chardev:stream{index}"));
            } else {
                let device = index / PORTS_PER_DEVICE;
                if index % PORTS_PER_DEVICE == 0 {
                    qemu.arg("-device")
                        .arg(format!("virtio-serial-pci,id=ports{device}"));
                }
                qemu.arg("-device").arg(format!(
                    "virtserialport,bus=ports{device}.0,chardev=stream{index},name={name}"
                ));
            }
        }
        qemu.arg("-kernel")
            .arg(self.kernel)
            .arg("-initrd")
            .arg(self.initramfs);
        qemu.arg("-append").arg(machine.kernel_line());
        qemu
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(machine: Machine, serial: bool) -> String {
        let channels = [Channel {
            name: "stdout",
            socket: 7,
        }];
        let (kernel, initramfs) = (Path::new("/k/bzImage"), Path::new("/i"));
        let command = Invocation {
            machine,
            kernel,
            initramfs,
            channels: &channels,
            serial,
        }
        .command();
        command
            .get_args()
            .map(|argument| argument.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn streams_are_ports_or_serial_lines() {
        let machine = Machine::new(Arch::HOST, Accelerator::Tcg, Flavour::Test);
        assert!(line(machine, false).contains(
            "socket,id=stream0,fd=7 -device virtio-serial-pci,id=ports0 \
             -device virtserialport,bus=ports0.0,chardev=stream0,name=stdout"
        ));
        let serial = line(machine, true);
        assert!(serial.contains(
            "-serial chardev:console -chardev socket,id=stream0,fd=7 -serial chardev:stream0"
        ));
        assert!(!serial.contains("virtio"));
    }

    #[test]
    fn the_second_node_has_memory_only_and_some_is_set_aside() {
        let machine = Machine::new(Arch::HOST, Accelerator::Tcg, Flavour::Test);
        let test = line(machine, false);
        for part in [
            "-m 2688M",
            "size=2176M -numa node,nodeid=0,memdev=node0,cpus=0-1 ",
            "size=512M -numa node,nodeid=1,memdev=node1 -smp",
            " memmap=128M$2048M",
        ] {
            assert!(test.contains(part), "{part}: {test}");
        }
        let debug = Machine::new(Arch::HOST, Accelerator::Tcg, Flavour::Debug);
        assert_eq!(
            debug.set_aside(),
            Some(SetAside {
                begin_mib: 6144,
                mib: 128
            })
        );
    }

    #[test]
    fn counted_instructions_are_emulated_on_one_processor() {
        let line = line(
            Machine::new(Arch::HOST, Accelerator::Kvm, Flavour::Test).counting_instructions(),
            false,
        );
        assert!(
            line.contains("-accel tcg -cpu max -icount shift=0,sleep=off"),
            "{line}"
        );
        assert!(line.contains("-m 2048M -smp 1 "), "{line}");
        assert!(!line.contains("memmap"), "{line}");
    }

    #[test]
    fn only_several_threads_translate_what_is_just_replaced() {
        let machine = Machine::new(Arch::HOST, Accelerator::Tcg, Flavour::Test);
        let one_thread = Machine {
            one_thread: true,
            ..machine
        };
        assert!(machine.can_be_stale() && !one_thread.can_be_stale());
        assert!(!machine.counting_instructions().can_be_stale());
        assert!(!Machine::new(Arch::HOST, Accelerator::Kvm, Flavour::Test).can_be_stale());
        let line = line(one_thread, false);
        assert!(line.contains("-accel tcg,thread=single -cpu max"), "{line}");
    }
}
