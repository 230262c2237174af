//! How a command ends when it doesn't end well.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// What a command returns.
pub type Outcome = Result<(), Failure>;

/// Why a command ended, for the person at the terminal.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// Something went wrong; `message` also says what to do about it. Exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }

    /// The command was asked for wrongly. Exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 2,
        }
    }

    /// The text for the person at the terminal.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Writes the message to standard error and gives the exit code.
    pub fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "otedama: {}", self.message);
        }
        ExitCode::from(self.code)
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let any: &(dyn Error + 'static) = &error;
        // Whoever read our output has seen enough: `otedama status | head -1` is no failure.
        if any
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        {
            return Self {
                message: String::new(),
                code: 0,
            };
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(message)
    }
}
