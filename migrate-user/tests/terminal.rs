//! The dashboard in a real terminal: tmux is one, and can be asked what is on its screen.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use migscope_testkit::recording;
use tempfile::TempDir;

/// How long something may take to show up. Machines that test are busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Set where these tests must not be left out.
const REQUIRED: &str = "MIGSCOPE_TEST_TERMINAL";

/// A terminal with a shell in it.
struct Terminal {
    folder: TempDir,
}

impl Terminal {
    /// `None`, and why, where there is no tmux and none is required.
    fn open(columns: u16, lines: u16) -> Option<Self> {
        let there = Command::new("tmux").arg("-V").output();
        if there.is_err() && std::env::var_os(REQUIRED).is_none() {
            eprintln!("skipped: there is no tmux, which is the terminal of this test");
            return None;
        }
        let terminal = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let size = [columns.to_string(), lines.to_string()];
        let shell = "env PS1='$ ' HISTFILE= sh";
        terminal.tmux(&["new-session", "-d", "-x", &size[0], "-y", &size[1], shell]);
        terminal.wait_for("$");
        Some(terminal)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs a command of tmux, on a server of this test's own.
    fn try_tmux(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-u", "-f", "/dev/null", "-S", &self.path("socket")])
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env("MIGSCOPE_CONFIG", "")
            .env("XDG_CONFIG_HOME", self.folder.path())
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = self.try_tmux(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "{what} did not come:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Presses keys by tmux's names, one after the other, until a text is there.
    fn press(&self, keys: &[&str], text: &str) -> String {
        self.tmux(&[&["send-keys"], keys].concat());
        self.wait_for(text)
    }

    /// Writes letters.
    fn write(&self, text: &str) {
        self.tmux(&["send-keys", "-l", text]);
    }

    /// Runs a command in the shell until a text is there.
    fn run(&self, command: &str, text: &str) -> String {
        self.write(command);
        self.press(&["Enter"], text)
    }

    /// What the terminal is set to, its cursor, its screen and its mouse too.
    fn modes(&self, name: &str) -> String {
        let path = self.path(name);
        self.run(
            // The first line has the size.
            &format!("stty -a | tail -n +2 > {path}; echo no''ted {name}"),
            &format!("noted {name}"),
        );
        let flags = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_flag}";
        let flags = self.tmux(&["display-message", "-p", flags]);
        fs::read_to_string(path).unwrap() + &flags
    }

    /// Opens the dashboard on a recording of 40 batches, and waits until all of it is there.
    fn replay(&self) -> String {
        let path = self.path("run.arrow");
        fs::write(&path, recording(1, 40, 100).0).unwrap();
        // A relative name: what is on the screen must not depend on the folder's.
        self.run(&format!("cd {}", self.path("")), "$");
        let program = env!("CARGO_BIN_EXE_migscope");
        let command = format!("{program} replay run.arrow; echo left with $?");
        self.run(&command, "4,000 migrations")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.try_tmux(&["kill-server"]);
    }
}

/// What each tab begins with.
const TABS: [(&str, &str); 10] = [
    ("2", "whole migration"),
    ("3", "Batching  3,"),
    ("4", "Wasted: "),
    ("5", "Processes  4 processes"),
    ("6", "Drivers  2 drivers"),
    ("7", "Migrations  the newest 1,000"),
    ("8", "evidence"),
    ("9", "Waits  unknown"),
    ("0", "Memory  unknown"),
    ("1", "Rates "),
];

#[test]
fn every_tab_and_key_and_the_terminal_is_as_before() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let before = terminal.modes("before");
    terminal.replay();
    let mut tabs = String::new();
    for (key, text) in TABS {
        terminal.press(&[key], text);
        tabs += &terminal.screen();
    }
    insta::assert_snapshot!("tabs", tabs);
    // Once around comes back to the same picture.
    let overview = terminal.screen();
    for (_, text) in TABS {
        terminal.press(&["Tab"], text);
    }
    assert_eq!(terminal.screen(), overview);

    keys(&terminal);
    replay_keys(&terminal);
    resizes(&terminal);

    terminal.press(&["q"], "left with 0");
    assert_eq!(terminal.modes("after"), before);
}

fn keys(terminal: &Terminal) {
    terminal.press(&["?"], "Keys on Overview");
    for (columns, lines) in [("20", "5"), ("1", "1"), ("120", "40")] {
        terminal.tmux(&["resize-window", "-x", columns, "-y", lines]);
    }
    terminal.wait_for("Keys on Overview");
    terminal.tmux(&["send-keys", "Escape"]);
    terminal.wait("the help's end", |screen| !screen.contains("Keys on"));
    terminal.press(&["r"], "nothing more comes");
    terminal.press(&["/"], "Show only:");
    terminal.write("pid=x");
    terminal.press(&["Enter"], "invalid value 'x'");
    terminal.press(&["C-u"], "slower-than");
    terminal.write("pid=1201");
    terminal.press(&["Enter"], "only pid=1201");
    terminal.press(&["5"], "Processes  1 process ");
    terminal.press(&["Escape"], "Processes  4 processes");
    terminal.press(&["Down", "Enter"], "only pid=12");
    terminal.press(&["Escape"], "Processes  4 processes");
    terminal.press(&["h"], "▼wasted");
    terminal.press(&["u"], "amounts in bytes");
    terminal.press(&["u"], "amounts in GiB");
    terminal.press(&["u"], "amounts in pages");
    terminal.press(&["7", "o"], "the slowest 1,000");
    terminal.press(&["j", "j", "Enter"], "3 of 1,000");
    terminal.press(&["n"], "4 of 1,000");
    terminal.press(&["N", "Left"], "2 of 1,000");
    resizes(terminal);
    terminal.press(&["Escape"], "the slowest 1,000");
    terminal.press(&["s"], "by ▼began");
    terminal.press(&["S"], "by ▲began");
    // A click on the head of a column.
    terminal.write("\x1b[<0;20;5M\x1b[<0;20;5m");
    terminal.wait_for("by ▼process");
    terminal.press(&["o", "o"], "slowest first");
    terminal.press(&["o"], "the newest 1,000");
    terminal.press(&["1", "w"], "all 0:00:02");
    terminal.press(&["5"], "Processes  4 processes");
    terminal.tmux(&["send-keys", "1", "w", "w", "w"]);
    terminal.wait("the whole run", |screen| {
        screen.contains("4,000 migrations") && !screen.contains("last 0:00")
    });
    // The mouse, as terminals tell it: a click on the sixth tab, the wheel.
    terminal.write("\x1b[<0;62;2M\x1b[<0;62;2m");
    terminal.wait_for("Drivers  2 drivers");
    let path = terminal.path("out.json");
    terminal.press(&["e", "C-u"], "FORMAT");
    terminal.write(&format!("json {path}"));
    terminal.press(&["Enter"], "4,000 migrations written to");
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 4000);
    replaces_nothing_unasked(terminal, &path);
}

