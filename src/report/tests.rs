//! Every renderer from the same views.

use insta::assert_snapshot;

use super::awkward::{
    self, article, failing, farm, foreign_only, hostile, interrupted, many, matrix, rounds,
    two_scenarios, view, without_reference,
};
use super::chart::{Theme, headline};
use super::fixture::{self, ARTICLE, Times};
use super::markdown::reader::assert_ours;
use super::{
    CheckOutcome, CheckView, Finding, Level, Rule, View, json, markdown, page, sentence, terminal,
};
use crate::model::{BuildKind, HostInfo, Outcome, SourcesFrom};
use crate::policy::Fatal;

/// The headline on light ground.
fn svg(view: &View) -> String {
    headline(view, Theme::Light)
}

#[test]
fn terminal_of_a_matrix() {
    assert_snapshot!(terminal(&matrix(), 100, false));
}

#[test]
fn markdown_of_a_matrix() {
    assert_snapshot!(markdown(&matrix()));
}

#[test]
fn where_sources_came_from_is_told_and_escaped() {
    let (mut record, samples) = fixture::run(&ARTICLE, 1);
    assert!(
        !markdown(&View::new(
            &fixture::of(&record, &samples),
            &Default::default()
        ))
        .contains("| sources |")
    );
    record.scenarios[0].sources_from = Some(SourcesFrom::Built {
        dockerfile: "Dockerfile".into(),
        made_of: Some("<b>package | 1".into()),
    });
    let text = markdown(&View::new(
        &fixture::of(&record, &samples),
        &Default::default(),
    ));
    let row = text.lines().find(|line| line.starts_with("| sources |"));
    let row = row.unwrap();
    assert!(row.contains("by Dockerfile"), "{row}");
    assert!(!row.contains("<b>") && !row.contains("e | 1"), "{row}");
}

#[test]
fn a_platform_is_native_on_its_node_and_the_nodes_are_listed() {
    let view = farm();
    let text = terminal(&view, 160, false);
    let platforms = text.lines().nth(1).unwrap();
    assert_eq!(
        platforms,
        "linux/amd64 native, linux/arm64 native on farm1, linux/riscv64 under QEMU 10.0.2 on \\x1b[31m<b>"
    );
    let nodes =
        "farm0 (linux/amd64), farm1 (linux/arm64), \\x1b[31m<b> (linux/amd64, given linux/riscv64)";
    assert!(text.contains(&format!("Nodes: {nodes}.")), "{text}");
    let page = markdown(&view);
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| builder |") || line.starts_with("| nodes |"))
        .collect();
    let [builder, nodes] = rows[..] else {
        panic!("{page}");
    };
    assert_eq!(builder, "| builder | farm, remote (private engine) |");
    assert!(
        nodes.contains("farm1 (linux/arm64)") && !nodes.contains("<b>"),
        "{nodes}"
    );
}

/// Twelve scenarios, names of 200 characters, times of nothing and of years, and no time at all.
#[test]
fn awkward_runs_on_a_terminal_and_as_markdown() {
    for name in [
        "twelve scenarios",
        "long names",
        "no time at all",
        "huge times",
        "every build failed",
        "the article",
    ] {
        let view = awkward::named(name);
        let name = name.replace(' ', "_");
        assert_snapshot!(format!("terminal_of_{name}"), terminal(&view, 100, false));
        assert_snapshot!(format!("markdown_of_{name}"), markdown(&view));
    }
}

/// The bars of a kind end at its longest build, and show where the median lies.
#[test]
fn bars_show_the_range_of_each_kind() {
    let text = terminal(&rounds(), 100, false);
    let bars: Vec<&str> = text.lines().filter(|line| line.contains('│')).collect();
    assert_eq!(bars.len(), 3, "two rows and what they show: {text}");
    let naive: Vec<usize> = bars[0]
        .split_whitespace()
        .map(|bar| bar.chars().count())
        .collect();
    let cross: Vec<usize> = bars[1]
        .split_whitespace()
        .map(|bar| bar.chars().count())
        .collect();
    let [_, all, edit, _] = naive[..] else {
        panic!("{text}");
    };
    assert!(all >= 6 * cross[1] && edit > 9 * cross[2], "{text}");
    // Nothing to compare with, nothing to show.
    assert!(!terminal(&view(fixture::run(&ARTICLE[..1], 3)), 100, false).contains('│'));
}

