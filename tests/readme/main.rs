//! The figures of README.md: each block between two marks is what published
//! runs and the program say today. `make readme` writes the blocks anew, and
//! without that this suite compares them.

mod headline;
mod published;
mod suite;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use buildrace::model::BuildKind;
use buildrace::report;
use published::{Published, published};

/// Set by `make readme`.
const UPDATE: &str = "BUILDRACE_UPDATE_README";
/// Columns of a terminal's output in the page.
const WIDTH: usize = 100;
/// The scenario that the page explains.
const EXAMPLE: &str = "go-hello";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What belongs between the marks of this name.
fn block(name: &str, runs: &[Published]) -> String {
    let example = || published::newest(runs, EXAMPLE);
    match name {
        "headline" => headline::block(published::newest(runs, headline::SCENARIO)),
        "differences" => headline::differences(published::newest(runs, headline::SCENARIO)),
        "suite" => suite::block(runs),
        "ladder" => suite::ladder(runs, "go-ladder"),
        "growth" => suite::growth(runs, "platforms"),
        "chart" => {
            let run = &example().stored.run.record.run;
            format!("![Build times of each variant](reports/{run}/headline.svg)\n")
        }
        "result" => result(example()),
        "explain" => explain(example()),
        "waterfall" => {
            let (run, sample) = (&example().stored.run.record.run, naive_sample(example()));
            format!("![Waterfall of the naive build](reports/{run}/waterfalls/{sample}.svg)\n")
        }
        unknown => panic!("README.md has a block {unknown:?}, which nobody makes"),
    }
}

fn result(example: &Published) -> String {
    let run = &example.stored.run.record.run;
    let command = example.stored.run.record.command.to_string();
    let text = report::terminal(&example.view, WIDTH, false);
    format!(
        "`{command}` (results in [results/{run}](results/{run}), report in \
         [reports/{run}](reports/{run}/summary.md)) ended with\n\n```text\n{text}```\n"
    )
}

/// The multi-arch sample of the reference that is neither fast nor slow.
fn naive_sample(example: &Published) -> &str {
    let typical = example
        .explained
        .typical(EXAMPLE, "naive", BuildKind::MultiArch);
    &typical.expect("a build to explain").sample.slot.id
}

fn explain(example: &Published) -> String {
    let sample = naive_sample(example);
    let run = &example.stored.run.record.run;
    let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .args(["explain", &format!("{run}/{sample}")])
        .env("COLUMNS", WIDTH.to_string())
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
        .current_dir(root())
        .output()
        .expect("buildrace starts");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    format!("`buildrace explain {run}/{sample}` says\n\n```text\n{text}```\n")
}

/// A page with each of its blocks made anew.
fn made(page: &str, make: impl Fn(&str) -> String) -> String {
    const BEGIN: &str = "<!-- made by `make readme`: ";
    const END: &str = "<!-- end -->\n";
    let mut parts = page.split(BEGIN);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->\n").expect("a mark ends with -->");
        let (_, after) = rest.split_once(END).expect("a block ends with its mark");
        out.push_str(&format!(
            "{BEGIN}{name} -->\n\n{}\n{END}{after}",
            make(name)
        ));
    }
    out
}

#[test]
fn the_page_says_what_the_published_runs_say() {
    let runs = published(&root());
    let file = root().join("README.md");
    let page = fs::read_to_string(&file).unwrap();
    let names: Vec<&str> = page
        .split("<!-- made by `make readme`: ")
        .skip(1)
        .filter_map(|part| part.split_once(" -->")?.0.into())
        .collect();
    for name in [
        "headline",
        "differences",
        "suite",
        "ladder",
        "growth",
        "chart",
        "result",
        "explain",
        "waterfall",
    ] {
        assert!(names.contains(&name), "README.md lost its block {name}");
    }
    let made = made(&page, |name| block(name, &runs));
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&file, made).unwrap();
        return;
    }
    for (written, made) in page.lines().zip(made.lines()) {
        assert_eq!(written, made, "`make readme` writes the page again");
    }
    assert!(page == made, "`make readme` writes the page again");
}

#[test]
fn only_what_stands_between_marks_is_replaced() {
    let page = "a\n<!-- made by `make readme`: x -->\nold\n<!-- end -->\nb\n";
    let once = made(page, |name| format!("new {name}\n"));
    assert_eq!(
        once,
        "a\n<!-- made by `make readme`: x -->\n\nnew x\n\n<!-- end -->\nb\n"
    );
    assert_eq!(made(&once, |name| format!("new {name}\n")), once);
}

/// A link in a made block leads somewhere.
#[test]
fn links_of_the_page_lead_somewhere() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let targets = page.split("](").skip(1).filter_map(|part| {
        let target = part.split_once(')')?.0;
        (!target.contains("://")).then_some(target)
    });
    for target in targets {
        let file = target.split_once('#').map_or(target, |(file, _)| file);
        assert!(
            Path::new(&root()).join(file).exists(),
            "README.md links to {target}, which is not there"
        );
    }
}
