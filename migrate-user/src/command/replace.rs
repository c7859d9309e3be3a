//! May an output be written? What is read never is, and another file is replaced only where the
//! user wants it.

use std::io::{self, IsTerminal};

use crate::Error;
use crate::export::{Place, refuse_input};
use crate::recording::Output;
use crate::source::{Identity, Inputs};
use crate::tell;
use crate::text::printable;

/// True if a file that is there may be replaced. Refuses what no output can be. Asks on a terminal,
/// where there is one that can answer; `force`: it was said before.
pub(super) fn may_replace(
    output: &Output,
    inputs: Option<&Inputs>,
    force: bool,
) -> Result<bool, Error> {
    output.check()?;
    let path = match output {
        Output::File(path) => path,
        Output::Socket(_) => return Ok(false),
        Output::Stdout => {
            let identity = Identity::of_open(io::stdout());
            let name = || output.to_string();
            return identity.map_or(Ok(false), |identity| {
                refuse_input(identity, inputs, name).map(|()| false)
            });
        }
    };
    match Place::of(path, inputs)? {
        Place::Free => Ok(force),
        Place::Taken if force => Ok(true),
        Place::Taken if !can_ask() => Err(crate::recording::Error::Exists {
            path: output.to_string(),
        }
        .into()),
        Place::Taken if wants(&output.to_string()) => Ok(true),
        Place::Taken => Err(Error::Kept {
            path: output.to_string(),
        }),
    }
}

fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks. Whoever says nothing does not want it.
fn wants(path: &str) -> bool {
    tell(format_args!(
        "migscope: {} exists already. Replace it? [y/N] ",
        printable(path)
    ));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes" | "Yes" | "YES")
}