/// What a check made of a run is told where the run is.
#[test]
fn a_check_is_told_before_the_times() {
    let hostile = fixture::hostile();
    let view = View {
        check: Some(CheckView {
            outcome: CheckOutcome::Failed,
            subject: "app/Dockerfile".into(),
            headline: "worktree against main".into(),
            findings: vec![Finding {
                level: Level::Error,
                rule: Rule::Fatal(Fatal::Slower),
                scenario: "app".into(),
                variant: "worktree".into(),
                kind: Some(BuildKind::Cold),
                message: hostile.clone(),
                file: Some("Dockerfile".into()),
                line: Some(6),
            }],
        }),
        ..rounds()
    };
    let text = markdown(&view);
    assert!(
        text.starts_with("# go-hello: the check failed\n\n**worktree against main.**\n"),
        "{text}"
    );
    assert!(
        text.contains("- **error** slower, worktree cold of app: "),
        "{text}"
    );
    let page = page(&view, &Default::default(), &Default::default());
    let (before, after) = page.split_once("<h2>Check: failed</h2>").unwrap();
    assert!(before.contains("class=\"lead\"") && after.contains("id=\"times\""));
    assert!(after.contains("<code>Dockerfile:6</code>"), "{after:.2000}");
    for text in [text, page] {
        assert!(!text.contains(&hostile));
    }
    assert_eq!(json(&view)["check"]["outcome"], "failed");
    assert_eq!(json(&rounds())["check"], serde_json::Value::Null);
}

#[test]
fn terminal_of_one_round() {
    assert_snapshot!(terminal(&article(), 100, false));
}

#[test]
fn terminal_of_three_rounds_in_colour() {
    let text = terminal(&rounds(), 100, true);
    assert_snapshot!(text.replace('\u{1b}', "␛"));
}

#[test]
fn terminal_of_failures() {
    assert_snapshot!(terminal(&failing(), 100, false));
}

#[test]
fn terminal_of_an_interrupted_run() {
    assert_snapshot!(terminal(&interrupted(), 100, false));
}

#[test]
fn terminal_that_is_narrow() {
    assert_snapshot!(terminal(&rounds(), 50, false));
}

#[test]
fn terminal_of_many_variants() {
    assert_snapshot!(terminal(&many(), 120, false));
}

#[test]
fn terminal_of_hostile_text() {
    let text = terminal(&hostile(), 100, true);
    let plain = text
        .replace("\u{1b}[0m", "")
        .replace("\u{1b}[1m", "")
        .replace("\u{1b}[2m", "")
        .replace("\u{1b}[31m", "")
        .replace("\u{1b}[32m", "");
    assert!(!plain.chars().any(|c| c.is_control() && c != '\n'));
    assert_snapshot!(terminal(&hostile(), 100, false));
}

#[test]
fn markdown_of_one_round() {
    assert_snapshot!(markdown(&article()));
}

#[test]
fn markdown_of_failures() {
    assert_snapshot!(markdown(&failing()));
}

#[test]
fn markdown_of_an_interrupted_run() {
    assert_snapshot!(markdown(&interrupted()));
}

#[test]
fn markdown_of_hostile_text() {
    let text = markdown(&hostile());
    assert_ours(&text);
    let headings = text.lines().filter(|line| line.starts_with("# "));
    assert_eq!(headings.count(), 1);
    assert_snapshot!(text);
}

/// The sentence of a run of one round with these times.
fn said(variants: &[(&str, Times)]) -> String {
    sentence(&view(fixture::run(variants, 1)))
}

#[test]
fn the_sentence_says_what_people_repeat() {
    assert_eq!(
        said(&ARTICLE),
        "Adding linux/arm64 costs naive 11.3× but cross about +41%; after an edit cross rebuilds 95× faster than naive in 1 round (0.60 s against 57.1 s); too few for a verdict."
    );
}

#[test]
fn the_sentence_does_not_flatter() {
    // Slower, and dearer.
    assert_eq!(
        said(&[
            ("naive", [5.0, 6.0, 10.0, 0.5]),
            ("cross", [5.0, 20.0, 16.0, 0.5])
        ]),
        "Adding linux/arm64 costs naive about +20% and cross 4.0×; after an edit cross rebuilds 60% slower than naive in 1 round (16.0 s against 10.0 s); too few for a verdict."
    );
    // A race against itself.
    assert_eq!(
        said(&[
            ("naive", [5.0, 10.0, 10.0, 0.5]),
            ("same", [5.1, 10.1, 10.2, 0.5])
        ]),
        "Adding linux/arm64 costs naive 2.0× and same +98%; after an edit same rebuilds with no clear difference from naive in 1 round (10.2 s against 10.0 s); too few for a verdict."
    );
    // Adding a platform costs nothing.
    assert_eq!(
        said(&[
            ("naive", [5.0, 50.0, 10.0, 0.5]),
            ("cross", [8.0, 4.4, 6.0, 0.5])
        ]),
        "Adding linux/arm64 costs naive 10.0× but cross nothing measurable; after an edit cross rebuilds in 40% less time than naive in 1 round (6.00 s against 10.0 s); too few for a verdict."
    );
}

