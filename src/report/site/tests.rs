//! Sites of made-up runs, with names from outside that try everything.

use insta::assert_snapshot;

use super::{RunLine, Site, feed, index, scenario};
use crate::model::Run;
use crate::report::View;
use crate::report::awkward;
use crate::report::fixture::{self, ARTICLE};
use crate::report::page::{FRAME, outline};
use crate::report::runs::{MachineClass, Measured, history};

fn site(runs: &[Run]) -> Site {
    let mut lines: Vec<RunLine> = runs
        .iter()
        .map(|run| {
            let view = View::new(run, &Default::default());
            RunLine::new(&view, MachineClass::of(&run.record))
        })
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.started));
    Site {
        runs: lines,
        series: history(runs.iter().map(Measured::of)),
        unreadable: vec![("broken".into(), "broken/run.json:1: expected value".into())],
    }
}

/// A run a day; from the seventh on cross takes 1.4 times as long.
fn runs() -> Vec<Run> {
    let start: jiff::Timestamp = "2026-01-01T08:00:00Z".parse().unwrap();
    let runs = (0..12u32).map(|day| {
        let (mut record, mut samples) = fixture::run(&ARTICLE, 2);
        record.run = format!("run-{day:02}");
        record.started = start + std::time::Duration::from_secs(u64::from(day) * 86_400);
        record.commit = Some(format!("{day:02x}").repeat(20));
        let slower = if day < 6 { 1.0 } else { 1.4 } * (1.0 + 0.004 * f64::from(day % 5));
        for sample in samples.iter_mut().filter(|s| s.slot.variant == "cross") {
            sample.wall = sample.wall.mul_f64(slower);
        }
        fixture::of(&record, &samples)
    });
    runs.collect()
}

#[test]
fn an_index_has_changes_scenarios_and_runs() {
    assert_snapshot!(outline(&index(&site(&runs()))));
}

#[test]
fn a_scenario_has_its_times_over_its_runs() {
    let site = site(&runs());
    assert_snapshot!(outline(&scenario(&site, "go-hello")));
}

/// Twelve scenarios, names of 200 characters, times of nothing and of years, builds that failed,
/// and one program for two platforms and for four.
#[test]
fn awkward_runs_have_an_index_and_pages() {
    let all = awkward::runs().into_iter().zip(0u32..);
    let all: Vec<Run> = all
        .filter(|((name, _), _)| *name != "fifteen scenarios")
        .map(|((_, mut run), day)| {
            run.record.run = format!("run-{day:02}");
            run.record.started += std::time::Duration::from_secs(u64::from(day) * 86_400);
            run
        })
        .collect();
    let site = site(&all);
    assert_snapshot!(outline(&index(&site)));
    assert_snapshot!(outline(&scenario(&site, "go-hello")));
    let page = scenario(&site, "go-hello");
    assert_eq!(page.matches("<h2>Cost of platforms</h2>").count(), 1);
    for name in site.scenarios() {
        let page = scenario(&site, name).replace(FRAME.script, "");
        assert!(!page.contains("NaN"), "{name}");
    }
}

#[test]
fn a_feed_is_xml_and_has_an_entry_a_change() {
    let text = feed(&site(&runs()));
    let document = roxmltree::Document::parse(&text).unwrap();
    let entries = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2005/Atom", "entry")));
    let titles: Vec<&str> = entries
        .filter_map(|entry| {
            entry
                .children()
                .find(|n| n.tag_name().name() == "title")?
                .text()
        })
        .collect();
    assert_eq!(titles.len(), 4, "{titles:?}");
    assert!(titles[0].contains("+40% from run-06 on"), "{titles:?}");
}

#[test]
fn names_from_outside_stay_text_and_make_no_path() {
    let (record, samples) = fixture::hostile_run();
    let site = site(&[fixture::of(&record, &samples)]);
    let name = record.scenarios[0].name.clone();
    assert_eq!(site.scenario_file(&name), "scenarios/-0.html");
    for page in [index(&site), scenario(&site, &name)] {
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    }
    roxmltree::Document::parse(&feed(&site)).unwrap();
}
