//! Puts a boot together: tasks, files, modules, and where the output goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, ensure};
use vm_init::job::{Command, Job, Module, Ready, Stop, Stream};
use vm_init::verdict::End;

use crate::errors::conclude;

use super::{Boot, Captured, Initramfs, Machine, Sink, StaleInstruction, Vm};

/// How the ports of standard errors end.
const STDERR: &str = ".stderr";

/// Where a task's output goes.
pub(crate) enum Output {
    /// Into memory, for [`Outcome::stdout`] and [`Outcome::stderr`].
    Captured,
    /// Nowhere.
    Null,
    /// To a sink on the host, byte for byte.
    Host(Sink),
    /// Into a file in the guest.
    Guest(String),
}

/// A command in the guest.
pub(crate) struct Task {
    command: Command,
    stdout: Output,
    stderr: Output,
}

impl Task {
    /// A command that the job waits for.
    pub(crate) fn new<A: Into<String>>(name: &str, argv: impl IntoIterator<Item = A>) -> Self {
        let command = Command {
            name: name.to_owned(),
            argv: argv.into_iter().map(Into::into).collect(),
            env: vec![],
            stdout: Stream::Null,
            stderr: Stream::Null,
            background: false,
            stop: Stop::Interrupt,
            ready: None,
        };
        Task {
            command,
            stdout: Output::Captured,
            stderr: Output::Captured,
        }
    }

    /// A shell script that the job waits for.
    pub(crate) fn shell(name: &str, script: &str) -> Self {
        Self::new(name, ["sh", "-c", script])
    }

    /// Runs beside the tasks that come after it, and is stopped (with SIGINT) when they have ended.
    pub(crate) fn background(mut self) -> Self {
        self.command.background = true;
        self
    }

    /// The next task starts only when the file in the guest holds all of these texts.
    pub(crate) fn ready_when<'a>(
        mut self,
        path: &str,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.command.ready = Some(Ready {
            path: path.to_owned(),
            texts: texts.into_iter().map(str::to_owned).collect(),
        });
        self
    }

    /// Adds to its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where its standard output goes.
    pub(crate) fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Where its standard error goes.
    pub(crate) fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }
}

/// A boot in the making.
pub(crate) struct Builder {
    boot: Boot,
    /// Modules to load before any task, and their parameters on a machine.
    modules: Vec<(String, Parameters)>,
    captured: BTreeMap<String, Captured>,
}

/// What a module is told on a machine.
pub(crate) type Parameters = fn(&Machine) -> String;

impl Builder {
    /// A boot of this kernel with this content, and nothing to do.
    pub(crate) fn new(
        kernel: PathBuf,
        machine: Machine,
        initramfs: Initramfs,
        folder: PathBuf,
    ) -> Self {
        let limit = Duration::from_secs(120);
        let (job, sinks) = (Job::default(), vec![]);
        let boot = Boot {
            kernel,
            machine,
            initramfs,
            job,
            sinks,
            serial: false,
            limit,
            folder,
            console: None,
        };
        Builder {
            boot,
            modules: vec![],
            captured: BTreeMap::new(),
        }
    }

    /// The kernel image.
    pub(crate) fn kernel(&self) -> &Path {
        &self.boot.kernel
    }

    /// Boots another kernel, of which nothing is known: its streams are serial lines, and its
    /// machine is plain.
    pub(crate) fn foreign_kernel(mut self, kernel: PathBuf) -> Self {
        self.boot.kernel = kernel;
        self.boot.serial = true;
        self.boot.machine.nodes = false;
        self
    }

    /// Changes the machine.
    pub(crate) fn machine(mut self, change: impl FnOnce(Machine) -> Machine) -> Self {
        self.boot.machine = change(self.boot.machine);
        self
    }

