//! `migscope`: shows every migration of memory between a CPU and a device that Linux makes.

use std::process::ExitCode;

use migscope::{Error, shorthand};

/// The exit status of everything that could not be done.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    match migscope::command::run(shorthand::parse(std::env::args_os())) {
        Ok(status) => status,
        // Whoever closes a pipe has seen enough.
        Err(Error::ReaderGone) => ExitCode::SUCCESS,
        Err(error) => {
            let red = anstyle::AnsiColor::Red.on_default().bold();
            migscope::tell(format_args!("{red}migscope:{red:#} "));
            migscope::tell_line!("{error}");
            ExitCode::from(FAILED)
        }
    }
}
