//! A run on a terminal: of each variant and kind the sample of middle time,
//! what its critical path was spent on, and who is to blame.

use super::super::number;
use super::super::paint::Style;
use super::super::view::{ScenarioView, View};
use super::PageStyle;
use super::culprit::culprit_beside;
use super::page::Page;
use super::what_if::what_if;
use crate::escape;
use crate::explain::{Activity, Explanation, RunExplanation, SampleExplanation, StepKind};
use crate::model::BuildKind;

/// Columns that a variant's name may take.
const MAX_NAME: usize = 24;

/// A run, with colours if the style has them. Ends with a line break.
pub fn run(view: &View, explained: &RunExplanation, style: PageStyle) -> String {
    let mut page = Page::new(style);
    for scenario in &view.scenarios {
        let name = escape::columns(&scenario.name, 48);
        let title = escape::columns(&scenario.title, page.width.saturating_sub(50).max(20));
        page.line(Style::Bold, &format!("{name}: {title}"));
        table(&mut page, scenario, explained, style.all);
        culprits(&mut page, scenario, explained);
        predictions(&mut page, scenario, explained);
        page.out.push('\n');
    }
    page.wrapped(
        Style::Dim,
        &format!(
            "Shares are of the critical path of the median sample. `buildrace explain \
             SAMPLE` shows its steps; run {}.",
            escape::terminal(&view.run, 128)
        ),
    );
    page.out
}

fn typical<'e>(
    scenario: &ScenarioView,
    explained: &'e RunExplanation,
) -> Vec<(&'e SampleExplanation, BuildKind)> {
    let kinds = scenario.kinds.iter().chain(&scenario.job_kinds);
    let found = kinds.flat_map(|kind| {
        let variants = scenario.variants.iter();
        variants.filter_map(|variant| {
            let found = explained.typical(&scenario.name, &variant.name, *kind)?;
            Some((found, *kind))
        })
    });
    found.collect()
}

fn table(page: &mut Page, scenario: &ScenarioView, explained: &RunExplanation, all: bool) {
    page.line(
        Style::Dim,
        &format!(
            "{:<12} {:<MAX_NAME$} {:>8} {:>9} {:>8} {:>8} {:>8}  sample",
            "kind", "variant", "time", "emulated", "native", "other", "waiting"
        ),
    );
    let samples = if all {
        let samples = explained.samples.iter();
        let samples = samples.filter(|found| found.sample.slot.scenario == scenario.name);
        samples
            .map(|found| (found, found.sample.slot.kind))
            .collect()
    } else {
        typical(scenario, explained)
    };
    for (found, kind) in samples {
        page.line(Style::Plain, &row(found, kind));
    }
}

/// A sample, and the shares of its critical path where all of it is known.
fn row(found: &SampleExplanation, kind: BuildKind) -> String {
    let explanation = &found.explanation;
    let emulated = share(explanation, |kind| kind == StepKind::EmulatedRun);
    let is_native = |kind| matches!(kind, StepKind::NativeRun | StepKind::CrossRun);
    let native = share(explanation, is_native);
    let other = share(explanation, |kind| {
        kind != StepKind::EmulatedRun && !is_native(kind)
    });
    let waiting = 1.0 - emulated - native - other;
    let is_cut = !explanation.complete;
    let shown = |share: f64| {
        if is_cut {
            "?".to_owned()
        } else if share < 0.0005 {
            "–".to_owned()
        } else {
            number::share(share)
        }
    };
    // Of a trace that ends too early the time is the client's clock's.
    let time = match is_cut {
        true => found.sample.wall,
        false => explanation.span,
    };
    let cut = match is_cut {
        true => {
            let known = number::seconds(explanation.span.as_secs_f64());
            format!(", incomplete: the trace ends after {known}")
        }
        false => String::new(),
    };
    format!(
        "{kind:<12} {:<MAX_NAME$} {:>8} {:>9} {:>8} {:>8} {:>8}  {}{cut}",
        escape::columns(&found.sample.slot.variant, MAX_NAME),
        number::seconds(time.as_secs_f64()),
        shown(emulated),
        shown(native),
        shown(other),
        shown(waiting),
        escape::terminal(&found.sample.slot.id, 128),
    )
}

/// Share of the critical path that steps of some kinds took.
fn share(explanation: &Explanation, of: impl Fn(StepKind) -> bool) -> f64 {
    let parts = explanation.make_up.iter();
    let parts = parts.filter(|part| match part.activity {
        Activity::Step(kind) => of(kind),
        Activity::WaitingForCache | Activity::Waiting => false,
    });
    parts.map(|part| part.share).sum()
}

fn culprits(page: &mut Page, scenario: &ScenarioView, explained: &RunExplanation) {
    page.out.push('\n');
    let kinds = typical(scenario, explained).into_iter();
    // Where nothing changed, nobody is to blame.
    for (found, kind) in kinds.filter(|(_, kind)| *kind != BuildKind::Noop) {
        let mut others = typical(scenario, explained).into_iter();
        let other = others.find(|(other, of)| {
            *of == kind && other.sample.slot.variant != found.sample.slot.variant
        });
        let other = other.map(|(other, _)| &other.explanation);
        if let Some(sentence) = culprit_beside(&found.explanation, other) {
            let name = escape::columns(&found.sample.slot.variant, MAX_NAME);
            page.wrapped(Style::Plain, &format!("{kind} of {name}: {sentence}."));
        }
    }
}

fn predictions(page: &mut Page, scenario: &ScenarioView, explained: &RunExplanation) {
    for (found, kind) in typical(scenario, explained) {
        let has_emulated = !found.explanation.emulated.is_zero();
        if kind == BuildKind::MultiArch && has_emulated {
            let name = escape::columns(&found.sample.slot.variant, MAX_NAME);
            what_if(page, &found.explanation, &format!(", {kind} of {name}"));
        }
    }
}