/// Small differences between variants, over rounds that agree on them.
#[test]
fn more_rounds_make_small_differences_clear() {
    let variants = [
        ("naive", [5.0, 50.0, 10.0, 0.5]),
        ("cross", [5.0, 4.8, 8.0, 0.5]),
    ];
    let text = sentence(&view(fixture::run(&variants, 6)));
    assert!(text.contains("but cross nothing (−"), "{text}");
    assert!(text.contains("% less time than naive"), "{text}");
}

#[test]
fn nothing_is_added_where_the_native_platform_is_not_built() {
    let view = foreign_only();
    assert_eq!(
        sentence(&view),
        "From nothing cross builds linux/arm64 7.9× faster than naive in 1 round (7.61 s against 60.0 s); after an edit cross rebuilds 95× faster than naive in 1 round (0.60 s against 57.1 s); too few for a verdict."
    );
    for text in [terminal(&view, 100, false), markdown(&view), svg(&view)] {
        assert!(
            !text.contains("+linux/arm64") && !text.contains("11.3"),
            "{text}"
        );
    }
    let chart = svg(&view);
    assert!(chart.contains(">linux/arm64</") && !chart.contains("linux/amd64 + linux/arm64"));
    let summary = markdown(&view);
    assert!(summary.contains("cold builds for linux/amd64, the other kinds for linux/arm64"));
    let heading = terminal(&view, 100, false);
    assert!(heading.contains("\nlinux/amd64 native, linux/arm64 under QEMU"));
}

#[test]
fn nothing_is_compared_without_the_reference() {
    let view = without_reference();
    assert_eq!(
        sentence(&view),
        "Adding linux/arm64 costs naive 11.3× and cross about +41%; after an edit naive rebuilds in 57.1 s and cross rebuilds in 0.60 s; nothing is compared, since the reference was left out."
    );
    let summary = markdown(&view);
    assert!(summary.contains("The reference was left out, so nothing is compared."));
    for text in [terminal(&view, 100, false), summary, svg(&view)] {
        assert!(
            !text.contains("faster") && !text.contains("compared with"),
            "{text}"
        );
    }
}

#[test]
fn a_machine_of_which_nothing_is_known_has_no_empty_lines() {
    let (mut record, samples) = fixture::run(&ARTICLE, 1);
    record.host = HostInfo::default();
    record.builder.engine_version = None;
    record.builder.buildkit_version = Some(String::new());
    let view = View::new(&fixture::of(&record, &samples), &Default::default());
    let summary = markdown(&view);
    for row in [
        "CPU",
        "kernel",
        "system",
        "cores",
        "memory",
        "BuildKit",
        "Docker Engine",
    ] {
        assert!(!summary.contains(&format!("| {row} |")), "{row}");
    }
    assert!(summary.contains("| machine | unknown |"));
    let chart = svg(&view);
    assert!(!chart.contains("cores") && !chart.contains("BuildKit"));
    assert!(
        chart.contains(">linux/arm64 under QEMU 10.0.2 · n = 1"),
        "{chart}"
    );
}

#[test]
fn the_terminal_breaks_lines_between_words() {
    for width in [60, 100] {
        let text = terminal(&article(), width, false);
        let long = text.lines().find(|line| line.chars().count() > width);
        assert_eq!(long, None);
    }
    // Colours end with their line.
    for line in terminal(&article(), 60, true).lines() {
        let open = line.matches("\u{1b}[").count() - line.matches("\u{1b}[0m").count();
        assert_eq!(open, line.matches("\u{1b}[0m").count(), "{line:?}");
    }
}

#[test]
fn one_round_is_said_to_have_no_interval() {
    assert!(terminal(&article(), 200, false).contains("1 round: no interval"));
    assert!(markdown(&article()).contains("1 round: no interval"));
    assert!(svg(&article()).contains("no interval"));
    assert!(!terminal(&rounds(), 200, false).contains("1 round"));
}

