//! The report of a run: what is printed of it, and its files. Made when a run
//! ends, and again from its stored results.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::console::terminal_width;
use super::explain::explained;
use super::files::write_whole;
use super::formats::{self, Shown};
use super::race::Raced;
use crate::explain::{Lines, RunExplanation};
use crate::options::{Output, RaceOptions};
use crate::print::is_coloured;
use crate::report::{self, CheckView, PageLinks, View};
use crate::store::StoredRun;

/// The page of a report.
pub const PAGE: &str = "index.html";

/// Explains a run for its report. Lines of Dockerfiles are left out: a
/// report says what its results say, whatever the project holds today.
pub fn explain(run: &StoredRun) -> anyhow::Result<RunExplanation> {
    explained(run, None, |_, _| Lines::default())
}

/// The files of a run's report: their names within it, and what they hold.
pub fn files(view: &View, explained: &RunExplanation, links: &PageLinks) -> Vec<(String, String)> {
    let mut files = vec![
        (PAGE.to_owned(), report::page(view, explained, links)),
        ("summary.md".to_owned(), report::markdown(view)),
    ];
    files.extend(report::figures(view, explained));
    files
}

/// What a run's page may link to: its results, where they lie beside the
/// reports and may be moved or published together with them.
fn links(reports: &Path, results: &Path) -> PageLinks {
    let absolute = |path: &Path| std::path::absolute(path).ok();
    let beside = || {
        let (reports, results) = (absolute(reports)?, absolute(results)?);
        let folder = results.parent()?;
        let is_beside = folder.parent()? == reports.parent()?;
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        is_beside.then_some(format!("../../{}/{}", name(folder)?, name(&results)?))
    };
    let plain = |path: &String| {
        path.chars()
            .all(|c| c.is_ascii_alphanumeric() || "/-_.@".contains(c))
    };
    PageLinks {
        results: beside().filter(plain),
    }
}

/// Prints a run's summary.
///
/// It goes to stderr where stdout is for another program.
pub fn summary(view: &View, formats: &[Output]) -> anyhow::Result<()> {
    let summary = report::terminal(view, terminal_width(), is_coloured());
    if formats::use_stdout(formats) {
        errln!("{summary}");
    } else {
        outln!("{summary}");
    }
    Ok(())
}

/// Shows what came of a check, and writes the formats that were asked for; where
/// nothing had to be raced, they have the check alone.
pub fn show_check(
    check: &CheckView,
    raced: Option<&Raced>,
    args: &RaceOptions,
) -> anyhow::Result<()> {
    print_check(check, &args.formats)?;
    let nothing = || View {
        started: jiff::Timestamp::now(),
        buildrace: env!("VERSION_WITH_COMMIT").to_owned(),
        ..View::default()
    };
    let view = View {
        check: Some(check.clone()),
        ..raced.map_or_else(nothing, |raced| raced.view.clone())
    };
    let shown = Shown {
        view: &view,
        explained: raced.map(|raced| &raced.explained),
        results: raced.map(|raced| raced.stored.dir.as_path()),
    };
    formats::write(&args.formats, &shown)
}

/// Prints what came of a check; to stderr where stdout is for another program.
pub fn print_check(check: &CheckView, formats: &[Output]) -> anyhow::Result<()> {
    let text = report::check_on_terminal(check, terminal_width(), is_coloured());
    if formats::use_stdout(formats) {
        errln!("{}", text.trim_end());
    } else {
        outln!("{}", text.trim_end());
    }
    Ok(())
}

/// Writes the formats of a race that were asked for.
pub fn write_formats(raced: &Raced, args: &RaceOptions) -> anyhow::Result<()> {
    let shown = Shown {
        view: &raced.view,
        explained: Some(&raced.explained),
        results: Some(&raced.stored.dir),
    };
    formats::write(&args.formats, &shown)
}

/// Writes a run's report below `reports`, and returns its page. Each file is
/// there whole or not at all.
pub fn write(
    reports: &Path,
    stored: &StoredRun,
    view: &View,
    explained: &RunExplanation,
) -> anyhow::Result<PathBuf> {
    write_files(reports, stored, view, explained).with_context(|| {
        format!(
            "no report is written; the results are safe in {}, and `buildrace report {}` tries again",
            stored.dir.display(),
            view.run
        )
    })
}

fn write_files(
    reports: &Path,
    stored: &StoredRun,
    view: &View,
    explained: &RunExplanation,
) -> anyhow::Result<PathBuf> {
    let folder = reports.join(&view.run);
    let links = links(reports, &stored.dir);
    for (name, text) in files(view, explained, &links) {
        let file = folder.join(name);
        let parent = file.parent().unwrap_or(&folder);
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the report's folder {}", parent.display()))?;
        write_whole(&file, &text)?;
    }
    Ok(folder.join(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_beside_the_reports_are_linked_to() {
        for (reports, results, expected) in [
            ("reports", "results/r1", Some("../../results/r1")),
            ("/a/pages", "/a/data/r1", Some("../../data/r1")),
            ("/a/b/pages", "/a/data/r1", None),
            ("/a/pages", "/a/my data/r1", None),
        ] {
            let found = links(Path::new(reports), Path::new(results));
            assert_eq!(found.results.as_deref(), expected, "{reports}, {results}");
        }
    }
}
