//! `buildrace report`: the report of a stored run, made again; of several runs,
//! what they say side by side.

use std::path::PathBuf;

use anyhow::bail;

use crate::cli::ReportArgs;
use crate::explain::RunExplanation;
use crate::ops::Exit;
use crate::ops::console::terminal_width;
use crate::ops::explain::{newest_run, run_named};
use crate::ops::formats::{self, Shown};
use crate::ops::report::{explain, print_check, summary, write};
use crate::ops::results::Results;
use crate::options::{Output, OutputFormat};
use crate::print::is_coloured;
use crate::report::runs::SideBySide;
use crate::report::{Format, View};
use crate::store;

/// Most runs that stand side by side: each has a letter.
const MAX_RUNS: usize = 26;

/// Shows a stored run and writes its report again, or shows several.
///
/// # Errors
/// There is no such run, or it cannot be read.
pub async fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let results = Results::open(&args.results)?;
    let folder = &args.results.folder;
    let names = args.runs.iter().map(|name| Some(name.as_str()));
    let names: Vec<Option<&str>> = match args.runs.as_slice() {
        [] => vec![None],
        _ => names.collect(),
    };
    let mut dirs = Vec::new();
    for name in names {
        dirs.push(match results.bring(name).await? {
            None => newest_run(folder)?,
            // Reading says what is wrong with one that is not there.
            Some(name) => run_named(&name, folder).unwrap_or_else(|| folder.join(name)),
        });
    }
    let [dir] = dirs.as_slice() else {
        return side_by_side(&dirs, args);
    };
    let stored = store::read_run(dir)?;
    let explained = explain(&stored)?;
    let address = args.output.report_url.as_ref();
    let view = View {
        page: address.and_then(|address| address.of_run(&stored.run.record.run)),
        // As `check` showed it; other commands judge nothing.
        check: store::read_check(dir)?,
        ..View::new(&stored.run, &explained)
    };
    let page = write(&args.reports, &stored, &view, &explained)?;
    summary(&view, &args.output.format)?;
    if let Some(check) = &view.check {
        print_check(check, &args.output.format)?;
    }
    let shown = Shown {
        view: &view,
        explained: Some(&explained),
        results: Some(&stored.dir),
    };
    formats::write(&args.output.format, &shown)?;
    errln!("report: {}", page.display());
    Ok(Exit::Good)
}

/// Shows runs side by side. No report is written: each of them has its own.
fn side_by_side(dirs: &[PathBuf], args: &ReportArgs) -> anyhow::Result<Exit> {
    if dirs.len() > MAX_RUNS {
        bail!(
            "{} runs are too many to stand side by side, at most {MAX_RUNS}: `buildrace site` shows \
             runs over time",
            dirs.len()
        );
    }
    let runs = store::read_runs(dirs, |stored| stored.run);
    let runs = runs.into_iter().collect::<Result<Vec<_>, _>>()?;
    let found = SideBySide::new(&runs.iter().collect::<Vec<_>>())?;
    let text = found.terminal(terminal_width(), is_coloured());
    if formats::use_stdout(&args.output.format) {
        errln!("{}", text.trim_end());
    } else {
        outln!("{}", text.trim_end());
    }
    // A history takes them one after another.
    let is_history = |output: &&Output| output.format == OutputFormat::Ci(Format::Otava);
    let (histories, others): (Vec<&Output>, Vec<&Output>) =
        args.output.format.iter().partition(is_history);
    for run in &runs {
        let shown = Shown {
            view: &View::new(run, &RunExplanation::default()),
            explained: None,
            results: None,
        };
        formats::write(histories.iter().copied(), &shown)?;
    }
    formats::write_side_by_side(others, &found)?;
    Ok(Exit::Good)
}