#[test]
fn the_sentence_of_more_and_fewer_variants() {
    assert_eq!(
        sentence(&many()),
        "Adding linux/arm64 costs naive 12.5× but cross-compiled-with-cache-mounts +87%, copy 2.5×, xx-toolchain +9% and slow 7.9×; after an edit cross-compiled-with-cache-mounts rebuilds 108× faster than naive (5.43 s against 586 s), copy 5.1× faster (114 s), xx-toolchain 9.2× faster (64.0 s) and slow 40% slower (822 s)."
    );
    assert_eq!(
        said(&ARTICLE[..1]),
        "Adding linux/arm64 costs naive 11.3×; after an edit naive rebuilds in 57.1 s."
    );
}

#[test]
fn the_sentence_says_what_is_missing() {
    assert_eq!(
        sentence(&failing()),
        "Adding linux/arm64 costs naive 11.5× but cross +40%; after an edit naive timed out and cross rebuilds in 0.63 s; naive failed in 1 of 3 multi-arch builds."
    );
    assert_eq!(
        sentence(&interrupted()),
        "Adding linux/arm64 costs naive 11.3×, while cross was interrupted in multi-arch; after an edit naive rebuilds in 57.1 s and cross was not measured."
    );
    let (record, _) = fixture::run(&ARTICLE, 1);
    assert_eq!(
        sentence(&View::new(&fixture::of(&record, &[]), &Default::default())),
        "What linux/arm64 costs is unknown: naive was not measured in multi-arch and cross was not measured in multi-arch; after an edit naive was not measured and cross was not measured."
    );
}

#[test]
fn the_sentence_leaves_open_what_the_interval_does() {
    let (record, mut samples) = fixture::run(&ARTICLE, 3);
    for sample in &mut samples {
        if sample.slot.kind == BuildKind::Incremental {
            let seconds = match (sample.slot.variant.as_str(), sample.slot.round) {
                ("naive", _) => 10.0,
                (_, 1) => 5.0,
                (_, round) => 8.0 + f64::from(round),
            };
            sample.wall = std::time::Duration::from_secs_f64(seconds);
        }
    }
    let text = sentence(&View::new(
        &fixture::of(&record, &samples),
        &Default::default(),
    ));
    assert!(
        text.ends_with(
            "cross rebuilds with no clear difference from naive: faster in 1, slower in 1 of 3 \
             rounds (10.0 s against 10.0 s); too few for a verdict."
        ),
        "{text}"
    );
}

/// Times of incremental builds in each round.
fn incrementals(naive: &[f64], cross: &[f64]) -> View {
    let (record, mut samples) = fixture::run(&ARTICLE, naive.len() as u32);
    for sample in &mut samples {
        if sample.slot.kind == BuildKind::Incremental {
            let times = match sample.slot.variant.as_str() {
                "naive" => naive,
                _ => cross,
            };
            let seconds = times[sample.slot.round as usize - 1];
            sample.wall = std::time::Duration::from_secs_f64(seconds);
        }
    }
    View::new(&fixture::of(&record, &samples), &Default::default())
}

#[test]
fn few_rounds_say_how_many_of_them_agree() {
    for (naive, cross, words) in [
        // The interval of two rounds is wide, whatever they say.
        (
            [10.0, 13.0].as_slice(),
            [0.8, 1.0].as_slice(),
            "cross rebuilds 12.7× faster than naive in both of 2 rounds (0.90 s against 11.5 s); \
             too few for a verdict.",
        ),
        (
            &[10.0, 10.0, 10.0],
            &[10.1, 9.9, 10.2],
            "cross rebuilds about as fast as naive in all 3 rounds (10.1 s against 10.0 s); too \
             few for a verdict.",
        ),
        (
            &[10.0, 10.0],
            &[8.9, 9.4],
            "cross rebuilds with no clear difference from naive: faster in 2, slower in 0 of 2 \
             rounds (9.15 s against 10.0 s); too few for a verdict.",
        ),
    ] {
        let text = sentence(&incrementals(naive, cross));
        assert!(text.ends_with(words), "{text}");
    }
}

/// Whoever divides the medians finds another sign than that of the pairs.
#[test]
fn a_ratio_that_the_medians_contradict_is_not_shown() {
    let view = incrementals(&[10.0, 8.0, 9.0], &[9.1, 7.5, 9.2]);
    let cell = &view.scenarios[0].variants[1].cells[&BuildKind::Incremental];
    assert!(cell.ratio.unwrap().estimate < 1.0 && cell.contradicted);
    assert_eq!(cell.describe().unwrap(), "≈");
    assert!(!view.scenarios[0].variants[1].cells[&BuildKind::Cold].contradicted);
    for text in [terminal(&view, 100, false), markdown(&view)] {
        let legend = text.replace('\n', " ");
        assert!(legend.contains("≈: the ratio of the medians points the other way"));
        assert!(text.matches('≈').count() > 1, "{text}");
    }
    assert!(sentence(&view).contains("no clear difference"));
}

