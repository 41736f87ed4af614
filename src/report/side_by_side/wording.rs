//! What is said of runs side by side, the same in every format.

use super::super::number;
use super::super::runs::{Mark, RunCell, RunColumn, SideBySide};
use crate::escape;

/// The result in a sentence: how many runs, and whether they are of one kind.
pub(super) fn lead(runs: &SideBySide) -> String {
    let letters: Vec<&str> = runs.runs.iter().map(|run| run.letter.as_str()).collect();
    let marks = runs.marks();
    let first = &letters[0];
    let same = "they differ in nothing that keeps their times from being compared";
    let what = match marks.len() {
        0 => same.to_owned(),
        _ => {
            let marks: Vec<&str> = marks.iter().map(|mark| mark.describe()).collect();
            format!("compared with {first}: {}", marks.join(", "))
        }
    };
    format!("{} runs, {}; {what}.", letters.len(), letters.join(", "))
}

/// A run in a line; safe for a terminal.
pub(super) fn run(run: &RunColumn) -> String {
    format!(
        "{}, {}, {}",
        escape::columns(&run.run, 80),
        run.started.strftime("%F %R UTC"),
        escape::columns(&run.machine.describe(), 120)
    )
}

/// The lines of a cell; safe for a terminal.
pub(super) fn cell(cell: Option<&RunCell>) -> Vec<String> {
    let Some(cell) = cell else {
        return vec!["–".to_owned()];
    };
    let times = &cell.times;
    let mut lines = vec![match times.n {
        1 => number::seconds(times.median),
        n => format!(
            "{} ({}, n={n})",
            number::seconds(times.median),
            number::range(times.min, times.max)
        ),
    }];
    if let Some(ratio) = &cell.over_first {
        let interval = number::interval(ratio);
        let interval = interval.map_or_else(String::new, |interval| format!(" [{interval}]"));
        lines.push(format!("{}{interval}", number::describe_comparison(ratio)));
    }
    if let Some(ratio) = &cell.ratio {
        let described = number::describe_comparison(ratio);
        lines.push(format!("in its run: {described}"));
    }
    lines.extend(cell.marks.iter().map(|mark| mark.describe().to_owned()));
    lines
}

/// How to read the table.
pub(super) fn reading(runs: &SideBySide) -> Vec<String> {
    let first = &runs.runs[0].letter;
    let mut lines = vec![
        format!(
            "Below each median: the run's builds over those of {first}, as the ratio of geometric \
             means with Welch's 95% t-interval. They were built in other rounds, so whatever \
             slowed a whole run down is in the ratio: a model, and no verdict."
        ),
        "In its run: the candidate over the reference of the same run, paired by round.".to_owned(),
    ];
    if runs.marks().contains(&Mark::Platforms) {
        lines.push("Builds for other platforms are not compared.".to_owned());
    }
    if runs.marks().contains(&Mark::Machine) {
        lines.push(
            "Times of other machines compare the machines, too: compare the ratios within the runs."
                .to_owned(),
        );
    }
    lines
}
