//! What a run knows of its images: which of them were checked, and are correct.

use std::collections::BTreeSet;

use crate::model::{BuildKind, Outcome, Run, ScenarioInfo};
use crate::report::words::join;

/// A sentence for each scenario any image of which was checked. Wrong ones are
/// among the failures.
pub(super) fn outputs(run: &Run) -> Vec<String> {
    let scenarios = run.record.scenarios.iter();
    scenarios
        .filter_map(|info| sentence(info, run, run.record.scenarios.len() > 1))
        .collect()
}

fn sentence(info: &ScenarioInfo, run: &Run, of_several: bool) -> Option<String> {
    let built = || {
        run.of_scenario(&info.name)
            .filter(|s| s.outcome == Outcome::Ok)
    };
    let checked: BTreeSet<(&str, BuildKind)> = built()
        .filter(|sample| sample.output_checked)
        .map(|sample| (sample.slot.variant.as_str(), sample.slot.kind))
        .collect();
    if checked.is_empty() {
        return None;
    }
    let of = if of_several {
        format!(" of {}", info.name)
    } else {
        String::new()
    };
    // A noop's image is the one of before.
    let unknown: BTreeSet<String> = built()
        .filter(|sample| sample.slot.kind != BuildKind::Noop)
        .map(|sample| (sample.slot.variant.as_str(), sample.slot.kind))
        .filter(|built| !checked.contains(built))
        .map(|(variant, kind)| format!("{variant}, {kind}"))
        .collect();
    let unknown = if unknown.is_empty() {
        String::new()
    } else {
        format!("; not checked: {}", join(unknown))
    };
    let raced = info.variants.iter().map(|variant| &variant.name);
    let variants = raced.filter(|name| checked.iter().any(|(of, _)| of == name));
    let kinds = info.kinds.iter();
    let kinds = kinds.filter(|kind| checked.iter().any(|(_, of)| of == *kind));
    Some(format!(
        "Images{of} checked on every platform: correct ({}, {}){unknown}.",
        join(variants.cloned()),
        join(kinds.map(ToString::to_string)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sample;
    use crate::report::fixture::{self, ARTICLE};

    #[test]
    fn what_was_checked_is_told_and_what_was_not() {
        let (record, mut samples) = fixture::run(&ARTICLE, 2);
        assert!(outputs(&fixture::of(&record, &samples)).is_empty());
        let first_round = samples.iter_mut().filter(|sample| sample.slot.round == 1);
        for sample in first_round.filter(|sample| sample.slot.kind != BuildKind::Noop) {
            sample.output_checked = true;
        }
        let right = "Images checked on every platform: correct (naive and cross, cold, \
                     multi-arch and incremental)";
        assert_eq!(
            outputs(&fixture::of(&record, &samples)),
            [format!("{right}.")]
        );

        let of = |sample: &&mut Sample| {
            sample.slot.variant == "cross" && sample.slot.kind == BuildKind::Incremental
        };
        for sample in samples.iter_mut().filter(of) {
            sample.output_checked = false;
        }
        let known = format!("{right}; not checked: cross, incremental.");
        assert_eq!(outputs(&fixture::of(&record, &samples)), [known]);

        // Of a wrong image its failure tells.
        for sample in samples.iter_mut().filter(of) {
            fixture::fail(sample, Outcome::WrongOutput);
        }
        assert_eq!(
            outputs(&fixture::of(&record, &samples)),
            [format!("{right}.")]
        );
    }
}
