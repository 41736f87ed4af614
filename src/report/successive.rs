//! What each variant changes against the one before it, where there are more
//! than two: a ladder of variants shows what each rung buys. Of a matrix, the
//! pairs that the table does not compare.

use std::fmt::Write;

use super::number;
use super::view::{ScenarioView, Successive};
use crate::escape::{self, markdown as text};
use crate::stats::{Ratio, Verdict};

/// Columns that a variant's name may take.
const MAX_NAME: usize = 24;

/// `from download to cache: cold −3%, incremental 19× faster`, a line each.
pub(super) fn lines(scenario: &ScenarioView) -> impl Iterator<Item = String> {
    scenario.between.iter().map(|between| {
        let Successive {
            from,
            to,
            ratios,
            verdicts,
        } = between;
        let name = |name: &str| escape::columns(name, MAX_NAME);
        let described = ratios.iter().map(|(kind, ratio)| {
            let reserve = number::reserve(ratio).map(|text| format!(" {text}"));
            let described = number::describe_comparison(ratio);
            // Faster and slower are in the ratio's own words.
            let open = [Verdict::Same, Verdict::Inconclusive];
            let verdict = verdicts.get(kind).filter(|said| open.contains(said));
            let verdict = verdict.map(|said| format!(" ({})", said.as_str()));
            let beside = reserve.or(verdict).unwrap_or_default();
            format!("{kind} {described}{beside}")
        });
        let described: Vec<String> = described.collect();
        let described = if described.is_empty() {
            "no round has both".to_owned()
        } else {
            described.join(", ")
        };
        format!("from {} to {}: {described}", name(from), name(to))
    })
}

/// The same as a table of GitHub's Markdown, with intervals; nothing where
/// there is nothing to show.
pub(super) fn table(out: &mut String, scenario: &ScenarioView) {
    if scenario.between.is_empty() {
        return;
    }
    let kinds: Vec<String> = scenario.kinds.iter().map(ToString::to_string).collect();
    let _ = writeln!(out, "| from → to | {} |", kinds.join(" | "));
    let _ = writeln!(out, "|:--|{}", "--:|".repeat(kinds.len()));
    for Successive {
        from,
        to,
        ratios,
        verdicts,
    } in &scenario.between
    {
        let cells: Vec<String> = scenario
            .kinds
            .iter()
            .map(|kind| {
                let ratio = ratios.get(kind).map(cell);
                let verdict = verdicts
                    .get(kind)
                    .map(|said| format!("<br>{}", said.as_str()));
                ratio.map_or_else(
                    || "–".to_owned(),
                    |ratio| ratio + &verdict.unwrap_or_default(),
                )
            })
            .collect();
        let _ = writeln!(
            out,
            "| {} → {} | {} |",
            text(from),
            text(to),
            cells.join(" | ")
        );
    }
    out.push('\n');
}

fn cell(ratio: &Ratio) -> String {
    let described = number::describe_comparison(ratio);
    let interval = number::interval(ratio).map(|text| format!("[{text}]"));
    let beside = interval.or_else(|| number::reserve(ratio).map(str::to_owned));
    match beside {
        Some(beside) => format!("{described} {beside}"),
        None => described,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{View, fixture};

    #[test]
    fn each_rung_of_a_ladder_is_compared_with_the_one_before() {
        let variants = [
            ("naive", [10.0, 100.0, 100.0, 0.1]),
            ("cross", [10.0, 20.0, 20.0, 0.1]),
            ("cache|", [10.0, 20.0, 2.0, 0.1]),
        ];
        let (record, samples) = fixture::run(&variants, 2);
        let view = View::new(&fixture::of(&record, &samples), &Default::default());
        let described: Vec<String> = lines(&view.scenarios[0]).collect();
        assert_eq!(described.len(), 2);
        for words in ["from naive to cross: cold ", ", multi-arch 5."] {
            assert!(described[0].contains(words), "{}", described[0]);
        }
        for words in ["from cross to cache|: cold ", "× faster"] {
            assert!(described[1].contains(words), "{}", described[1]);
        }
        let mut out = String::new();
        table(&mut out, &view.scenarios[0]);
        let widths: Vec<usize> = out
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| line.replace("\\|", "").matches('|').count())
            .collect();
        assert_eq!(widths, [6, 6, 6, 6], "{out}");
        assert!(out.contains("cross → cache\\|"), "{out}");
    }

    #[test]
    fn two_variants_are_compared_as_it_is() {
        let (record, samples) = fixture::run(&fixture::ARTICLE, 2);
        let view = View::new(&fixture::of(&record, &samples), &Default::default());
        assert_eq!(lines(&view.scenarios[0]).count(), 0);
        let mut out = String::new();
        table(&mut out, &view.scenarios[0]);
        assert_eq!(out, "");
    }
}
