//! How often builds end badly: a figure of its own, which no time averages
//! away.

use super::number;
use super::view::{FailureRate, View};
use super::words::join;

/// Rates listed at most.
const MAX_RATES: usize = 20;

/// `naive multi-arch: 1 of 3 builds failed, 33% [1…91%]`, a line each. Holds
/// names from outside, on one line.
pub(super) fn lines(view: &View) -> impl Iterator<Item = String> {
    let several = view.scenarios.len() > 1;
    let rates = view.failure_rates.iter().take(MAX_RATES);
    let more = view.failure_rates.len().saturating_sub(MAX_RATES);
    let more = (more > 0).then(|| format!("and {more} more variants and kinds"));
    rates.map(move |rate| line(rate, several)).chain(more)
}

fn line(rate: &FailureRate, names_scenario: bool) -> String {
    let FailureRate {
        scenario,
        variant,
        kind,
        failed,
        built,
        interval,
    } = rate;
    let scenario = match names_scenario {
        true => format!("{scenario} "),
        false => String::new(),
    };
    let how = join(failed.iter().map(|(outcome, count)| match failed.len() {
        1 => outcome.to_string(),
        _ => format!("{count} {outcome}"),
    }));
    let percent = |share: f64| (share * 100.0).round();
    format!(
        "{scenario}{variant} {kind}: {} of {built} builds {how}, {} [{}…{}%]",
        rate.count(),
        number::percentage((f64::from(rate.count()) / f64::from(*built) * 100.0).round() / 100.0),
        percent(interval.low),
        percent(interval.high),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::report::fixture;

    #[test]
    fn a_flaky_build_has_a_rate() {
        let (record, mut samples) = fixture::run(&fixture::ARTICLE, 3);
        let rates = |samples: &[crate::model::Sample]| {
            let view = View::new(&fixture::of(&record, samples), &Default::default());
            lines(&view).collect::<Vec<String>>()
        };
        assert_eq!(rates(&samples), [""; 0]);
        let wanted = |sample: &&mut crate::model::Sample| {
            sample.slot.variant == "naive" && sample.slot.kind == crate::model::BuildKind::MultiArch
        };
        for (sample, outcome) in samples
            .iter_mut()
            .filter(wanted)
            .zip([Outcome::Failed, Outcome::Skipped])
        {
            fixture::fail(sample, outcome);
        }
        // What was skipped was not built.
        let expected = "naive multi-arch: 1 of 2 builds failed, 50% [1…99%]";
        assert_eq!(rates(&samples), [expected]);
        for sample in samples.iter_mut().filter(wanted).skip(1).take(1) {
            fixture::fail(sample, Outcome::TimedOut);
        }
        let expected = "naive multi-arch: 2 of 3 builds 1 failed and 1 timed-out, 67% [9…99%]";
        assert_eq!(rates(&samples), [expected]);
    }
}
