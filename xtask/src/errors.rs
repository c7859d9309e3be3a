//! Errors that decide the exit status; everything else is 1.

use std::fmt;

/// Bad use, or an environment that cannot do what was asked: exit status 2.
#[derive(Debug)]
pub(crate) struct Unsupported(pub(crate) String);

/// The user pressed Ctrl-C, or something asked us to end.
#[derive(Debug)]
pub(crate) struct Interrupted;

/// The status to pass on from a program that has said all that there is to say.
#[derive(Debug)]
pub(crate) struct Status(pub(crate) i32);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}", self.0)
    }
}

impl std::error::Error for Unsupported {}
impl std::error::Error for Interrupted {}
impl std::error::Error for Status {}

/// An [`Unsupported`] as the error of any function.
pub(crate) fn unsupported(sentence: impl Into<String>) -> anyhow::Error {
    Unsupported(sentence.into()).into()
}

/// The exit status for an error, and what to print about it.
pub(crate) fn conclude(error: &anyhow::Error) -> (u8, Option<String>) {
    if let Some(Status(status)) = error.downcast_ref() {
        return (u8::try_from(*status).unwrap_or(1), None);
    }
    let status = if error.is::<Unsupported>() {
        2
    } else if error.is::<Interrupted>() {
        130
    } else {
        1
    };
    (status, Some(format!("{error:#}")))
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn the_cause_decides_the_status_through_any_context() {
        let error = Err::<(), _>(unsupported("no QEMU"))
            .context("start the VM")
            .unwrap_err();
        assert_eq!(conclude(&error), (2, Some("start the VM: no QEMU".into())));
        assert_eq!(conclude(&anyhow!("disk full")).0, 1);
        assert_eq!(conclude(&Interrupted.into()).0, 130);
        assert_eq!(conclude(&Status(42).into()), (42, None));
    }
}
