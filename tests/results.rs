//! Published runs stay readable: each folder of results/ loads, its traces say
//! what its samples say, and its report is what the code makes of it today.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use buildrace::model::RunEnd;
use buildrace::ops::{report, site};
use buildrace::report::{PageLinks, View, page};
use buildrace::store::{read_run, read_trace};
use buildrace::trace::Trace;

/// The runs that git tracks: what a race left in this checkout is nobody's
/// publication.
fn published() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args(["ls-files", "results/*/run.json"])
        .current_dir(root)
        .output()
        .expect("git lists the published runs");
    let runs: Vec<PathBuf> = String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .map(|file| root.join(file).parent().unwrap().to_owned())
        .collect();
    assert!(!runs.is_empty(), "no published run");
    runs
}

/// Samples keep whole microseconds, rounded.
fn micros(span: Duration) -> u64 {
    (span.as_secs_f64() * 1e6).round() as u64
}

#[test]
fn a_published_run_came_to_its_end_and_lacks_no_sample() {
    for dir in published() {
        let run = read_run(&dir).unwrap();
        assert_eq!(run.run.end, Some(RunEnd::Completed), "{}", dir.display());
        let explained = report::explain(&run).unwrap();
        let view = View::new(&run.run, &explained);
        assert!(view.is_complete(), "{}", dir.display());
    }
}

/// Vertices of instructions that began, and those of them from the cache: a
/// `COPY --link` is two.
fn vertices(trace: &Trace) -> (u32, u32) {
    let begun = trace.steps().iter();
    let begun = begun.filter(|step| step.has_started() && step.label.is_instruction());
    let cached = begun.clone().filter(|step| step.cached).count();
    let count = |number: usize| u32::try_from(number).unwrap();
    (count(begun.count()), count(cached))
}

#[test]
fn traces_say_what_samples_say() {
    for dir in published() {
        let run = read_run(&dir).unwrap();
        for sample in &run.run.samples {
            let mut trace = Trace::new();
            for status in read_trace(&dir, &sample.slot.id).unwrap() {
                trace.push(&status.unwrap());
            }
            let told = (sample.steps, sample.cached_steps);
            let place = format!("{} of {}", sample.slot.id, dir.display());
            let server = sample.server.map(micros);
            assert_eq!(trace.server_span().map(micros), server, "{place}");
            let counts = (trace.count(), trace.cached_count());
            // Runs before instructions were counted once counted each vertex.
            if told != vertices(&trace) {
                assert_eq!(counts, told, "{place}");
            }
        }
    }
}

/// A page is opened on telephones, and mailed.
#[test]
fn no_page_is_larger_than_a_megabyte() {
    for dir in published() {
        let run = read_run(&dir).unwrap();
        let explained = report::explain(&run).unwrap();
        let view = View::new(&run.run, &explained);
        let size = page(&view, &explained, &PageLinks::default()).len();
        assert!(size < 1_000_000, "{}: {size} bytes", dir.display());
    }
}

/// The files in a folder and those below it, by their names within it.
fn held(folder: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    let files = entries.filter(|entry| entry.file_type().is_file());
    let names = files.map(|entry| {
        let name = entry.path().strip_prefix(folder).unwrap();
        name.to_string_lossy().into_owned()
    });
    names.collect()
}

#[test]
fn reports_are_made_from_results() {
    for dir in published() {
        let run = read_run(&dir).unwrap();
        let explained = report::explain(&run).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("reports")
            .join(&run.run.record.run);
        let view = View::new(&run.run, &explained);
        let links = PageLinks {
            results: Some(format!("../../results/{}", run.run.record.run)),
        };
        let files = report::files(&view, &explained, &links);
        let names: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        for file in held(&folder) {
            assert!(
                names.contains(file.as_str()),
                "{file} of {}",
                folder.display()
            );
        }
        for (name, made) in files {
            let kept = fs::read_to_string(folder.join(&name)).unwrap();
            assert!(
                kept == made,
                "{}/{name} differs from its results: `buildrace report {}` writes it again",
                run.run.record.run,
                run.run.record.run
            );
        }
    }
}

/// reports/ is the site of the published runs.
#[test]
fn the_site_is_made_from_results() {
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports");
    let runs = published();
    let mut made = site::read(&runs);
    assert_eq!(made.unreadable, []);
    site::explain_changes(&mut made, &runs);
    for (name, text) in site::files(&made) {
        let kept = fs::read_to_string(reports.join(&name)).unwrap_or_default();
        assert!(
            kept == text,
            "reports/{name} is not what `make site` writes"
        );
    }
}
