//! `cargo xtask run` as people see it: the live dashboard of a scenario in the VM, in a terminal.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::Context;
use crate::scratch;

/// How long something may take to show up: the VM boots first.
const PATIENCE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(200);

/// What each tab shows when there are migrations.
const TABS: [(&str, &str); 8] = [
    ("2", "whole migration"),
    ("3", "pages/call"),
    ("4", "Wasted: "),
    ("5", "workload"),
    ("6", "migrate_test"),
    ("7", "Migrations  the newest"),
    ("8", "Findings"),
    ("9", "Who waits"),
];

pub(super) fn shows_the_vm_live(context: &Context<'_>) -> Result<()> {
    let terminal = Terminal {
        socket: scratch::path(&context.lab.setup.workspace, "tmux"),
    };
    terminal.open(context)?;
    let before = terminal.settings()?;
    let xtask = env::current_exe().context("our own file")?;
    let run = format!("{} run; echo left with $?", xtask.display());
    terminal.press(&[&run, "Enter"])?;
    terminal.wait_for("1 Overview")?;
    terminal.wait("migrations", |screen| number(screen).is_some_and(|n| n > 0))?;
    for (key, text) in TABS {
        terminal.press(&[key])?;
        terminal.wait_for(text)?;
    }
    terminal.press(&["7", "p"])?;
    terminal.wait_for("paused")?;
    let (first, second) = (terminal.screen()?, terminal.screen()?);
    ensure!(
        first == second,
        "a picture that is held still moves:\n{first}\n{second}"
    );
    terminal.press(&["p", "/", "direction=to_system", "Enter"])?;
    let screen = terminal.wait_for("only direction=to_system")?;
    ensure!(
        !screen.contains("to_device "),
        "the filter lets through too much:\n{screen}"
    );
    terminal.press(&["Escape"])?;
    let filtered = |screen: &str| !screen.contains("only direction");
    terminal.wait("the filter's end", filtered)?;
    terminal.press(&["1"])?;
    let earlier = number(&terminal.wait_for("requested by")?);
    terminal.wait("further migrations", |screen| number(screen) > earlier)?;
    terminal.press(&["q"])?;
    terminal.wait_for("left with 0")?;
    ensure!(
        terminal.settings()? == before,
        "the terminal is not as it was"
    );
    Ok(())
}

/// How many migrations the overview counts.
fn number(screen: &str) -> Option<u64> {
    let (_, after) = screen.split_once("requested by ")?;
    after
        .split_whitespace()
        .next()?
        .replace(',', "")
        .parse()
        .ok()
}

/// A tmux server of this test's own, with a shell in it.
struct Terminal {
    socket: PathBuf,
}

impl Terminal {
    fn open(&self, context: &Context<'_>) -> Result<()> {
        let root = context.lab.setup.workspace.root().display().to_string();
        let session = ["new-session", "-d", "-x", "120", "-y", "40", "-c", &root];
        self.tmux(&[&session[..], &["env PS1='$ ' HISTFILE= sh"]].concat())?;
        self.wait_for("$").map(drop)
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new("tmux")
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(&self.socket)
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .output()
            .context("tmux")?;
        ensure!(
            output.status.success(),
            "tmux {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).context("what tmux says")
    }

    fn press(&self, keys: &[&str]) -> Result<()> {
        self.tmux(&[&["send-keys"], keys].concat()).map(drop)
    }

    fn screen(&self) -> Result<String> {
        self.tmux(&["capture-pane", "-p"])
    }

    fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> Result<String> {
        let begun = Instant::now();
        loop {
            let screen = self.screen()?;
            if holds(&screen) {
                return Ok(screen);
            }
            if begun.elapsed() > PATIENCE {
                bail!("{what} did not come:\n{screen}");
            }
            std::thread::sleep(POLL);
        }
    }

    fn wait_for(&self, text: &str) -> Result<String> {
        self.wait(text, |screen| screen.contains(text))
    }

    /// What the terminal is set to, its screen, cursor and mouse too.
    fn settings(&self) -> Result<String> {
        let terminal = self.tmux(&["display-message", "-p", "#{pane_tty}"])?;
        let output = Command::new("stty")
            .args(["-a", "-F", terminal.trim_end()])
            .output()
            .context("stty")?;
        let flags = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_flag}";
        let flags = self.tmux(&["display-message", "-p", flags])?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &flags)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.tmux(&["kill-server"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_migrations_is_read() {
        let screen = " Pages  1,236,218 requested by 12,000 migrations\n";
        assert_eq!((number(screen), number("")), (Some(12_000), None));
    }
}