#[test]
fn a_build_that_is_slow_in_one_of_ten_rounds_is_seen() {
    let naive = [10.0; 10];
    let mut cross = [10.0; 10];
    cross[6] = 31.0;
    let view = incrementals(&naive, &cross);
    for text in [terminal(&view, 300, false), markdown(&view)] {
        let worst = "incremental 1.0…3.1× (worst: round 7, 3.1× slower)";
        assert!(text.contains(worst), "{text}");
    }
}

#[test]
fn how_many_comparisons_would_err_by_chance_is_said() {
    let text = terminal(&many(), 400, false);
    let words = "16 comparisons; if nothing differed, about 1 would exclude 1 by chance";
    assert!(text.contains(words), "{text}");
}

#[test]
fn who_stops_a_run_has_no_failures() {
    let view = interrupted();
    assert!(view.failures.is_empty());
    for text in [terminal(&view, 100, false), markdown(&view), svg(&view)] {
        assert!(text.contains("interrupted"), "{text}");
        assert!(
            !text.contains("failed") && !text.contains("did not build"),
            "{text}"
        );
    }
    assert!(terminal(&view, 100, false).contains("The run was interrupted: 5 of 8 samples."));
}

#[test]
fn builds_of_others_are_one_line_with_a_sum() {
    let (record, mut samples) = fixture::run(&ARTICLE, 3);
    for sample in &mut samples[3..8] {
        sample.disturbances = vec!["build x, not of this run, used the builder too".into()];
    }
    let view = View::new(&fixture::of(&record, &samples), &Default::default());
    for text in [terminal(&view, 100, false), markdown(&view)] {
        let sum = "Other builds ran during 5 of 24 samples.";
        assert_eq!(text.matches(sum).count(), 1, "{text}");
        assert!(!text.contains("build x"), "{text}");
    }
}

#[test]
fn a_variant_that_does_not_build_is_in_the_headline() {
    let (record, mut samples) = fixture::run(&ARTICLE, 2);
    for sample in &mut samples {
        if sample.slot.variant == "cross" && sample.slot.kind == BuildKind::Noop {
            fixture::fail(sample, Outcome::Failed);
        }
    }
    let text = sentence(&View::new(
        &fixture::of(&record, &samples),
        &Default::default(),
    ));
    assert!(text.ends_with("; cross did not build in noop."), "{text}");
}

#[test]
fn warnings_that_differ_in_numbers_alone_are_one() {
    let warnings = [15, 9, 27].map(|n| format!("{n} cache records were left"));
    let view = View {
        warnings: warnings.to_vec(),
        ..article()
    };
    let text = terminal(&view, 400, false);
    let words = "Warning: 15 cache records were left (3 such warnings).";
    assert!(text.contains(words), "{text}");
    assert_eq!(text.matches("Warning").count(), 1, "{text}");
}

#[test]
fn a_name_that_begins_the_sentence_stays_as_it_is() {
    let variants = [("before", ARTICLE[0].1), ("after", ARTICLE[1].1)];
    let (mut record, mut samples) = fixture::run(&variants, 2);
    record.scenarios[0].kinds = vec![BuildKind::Noop];
    samples.retain(|sample| sample.slot.kind == BuildKind::Noop);
    let text = sentence(&View::new(
        &fixture::of(&record, &samples),
        &Default::default(),
    ));
    assert!(text.starts_with("after does an unchanged build"), "{text}");
}

#[test]
fn the_sentence_of_two_scenarios() {
    assert_eq!(
        sentence(&two_scenarios()),
        "go-hello: adding linux/arm64 costs naive 11.3× but cross about +41%; after an edit cross rebuilds 95× faster than naive in 1 round (0.60 s against 57.1 s); too few for a verdict.\nrust-hello-with-a-long-name: naive builds one platform in 5.31 s and cross lost its builder in cold."
    );
}

#[test]
fn markdown_of_two_scenarios() {
    assert_snapshot!(markdown(&two_scenarios()));
}

#[test]
fn what_the_run_warned_of_is_told() {
    let warnings: Vec<String> = "abcdefgh"
        .chars()
        .map(|n| format!("image of {n} could not be checked: \u{1b}[31m"))
        .collect();
    let view = View {
        warnings: warnings.to_vec(),
        ..article()
    };
    for text in [markdown(&view), terminal(&view, 400, false)] {
        assert!(text.contains("Warning: image of f could"), "{text}");
        assert!(!text.contains("image of g"), "{text}");
        assert!(text.contains("And 2 more warnings."), "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
