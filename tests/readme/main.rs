//! The figures of README.md and of pages of docs/: each block between two marks is
//! what published runs and the program say today. `make readme` writes the blocks
//! anew, and without that this suite compares them.

mod headline;
mod published;
mod suite;
mod transfers;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use buildrace::model::BuildKind;
use buildrace::report;
use published::{Published, Runs, published};

/// Set by `make readme`.
const UPDATE: &str = "BUILDRACE_UPDATE_README";
/// Columns of a terminal's output in the page.
const WIDTH: usize = 100;
/// The scenario that the page explains.
const EXAMPLE: &str = "go-hello";

/// The pages, and the blocks that each must have.
const PAGES: [(&str, &[&str]); 4] = [
    ("README.md", &["headline-chart", "headline"]),
    (
        "docs/results.md",
        &[
            "headline",
            "differences",
            "suite",
            "ladder",
            "growth",
            "growth-chart",
            "chart",
            "result",
            "explain",
            "waterfall",
        ],
    ),
    (
        "docs/choose.md",
        &[
            "choose",
            "choose-packages",
            "choose-month",
            "choose-workflow",
        ],
    ),
    (
        "docs/ci-caches.md",
        &[
            "jobs-go-ladder",
            "jobs-rust",
            "exports-go-ladder",
            "exports-java",
            "exports-rust",
        ],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What belongs between the marks of this name.
fn block(name: &str, all: &Runs) -> String {
    let (runs, transferring) = (all.plain.as_slice(), all.transferring.as_slice());
    let example = || published::newest(runs, EXAMPLE);
    match name {
        "headline" => headline::block(published::newest(runs, headline::SCENARIO)),
        "differences" => headline::differences(published::newest(runs, headline::SCENARIO)),
        "suite" => suite::block(runs),
        "ladder" => suite::ladder(runs, "go-ladder"),
        "growth" => suite::growth(runs, "platforms"),
        "growth-chart" => picture("Cost of platforms", "scenarios/platforms-growth"),
        "headline-chart" => {
            let run = published::newest(runs, headline::SCENARIO);
            picture(
                "Build times",
                &format!("{}/headline", run.stored.run.record.run),
            )
        }
        "chart" => {
            let run = &example().stored.run.record.run;
            picture("Build times of each variant", &format!("{run}/headline"))
        }
        "result" => result(example()),
        "explain" => explain(example()),
        "waterfall" => {
            let (run, sample) = (&example().stored.run.record.run, naive_sample(example()));
            format!("![Waterfall of the naive build](reports/{run}/waterfalls/{sample}.svg)\n")
        }
        "choose" => choose(example(), &[]),
        "choose-packages" => choose(published::newest(runs, "packages"), &[]),
        "choose-month" => {
            let month = ["--builds-per-day", "20", "--edit-mix"];
            choose(
                example(),
                &[&month[..], &["source=0.95,cold=0.05"]].concat(),
            )
        }
        "choose-workflow" => {
            let workflow = ["--workflow", "github", "--strategy", "naive+native/lost"];
            choose(example(), &workflow)
        }
        "jobs-go-ladder" => transfers::jobs(transferring, "go-ladder"),
        "jobs-rust" => transfers::jobs(transferring, "rust"),
        "exports-go-ladder" => transfers::exports(transferring, "go-ladder"),
        "exports-java" => transfers::exports(transferring, "java"),
        "exports-rust" => transfers::exports(transferring, "rust"),
        unknown => panic!("there is a block {unknown:?}, which nobody makes"),
    }
}

/// A chart of reports/, dark where the reader's screen is.
fn picture(what: &str, chart: &str) -> String {
    format!(
        "<picture>\n<source media=\"(prefers-color-scheme: dark)\" \
         srcset=\"reports/{chart}-dark.svg\">\n<img alt=\"{what}\" \
         src=\"reports/{chart}.svg\">\n</picture>\n"
    )
}

/// A block whose links lead from the folder of a page.
fn seen_from(page: &str, block: &str) -> String {
    if !page.starts_with("docs/") {
        return block.to_owned();
    }
    let mut block = block.to_owned();
    for folder in ["reports/", "results/"] {
        for begin in ["](", "=\""] {
            block = block.replace(&format!("{begin}{folder}"), &format!("{begin}../{folder}"));
        }
    }
    block
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

/// What `buildrace choose` prints of a run.
fn choose(example: &Published, options: &[&str]) -> String {
    let run = &example.stored.run.record.run;
    let output = Command::new(env!("CARGO_BIN_EXE_buildrace"))
        .args(["choose", run])
        .args(options)
        .env("COLUMNS", WIDTH.to_string())
        .current_dir(root())
        .output()
        .expect("buildrace starts");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = ["buildrace", "choose", run]
        .into_iter()
        .chain(options.iter().copied())
        .collect();
    format!("```console\n$ {}\n{text}```\n", words.join(" "))
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
fn the_pages_say_what_the_published_runs_say() {
    let runs = published(&root());
    for (page, wanted) in PAGES {
        let file = root().join(page);
        let written = fs::read_to_string(&file).unwrap();
        let names: Vec<&str> = written
            .split("<!-- made by `make readme`: ")
            .skip(1)
            .filter_map(|part| part.split_once(" -->")?.0.into())
            .collect();
        assert_eq!(names, wanted, "{page} has other blocks");
        let made = made(&written, |name| seen_from(page, &block(name, &runs)));
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&file, made).unwrap();
            continue;
        }
        for (written, made) in written.lines().zip(made.lines()) {
            assert_eq!(written, made, "`make readme` writes {page} again");
        }
        assert!(written == made, "`make readme` writes {page} again");
    }
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

/// A link leads to a file that is there, in the pages and in what they lead to.
#[test]
fn links_of_the_pages_lead_somewhere() {
    let docs = fs::read_dir(root().join("docs")).unwrap().flatten();
    let docs = docs.map(|entry| entry.path());
    let pages = docs.filter(|path| path.extension().is_some_and(|e| e == "md"));
    for page in pages.chain([root().join("README.md"), root().join("CONTRIBUTING.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|part| part.split_once(')'));
        let pictures = text.split("src=\"").skip(1);
        let pictures = pictures.chain(text.split("srcset=\"").skip(1));
        let pictures = pictures.filter_map(|part| part.split_once('"'));
        for (target, _) in links.chain(pictures) {
            let file = target.split_once('#').map_or(target, |(file, _)| file);
            if target.contains("://") || target.contains(' ') || file.is_empty() {
                continue;
            }
            assert!(
                page.parent().unwrap().join(file).exists(),
                "{} links to {target}, which is not there",
                page.display()
            );
        }
    }
}