fn replaces_nothing_unasked(terminal: &Terminal, path: &str) {
    let export = |path: &str, text: &str| {
        terminal.press(&["e", "C-u"], "FORMAT");
        terminal.write(&format!("json {path}"));
        terminal.press(&["Enter"], text);
    };
    fs::write(path, "precious").unwrap();
    export(path, "Replace it?");
    terminal.write("no");
    terminal.press(&["Enter"], "left as it is");
    assert_eq!(fs::read_to_string(path).unwrap(), "precious");
    export(path, "Replace it?");
    terminal.write("y");
    terminal.press(&["Enter"], "4,000 migrations written to");
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 4000);
    let read = fs::read(terminal.path("run.arrow")).unwrap();
    export("run.arrow", "is the same file as");
    assert_eq!(fs::read(terminal.path("run.arrow")).unwrap(), read);
}

fn replay_keys(terminal: &Terminal) {
    terminal.press(&["1", "{"], "●──");
    terminal.wait_for("Nothing had been recorded");
    terminal.press(&["."], "requested by 1 migration");
    terminal.press(&["."], "requested by 2 migrations");
    terminal.press(&[">", ">"], "‖ 4×");
    terminal.press(&["<", "<", "<"], "‖ 1/2×");
    terminal.press(&["Space"], "► 1/2×");
    terminal.press(&[">", ">", ">", ">", ">", ">"], "4,000 migrations");
    terminal.wait_for("‖ 32×");
    terminal.press(&["["], "0:00:00 / 0:00:02");
    terminal.press(&["}"], "4,000 migrations");
}

