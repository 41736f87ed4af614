//! What commands print the same way: JSON, and progress of long work.

use std::sync::Arc;
use std::time::Instant;

use crate::engine::Progress;
use crate::escape;

/// Writes a value as JSON to stdout. In a step of a GitHub job its runner reads
/// it, too, so no text in it is a command; parsed, it is the value as it is.
pub fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    outln!("{}", escape::json(&text));
    Ok(())
}

/// Columns of the terminal that stdout is; 100 where it is none.
pub fn terminal_width() -> usize {
    console::Term::stdout()
        .size_checked()
        .map_or(100, |(_, columns)| usize::from(columns))
}

/// Long work's progress as lines on stderr, each with the time since the
/// first.
pub fn progress_lines() -> Progress {
    let started = Instant::now();
    Arc::new(move |line: &str| {
        let seconds = started.elapsed().as_secs_f64();
        errln!("[{seconds:6.1} s] {}", escape::terminal(line, 1000));
    })
}
