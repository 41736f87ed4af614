//! Writing a result in other formats: `--format NAME[=FILE]`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::files::{write_bytes, write_whole};
use super::{otava_history, picture};
use crate::escape;
use crate::explain::RunExplanation;
use crate::options::{Output, OutputFormat};
use crate::print::masked;
use crate::report::chart::{self, Theme};
use crate::report::runs::SideBySide;
use crate::report::{self, Document, Format, PageLinks, View};
use crate::store::SAMPLES_FILE;

/// Where GitHub wants a step's summary.
const SUMMARY_VARIABLE: &str = "GITHUB_STEP_SUMMARY";

/// Whether any of them goes to stdout, so that what is for people must not.
pub fn use_stdout(outputs: &[Output]) -> bool {
    outputs.iter().any(|output| place(output).is_none())
}

/// What is written.
pub struct Shown<'a> {
    /// The run.
    pub view: &'a View,
    /// Why its builds took so long; without it nothing was built.
    pub explained: Option<&'a RunExplanation>,
    /// Folder of its results.
    pub results: Option<&'a Path>,
}

/// Writes each of them.
///
/// # Errors
/// A file cannot be written, or holds something else.
pub fn write<'o>(
    outputs: impl IntoIterator<Item = &'o Output>,
    shown: &Shown<'_>,
) -> anyhow::Result<()> {
    for output in outputs {
        match output.format {
            OutputFormat::Document(document) => match of_run(document, shown)? {
                Some(content) => put(output, &content)?,
                None => errln!("{document}: nothing was built, nothing written"),
            },
            OutputFormat::Ci(format) => write_ci(output, format, shown)?,
        }
    }
    Ok(())
}

/// Writes several runs side by side.
///
/// # Errors
/// A file cannot be written; a format is of one run.
pub fn write_side_by_side<'o>(
    outputs: impl IntoIterator<Item = &'o Output>,
    runs: &SideBySide,
) -> anyhow::Result<()> {
    for output in outputs {
        let OutputFormat::Document(document) = output.format else {
            bail!(
                "{} is a format of one run: name one run, or use {}",
                output.format,
                Document::ALL.map(Document::name).join(", ")
            );
        };
        let chart = || {
            chart::side_by_side(runs, Theme::Light)
                .context("no two times can be compared, so there is no chart")
        };
        let content = match document {
            Document::Html => Content::Text(runs.html()),
            Document::Markdown => Content::Text(runs.markdown()),
            Document::Svg => Content::Text(chart()?),
            Document::Png => Content::Bytes(picture::png(&chart()?, picture::WIDTH)?),
            Document::Csv => Content::Text(runs.csv()),
            Document::Json => Content::Text(json_text(&runs.json())),
        };
        put(output, &content)?;
    }
    Ok(())
}

/// What a file holds.
enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

/// A run in a form; `None` where there is none.
fn of_run(document: Document, shown: &Shown<'_>) -> anyhow::Result<Option<Content>> {
    let Some(explained) = shown.explained else {
        return Ok(None);
    };
    let view = shown.view;
    Ok(Some(match document {
        Document::Html => Content::Text(report::page(view, explained, &PageLinks::default())),
        Document::Markdown => Content::Text(report::markdown(view)),
        Document::Svg => Content::Text(chart::headline(view, Theme::Light)),
        Document::Png => {
            let svg = chart::headline(view, Theme::Light);
            Content::Bytes(picture::png(&svg, picture::WIDTH)?)
        }
        Document::Csv => {
            let Some(results) = shown.results else {
                return Ok(None);
            };
            let file = results.join(SAMPLES_FILE);
            let text = fs::read_to_string(&file);
            Content::Text(text.with_context(|| format!("cannot read {}", file.display()))?)
        }
        Document::Json => Content::Text(json_text(&report::json(view))),
    }))
}

fn json_text(value: &serde_json::Value) -> String {
    format!("{}\n", escape::json(&format!("{value:#}")))
}

/// Writes it to its file, or to stdout.
fn put(output: &Output, content: &Content) -> anyhow::Result<()> {
    let Some(file) = &output.file else {
        if let Content::Text(text) = content {
            outln!("{}", text.trim_end_matches('\n'));
        }
        return Ok(());
    };
    make_folder_of(file)?;
    match content {
        Content::Text(text) => write_whole(file, text)?,
        Content::Bytes(bytes) => write_bytes(file, bytes)?,
    }
    errln!("{}: {}", output.format, file.display());
    Ok(())
}

fn write_ci(output: &Output, format: Format, shown: &Shown<'_>) -> anyhow::Result<()> {
    if let Some(why) = format.leaves_out(shown.view) {
        errln!("{format}: {}", escape::terminal(&why, 1000));
        return Ok(());
    }
    let text = format.render(shown.view);
    let Some(file) = place(output) else {
        outln!("{}", text.trim_end_matches('\n'));
        return Ok(());
    };
    make_folder_of(&file)?;
    match format {
        Format::GithubSummary if output.file.is_none() => append(&file, &text),
        Format::Otava => otava_history::add(&file, &text),
        _ => write_whole(&file, &text),
    }?;
    errln!("{format}: {}", file.display());
    Ok(())
}

fn make_folder_of(file: &Path) -> anyhow::Result<()> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) => fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display())),
        None => Ok(()),
    }
}

/// The file that it goes to; `None` is stdout.
fn place(output: &Output) -> Option<PathBuf> {
    let usual = match output.format {
        OutputFormat::Ci(Format::GithubSummary) => {
            std::env::var_os(SUMMARY_VARIABLE).filter(|file| !file.is_empty())
        }
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