fn resizes(terminal: &Terminal) {
    for (columns, lines) in [("80", "24"), ("20", "5"), ("200", "60"), ("120", "40")] {
        terminal.tmux(&["resize-window", "-x", columns, "-y", lines]);
        let whole = |screen: &str| {
            let last = screen.trim_end().lines().last().unwrap_or_default();
            let height = screen.trim_end().lines().count().to_string();
            screen.contains("0 lost") && last.contains("q quit") && height == lines
        };
        terminal.wait(&format!("{columns}x{lines}"), whole);
    }
}

/// A recording of the scenario `mixed` in the VM: `cargo xtask run --headless --duration 10
/// --record FILE`.
const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/mixed.arrow");

/// What a real recording shows is what the report tells of it.
#[test]
fn a_recording_of_the_vm_is_shown_as_it_is_reported() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let program = env!("CARGO_BIN_EXE_migscope");
    let report = Command::new(program)
        .args(["report", "--json", RECORDING])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    let counted = |value: &serde_json::Value| migscope::text::count(value.as_u64().unwrap());
    let requested = counted(&report["ledger"]["requested"]);
    let migrations = counted(&report["migrations"]);
    terminal.run(
        &format!("{program} replay --tab pages {RECORDING}; echo left with $?"),
        &format!("{requested} requested by {migrations} migrations"),
    );
    let trips = counted(&report["ping_pong"]["trips"]);
    terminal.wait_for(&format!("in at least {trips} trips"));
    terminal.press(&["6"], "migrate_test");
    terminal.press(&["5"], "workload");
    terminal.press(&["7", "o", "Enter"], "driver        migrate_test");
    let slowest = report["slowest"][0]["total_ns"].as_u64().unwrap();
    terminal.wait_for(&migscope::text::duration(slowest));
    terminal.press(&["8"], report["findings"][0]["kind"].as_str().unwrap());
    terminal.press(&["q"], "left with 0");
}

#[test]
fn signals_give_the_terminal_back() {
    let Some(terminal) = Terminal::open(80, 24) else {
        return;
    };
    let before = terminal.modes("before");
    for signal in ["TERM", "HUP", "INT", "QUIT"] {
        terminal.replay();
        terminal.tmux(&["run-shell", &format!("pkill -{signal} -P #{{pane_pid}}")]);
        terminal.wait_for("left with");
        terminal.tmux(&["send-keys", "clear", "Enter"]);
        assert_eq!(terminal.modes(signal), before);
    }
}

/// The shell gets its terminal, and the dashboard has it again when the shell lets it go on; in
/// between, everything may have another size.
#[test]
fn the_shell_can_be_had_in_between() {
    let Some(terminal) = Terminal::open(100, 30) else {
        return;
    };
    let before = terminal.modes("before");
    terminal.replay();
    terminal.press(&["7", "Enter"], "pgmap owner");
    terminal.press(&["C-z"], "Stopped");
    assert_eq!(terminal.modes("stopped"), before);
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    terminal.run("fg", "pgmap owner");
    terminal.wait("all of it", |screen| {
        let last = screen.trim_end().lines().last().unwrap_or_default();
        screen.contains("migscope replay") && last.contains("q quit")
    });
    // Also while something is written.
    terminal.press(&["/"], "Show only:");
    terminal.press(&["C-z"], "Stopped");
    terminal.run("fg", "Show only:");
    terminal.tmux(&["send-keys", "Escape"]);
    // Nobody can do anything about SIGSTOP before it.
    let stop = |signal: &str| format!("pkill -{signal} -P #{{pane_pid}}");
    terminal.tmux(&["run-shell", &stop("STOP")]);
    terminal.wait_for("+ Stopped");
    // The terminal is as the dashboard needs it, where Enter is not the end of a line.
    terminal.write("fg");
    terminal.tmux(&["send-keys", "C-j"]);
    terminal.wait("the dashboard", |screen| !screen.contains("Stopped"));
    terminal.press(&["C-\\"], "$");
    terminal.wait("the shell", |screen| !screen.contains("pgmap owner"));
    assert_eq!(terminal.modes("after"), before);
}

