//! What a worker does when a row event cannot be applied.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What to do with a row event that cannot be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Stand at its batch until the cause is repaired.
    #[default]
    Stop,
    /// Put it aside and go on.
    Park,
}

impl FromStr for OnError {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "stop" => Ok(Self::Stop),
            "park" => Ok(Self::Park),
            _ => Err(Error::usage(format!("\"{text}\" is none of stop, park"))),
        }
    }
}

impl fmt::Display for OnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stop => "stop",
            Self::Park => "park",
        })
    }
}
