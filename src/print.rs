//! The one place that writes to stdout and stderr.
//!
//! A reader that went away, a full disk or a terminal that was closed never
//! end a race: what is told on stderr is told as far as it can be. Credentials
//! of URLs, and the values that the user named, are taken out of every line.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::secrets::Masks;

/// Writes a line to stderr.
macro_rules! errln {
    ($($argument:tt)*) => {
        $crate::print::to_stderr(format_args!($($argument)*))
    };
}

/// Writes a line of a result to stdout, from a function that returns a result.
/// A reader that went away (`| head`) wants no more of it.
macro_rules! outln {
    ($($argument:tt)*) => {
        $crate::print::to_stdout(format_args!($($argument)*))?
    };
}

/// Whether the reader of stdout went away.
static IS_UNREAD: AtomicBool = AtomicBool::new(false);

static MASKS: RwLock<Option<Masks>> = RwLock::new(None);

/// From now on no line holds these.
pub fn mask(masks: Masks) {
    *MASKS.write().unwrap_or_else(PoisonError::into_inner) = Some(masks);
}

/// A text as it may be shown.
pub fn masked(text: &str) -> String {
    let masks = MASKS.read().unwrap_or_else(PoisonError::into_inner);
    match masks.as_ref() {
        Some(masks) => masks.text(text).into_owned(),
        None => crate::secrets::without_credentials(text).into_owned(),
    }
}

/// Writes a line to stderr; a stderr that takes nothing is no error.
pub fn to_stderr(line: std::fmt::Arguments<'_>) {
    let line = masked(&format!("{line}\n"));
    // One write, so that lines of several threads stay whole.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Writes a line to stdout.
///
/// # Errors
/// It takes nothing, and not because its reader went away.
pub fn to_stdout(line: std::fmt::Arguments<'_>) -> anyhow::Result<()> {
    let line = masked(&format!("{line}\n"));
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            IS_UNREAD.store(true, Ordering::Relaxed);
            Ok(())
        }
        Err(error) => Err(anyhow::Error::new(error).context("cannot write the result to stdout")),
        Ok(()) => Ok(()),
    }
}

/// Whether a line found the reader of stdout gone: who writes without an end stops
/// then.
pub fn is_unread() -> bool {
    IS_UNREAD.load(Ordering::Relaxed)
}

/// Whether what goes to stdout may have colours.
pub fn is_coloured() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