#[test]
fn a_panic_gives_the_terminal_back_and_can_be_read() {
    let Some(terminal) = Terminal::open(80, 24) else {
        return;
    };
    let before = terminal.modes("before");
    terminal.run("export MIGSCOPE_TEST_PANIC=1 RUST_BACKTRACE=0", "$");
    terminal.replay();
    let screen = terminal.press(&["q"], "left with 101");
    for text in ["panicked at", "as asked for by MIGSCOPE_TEST_PANIC"] {
        assert!(screen.contains(text), "{text} is not on\n{screen}");
    }
    // It is below what was there before, on the screen that stays.
    assert!(screen.contains("replay run.arrow"), "{screen}");
    assert_eq!(terminal.modes("after"), before);
}

#[test]
fn it_ends_when_its_terminal_does() {
    let Some(terminal) = Terminal::open(80, 24) else {
        return;
    };
    terminal.replay();
    let shell = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
    let children = || Command::new("pgrep").args(["-P", shell.trim()]).output();
    let program = String::from_utf8(children().unwrap().stdout).unwrap();
    let alive = || Path::new("/proc").join(program.trim()).exists();
    assert!(!program.is_empty() && alive());
    terminal.tmux(&["kill-server"]);
    let end = Instant::now() + PATIENCE;
    while alive() {
        assert!(Instant::now() < end, "{program} lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn on_a_terminal_a_file_is_replaced_after_a_question() {
    let Some(terminal) = Terminal::open(100, 24) else {
        return;
    };
    let (path, out) = (terminal.path("run.arrow"), terminal.path("out"));
    fs::write(&path, recording(1, 2, 10).0).unwrap();
    terminal.run(&format!("cd {}; clear", terminal.path("")), "$");
    let program = env!("CARGO_BIN_EXE_migscope");
    for (answer, status, lines) in [("n", 2, 0), ("", 2, 0), ("y", 0, 20)] {
        fs::write(&out, "precious").unwrap();
        terminal.run("clear", "$");
        let command = format!("{program} export run.arrow -f json -o out; echo left with $?");
        terminal.run(&command, "out exists already. Replace it? [y/N]");
        terminal.write(answer);
        terminal.press(&["Enter"], &format!("left with {status}"));
        let found = fs::read_to_string(&out).unwrap();
        assert_eq!(
            found.lines().filter(|line| line.starts_with('{')).count(),
            lines
        );
        assert_eq!(found == "precious", status == 2);
    }
}

#[test]
fn a_terminal_gets_what_it_can_show() {
    let Some(terminal) = Terminal::open(100, 30) else {
        return;
    };
    fs::write(terminal.path("run.arrow"), recording(1, 40, 100).0).unwrap();
    terminal.run(&format!("cd {}; clear", terminal.path("")), "$");
    let program = env!("CARGO_BIN_EXE_migscope");
    for format in ["parquet", "perfetto"] {
        let command = format!("{program} export run.arrow -f {format}; echo left with $?");
        terminal.run(&command, "which a terminal cannot show");
        terminal.wait_for("left with 2");
        terminal.run("clear", "$");
    }
    // One that can show lines only gets them.
    let command = format!("TERM=dumb {program} run.arrow; echo left with $?");
    terminal.run(&command, "left with 0");
    let screen = terminal.screen();
    assert!(
        screen.contains("Findings") || screen.contains("Cost:"),
        "{screen}"
    );
    assert!(!screen.contains("q quit"), "{screen}");
    terminal.run("clear", "$");
    // A file by itself is watched.
    let command = format!("{program} run.arrow; echo left with $?");
    terminal.run(&command, "4,000 migrations");
    terminal.press(&["q"], "left with 0");
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.arrow");
    fs::write(&path, recording(1, 2, 10).0).unwrap();
    let output = replay_to_a_pipe(&path);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("Use `migscope report FILE`"), "{said}");
}

fn replay_to_a_pipe(path: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_migscope"))
        .arg("replay")
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}