    /// How long it may take, by the clock on the wall. Two minutes unless told otherwise.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.boot.limit = limit;
        self
    }

    /// Keeps the console's log in this file, however the machine ends.
    pub(crate) fn console(mut self, log: PathBuf) -> Self {
        self.boot.console = Some(log);
        self
    }

    /// Loads a module before any task. Its parameters are those for the machine that it is in the
    /// end.
    pub(crate) fn module(mut self, path: &str, parameters: Parameters) -> Self {
        self.modules.push((path.to_owned(), parameters));
        self
    }

    /// Adds a file of the host to the guest, where tasks run.
    pub(crate) fn add(mut self, file: PathBuf) -> Result<Self> {
        let name = file
            .file_name()
            .with_context(|| format!("{} is no file", file.display()))?;
        let name = name
            .to_str()
            .with_context(|| format!("{} is not UTF-8", file.display()))?;
        self.boot
            .initramfs
            .file(format!("root/{name}"), file.clone());
        Ok(self)
    }

    /// Adds a file of the host to the guest, at this path without the slash that it begins with.
    pub(crate) fn file(mut self, path: &str, host: PathBuf) -> Self {
        self.boot.initramfs.file(path, host);
        self
    }

    /// Adds files of the host to the guest, each at its path there.
    pub(crate) fn files(self, files: impl IntoIterator<Item = (String, PathBuf)>) -> Self {
        let add = |vm: Self, (path, host): (String, PathBuf)| vm.file(&path, host);
        files.into_iter().fold(self, add)
    }

    /// Adds what is below a folder of `root`, which is the guest's root.
    pub(crate) fn tree(mut self, root: &Path, folder: &str) -> Result<Self> {
        self.boot.initramfs.tree(root, folder)?;
        Ok(self)
    }

    /// Adds a symbolic link.
    pub(crate) fn link(mut self, path: &str, target: &str) -> Self {
        self.boot.initramfs.link(path, target);
        self
    }

    /// Adds a file with this content.
    pub(crate) fn text(mut self, path: &str, text: &str) -> Self {
        self.boot.initramfs.bytes(path, text);
        self
    }

    /// Opens `/dev/virtio-ports/NAME` in the guest; what is written there goes to the sink.
    pub(crate) fn port(mut self, name: &str, sink: Sink) -> Self {
        self.boot.sinks.push((name.to_owned(), sink));
        self
    }

    /// Adds a task.
    pub(crate) fn task(mut self, task: Task) -> Self {
        let Task {
            mut command,
            stdout,
            stderr,
        } = task;
        command.stdout = self.output(stdout_port(&command.name), stdout);
        command.stderr = self.output(stderr_port(&command.name), stderr);
        self.boot.job.commands.push(command);
        self
    }

    fn output(&mut self, port: String, output: Output) -> Stream {
        let sink: Sink = match output {
            Output::Null => return Stream::Null,
            Output::Guest(path) => return Stream::File(path),
            Output::Host(sink) => sink,
            Output::Captured => Box::new(self.captured.entry(port.clone()).or_default().clone()),
        };
        self.boot.sinks.push((port.clone(), sink));
        Stream::Port(port)
    }

    /// Starts the machine.
    pub(crate) fn start(mut self) -> Result<Running> {
        for (path, parameters) in self.modules {
            self.boot.job.modules.push(Module {
                path,
                parameters: parameters(&self.boot.machine),
            });
        }
        let names = self
            .boot
            .job
            .commands
            .iter()
            .map(|command| command.name.clone())
            .collect();
        Ok(Running {
            vm: self.boot.start()?,
            names,
            captured: self.captured,
        })
    }

    /// Runs the machine to its end.
    pub(crate) fn run(self) -> Result<Outcome> {
        self.start()?.wait()
    }
}

fn stdout_port(task: &str) -> String {
    format!("{task}.stdout")
}

fn stderr_port(task: &str) -> String {
    format!("{task}{STDERR}")
}

/// A machine that runs its tasks.
pub(crate) struct Running {
    vm: Vm,
    names: Vec<String>,
    captured: BTreeMap<String, Captured>,
}

impl Running {
    /// Lets some time pass; `true`: it has ended, and `wait` will not wait.
    pub(crate) fn is_over(&mut self) -> Result<bool> {
        self.vm.is_over()
    }

    /// Asks for the end.
    pub(crate) fn ask_to_stop(&mut self) -> Result<()> {
        self.vm.ask_to_stop()
    }

    /// Waits for the end.
    pub(crate) fn wait(self) -> Result<Outcome> {
        let ended = self
            .vm
            .wait()
            .map_err(|error| with_messages(error, &self.captured))?;
        ensure!(
            ended.ends.len() == self.names.len(),
            "the verdict tells of {} tasks",
            ended.ends.len()
        );
        let ends = self.names.into_iter().zip(ended.ends).collect();
        Ok(Outcome {
            ends,
            warnings: ended.warnings,
            captured: self.captured,
        })
    }
}

/// What the tasks had to say is often the reason.
fn with_messages(error: Error, captured: &BTreeMap<String, Captured>) -> Error {
    let said = captured
        .iter()
        .filter(|(port, _)| port.ends_with(STDERR))
        .filter_map(|(port, captured)| {
            let text = String::from_utf8_lossy(&captured.bytes())
                .trim_end()
                .to_owned();
            (!text.is_empty()).then(|| format!("\n{port}: {text}"))
        });
    let said: String = said.collect();
    // An interruption and its like must stay what they are.
    if said.is_empty() || conclude(&error).0 != 1 || error.is::<StaleInstruction>() {
        error
    } else {
        anyhow!("{error:#}{said}")
    }
}

/// What came out of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    ends: Vec<(String, End)>,
    captured: BTreeMap<String, Captured>,
    /// Warnings in the kernel's log.
    pub(crate) warnings: Vec<String>,
}

impl Outcome {
    /// How a task ended.
    pub(crate) fn end(&self, task: &str) -> Result<End> {
        let found = self.ends.iter().find(|(name, _)| name == task);
        found
            .map(|(_, end)| *end)
            .with_context(|| format!("there is no task {task}"))
    }

    /// An error unless the task exited with 0; it tells what the task wrote to its standard error.
    pub(crate) fn expect_success(&self, task: &str) -> Result<()> {
        let end = self.end(task)?;
        let stderr = self.stderr(task);
        ensure!(
            end == End::Exited(0),
            "{task} ended with {end}: {}",
            String::from_utf8_lossy(&stderr).trim_end()
        );
        Ok(())
    }

    /// What a task wrote to its standard output, if it was captured.
    pub(crate) fn stdout(&self, task: &str) -> Vec<u8> {
        self.captured
            .get(&stdout_port(task))
            .map(Captured::bytes)
            .unwrap_or_default()
    }

    /// What a task wrote to its standard error, if it was captured.
    pub(crate) fn stderr(&self, task: &str) -> Vec<u8> {
        self.captured
            .get(&stderr_port(task))
            .map(Captured::bytes)
            .unwrap_or_default()
    }
}
