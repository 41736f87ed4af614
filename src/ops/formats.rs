//! Writing the formats that other programs read: `--format NAME[=FILE]`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::files::write_whole;
use super::otava_history;
use crate::escape;
use crate::options::Output;
use crate::print::masked;
use crate::report::{CheckView, Format, View};

/// Where GitHub wants a step's summary.
const SUMMARY_VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// Whether any of them goes to stdout, so that what is for people must not.
pub fn use_stdout(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| place(output).is_none())
}

/// Writes each of them.
///
/// # Errors
/// A file cannot be written, or holds something else.
pub fn write(outputs: &[Output], view: &View, check: Option<&CheckView>) -> anyhow::Result<()> {
    for output in outputs {
        if let Some(why) = output.format.leaves_out(view) {
            errln!("{}: {}", output.format, escape::terminal(&why, 1000));
            continue;
        }
        let text = output.format.render(view, check);
        let Some(file) = place(output) else {
            outln!("{}", text.trim_end_matches('\n'));
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
            Format::Otava => otava_history::add(&file, &text),
            _ => write_whole(&file, &text),
        }?;
        errln!("{}: {}", output.format, file.display());
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
