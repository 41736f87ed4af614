//! Writing the formats that other programs read: `--format NAME[=FILE]`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::files::write_whole;
use crate::cli::Output;
use crate::print::masked;
use crate::report::{CheckView, Format, View};

/// Where GitHub wants a step's summary.
const SUMMARY_VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// Whether any of them goes to stdout, so that what is for people must not.
pub(super) fn use_stdout(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| place(output).is_none())
}

/// Writes each of them.
///
/// # Errors
/// A file cannot be written, or holds something else.
pub(super) fn write(
    outputs: &[Output],
    view: &View,
    check: Option<&CheckView>,
) -> anyhow::Result<()> {
    for output in outputs {
        // A row or list without a time would be taken for a measurement.
        let holds_times = matches!(
            output.format,
            Format::Otava | Format::GithubActionBenchmark | Format::Bmf | Format::Hyperfine
        );
        if holds_times && view.scenarios.is_empty() {
            tell!(
                "{}: nothing was built, and nothing is written",
                output.format
            );
            continue;
        }
        let text = output.format.render(view, check);
        let Some(file) = place(output) else {
            out!("{}", text.trim_end_matches('\n'));
            continue;
        };
        if let Some(folder) = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        match output.format {
            Format::GithubSummary if output.file.is_none() => append(&file, &text),
            Format::Otava => append_rows(&file, &text),
            _ => write_whole(&file, &text),
        }?;
        tell!("{}: {}", output.format, file.display());
    }
    Ok(())
}

/// The file that it goes to; `None` is stdout.
fn place(output: &Output) -> Option<PathBuf> {
    let usual = match output.format {
        Format::GithubSummary => std::env::var_os(SUMMARY_VARIABLE).filter(|file| !file.is_empty()),
        _ => None,
    };
    output.file.clone().or(usual.map(PathBuf::from))
}

fn cannot(file: &Path) -> String {
    format!("cannot write {}", file.display())
}

/// Other commands of the step write to the file, too.
fn append(file: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        let mut file = OpenOptions::new().create(true).append(true).open(file)?;
        file.write_all(masked(text).as_bytes())
    };
    write().with_context(|| cannot(file))
}

/// A history has its header once.
fn append_rows(file: &Path, text: &str) -> anyhow::Result<()> {
    let held = match fs::read_to_string(file) {
        Ok(held) => held,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    if held.is_empty() {
        return append(file, text);
    }
    let (header, rows) = text.split_once('\n').unwrap_or((text, ""));
    if held.lines().next() != Some(header.trim_end_matches('\r')) {
        bail!(
            "{} holds the history of something else: its columns are not those of this run; \
             name another file",
            file.display()
        );
    }
    let newline = if held.ends_with('\n') { "" } else { "\n" };
    append(file, &format!("{newline}{rows}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_grows_by_rows_of_the_same_columns() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.csv");
        append_rows(&file, "time,a\n1,2\n").unwrap();
        append_rows(&file, "time,a\n3,4\n").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "time,a\n1,2\n3,4\n");
        let error = append_rows(&file, "time,b\n5,6\n").unwrap_err();
        assert!(error.to_string().contains("something else"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "time,a\n1,2\n3,4\n");
    }
}
