//! Logs: to the terminal, and to a file that is rotated.

use std::io::{self, IsTerminal};
use std::path::Path;

use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_appender::rolling;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{Logging, Rotation};

/// Overrides `logging.level`, in the same syntax.
pub const LEVEL_VARIABLE: &str = "OTEDAMA_LOG";

/// Writes out what is still buffered when it is dropped.
#[derive(Debug)]
#[must_use = "logs end where this is dropped"]
pub struct Logs {
    _file: Option<WorkerGuard>,
}

/// Starts logging to standard error and, if it can be written, to the file. A file that cannot be written is a
/// warning: a pool does not stop for its log.
pub fn start(logging: &Logging) -> Logs {
    let level = std::env::var(LEVEL_VARIABLE).unwrap_or_else(|_| logging.level.clone());
    let (filter, level_problem) = match EnvFilter::try_new(&level) {
        Ok(filter) => (filter, None),
        Err(error) => (
            EnvFilter::new("info"),
            Some(format!("log level \"{level}\": {error}; using info")),
        ),
    };
    let (writer, guard, file_problem) = match open(logging) {
        Ok(None) => (None, None, None),
        Ok(Some((writer, guard))) => (Some(writer), Some(guard), None),
        Err(problem) => (None, None, Some(problem)),
    };
    let terminal = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(colour())
        .with_target(false);
    let file = writer.map(|writer| fmt::layer().with_writer(writer).with_ansi(false).boxed());
    let started = tracing_subscriber::registry()
        .with(filter)
        .with(terminal)
        .with(file)
        .try_init();
    if started.is_err() {
        tracing::debug!("logging had been started already");
    }
    for problem in [level_problem, file_problem].into_iter().flatten() {
        tracing::warn!("{problem}");
    }
    Logs { _file: guard }
}

/// Starts logging to standard error only, at `level` unless the environment names another.
pub fn start_terminal(level: &str) -> Logs {
    start(&Logging {
        level: level.to_owned(),
        file: None,
        ..Logging::default()
    })
}

/// Escape sequences are for terminals, and <https://no-color.org> is heeded.
fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn open(logging: &Logging) -> Result<Option<(NonBlocking, WorkerGuard)>, String> {
    let Some(path) = &logging.file else {
        return Ok(None);
    };
    let appender = appender(path, logging)
        .map_err(|problem| format!("no log file {}: {problem}; going on without", path.display()))?;
    Ok(Some(tracing_appender::non_blocking(appender)))
}

/// Dated files beside `path`, which is a link to the newest.
fn appender(path: &Path, logging: &Logging) -> Result<rolling::RollingFileAppender, String> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or("the path names no file")?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    // The link has to lead to the file from wherever it lies, which a relative path does not.
    let folder = folder.canonicalize().map_err(|error| error.to_string())?;
    let (stem, suffix) = name.rsplit_once('.').unwrap_or((name, ""));
    let mut builder = rolling::Builder::new()
        .filename_prefix(stem)
        .max_log_files(logging.max_files)
        .rotation(match logging.rotation {
            Rotation::Daily => rolling::Rotation::DAILY,
            Rotation::Hourly => rolling::Rotation::HOURLY,
            Rotation::Never => rolling::Rotation::NEVER,
        });
    if !suffix.is_empty() {
        builder = builder.filename_suffix(suffix);
    }
    // A file that is never rotated has the name itself.
    if logging.rotation != Rotation::Never {
        builder = builder.latest_symlink(name);
    }
    builder
        .build(folder)
        .map_err(|error| match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn logging(path: &Path, rotation: Rotation) -> Logging {
        Logging {
            file: Some(path.to_owned()),
            rotation,
            ..Logging::default()
        }
    }

    #[test]
    fn the_name_is_the_newest_file() {
        for rotation in [Rotation::Daily, Rotation::Hourly, Rotation::Never] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("deep/otedama.log");
            let mut file = appender(&path, &logging(&path, rotation)).unwrap();
            file.write_all(b"a line\n").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "a line\n");
        }
    }

    #[test]
    fn the_link_leads_to_the_file_from_a_relative_path_too() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let path = Path::new(folder.path().file_name().unwrap()).join("logs/otedama.log");
        let mut file = appender(&path, &logging(&path, Rotation::Daily)).unwrap();
        file.write_all(b"a line\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a line\n");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_a_problem_not_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let blocker = folder.path().join("file");
        std::fs::write(&blocker, b"").unwrap();
        let path = blocker.join("otedama.log");
        assert!(
            open(&logging(&path, Rotation::Daily))
                .unwrap_err()
                .contains("going on without")
        );
    }
}
