//! May an output be written where it is to go? A recording must not be lost by it, and nothing else
//! unasked.

use std::path::Path;

use crate::Error;
use crate::source::{Identity, Inputs};

/// What stands where an output is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing that could be lost: no file, or a device or pipe, which is written to as it is.
    Free,
    /// A file, which would be replaced.
    Taken,
}

impl Place {
    /// Looks. Fails where the output would be one of the inputs, by whatever name or link.
    pub fn of(path: &Path, inputs: Option<&Inputs>) -> Result<Self, Error> {
        let Some(identity) = Identity::of_path(path) else {
            return Ok(Self::Free);
        };
        refuse_input(identity, inputs, || path.display().to_string())?;
        Ok(Self::Taken)
    }
}

/// Fails where the file that output is appended to, such as that of `>>`, is one of the inputs.
pub fn refuse_input(
    output: Identity,
    inputs: Option<&Inputs>,
    name: impl Fn() -> String,
) -> Result<(), Error> {
    match inputs.and_then(|inputs| inputs.find(output)) {
        None => Ok(()),
        Some(input) => Err(Error::OutputIsInput {
            path: name(),
            input: input.to_string(),
        }),
    }
}
