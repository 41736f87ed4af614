//! A build, with all that is known of it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::explain::why::Known;
use crate::explain::{Conditions, Explanation, SampleExplanation, explain};
use crate::model::{BuildInputs, NoCache, RememberedBuild};
use crate::ops::explain::lines_of;
use crate::print::masked;
use crate::provenance::Provenance;
use crate::scenario::instructions;
use crate::secrets::{Masks, forms, is_secret_name};
use crate::trace::Recorded;

/// Bytes of the shortest value that is hidden where it stands in a text.
const SHORTEST: usize = 4;

/// A build, with all that is known of it.
#[derive(Debug, Clone)]
pub struct Built {
    /// What it is called.
    pub title: String,
    /// Its steps.
    pub explanation: Explanation,
    /// What BuildKit says of how it built.
    pub provenance: Option<Provenance>,
    /// Its build arguments, where they are known.
    pub arguments: Option<BTreeMap<String, String>>,
    /// The instructions of its Dockerfile by their lines.
    pub written: BTreeMap<usize, String>,
    /// What it was not to look for in the cache.
    pub no_cache: Option<NoCache>,
    /// Where it was built.
    pub place: Option<String>,
    /// When, on BuildKit's clock.
    pub time: Option<(Timestamp, Timestamp)>,
    /// What was asked for.
    pub inputs: Option<BuildInputs>,
}

impl Built {
    /// A recording, under what is known of it besides. `None` where no step of it
    /// began.
    pub fn of_recorded(title: String, recorded: &Recorded, known: &Conditions) -> Option<Self> {
        let Recorded {
            trace,
            provenance,
            inputs,
            ..
        } = recorded;
        let told = Conditions::of_recorded(recorded);
        let text = provenance.as_ref().and_then(|p| p.dockerfile.as_deref());
        let conditions = Conditions {
            node: known.node.clone().or(told.node),
            platform: known.platform.clone().or(told.platform),
            lines: match text {
                Some(text) if known.lines.is_empty() => lines_of(text),
                _ => known.lines.clone(),
            },
            cut_off: told.cut_off,
            clock: told.clock,
            failure: told.failure,
            ..known.clone()
        };
        let mut explanation = explain(trace, &conditions)?;
        let secrets = secrets(provenance.as_ref(), inputs.as_ref());
        for step in &mut explanation.steps {
            for text in [&mut step.name, &mut step.instruction] {
                *text = secrets.text(text).into_owned();
            }
        }
        let arguments = inputs.as_ref().map(|inputs| inputs.arguments.clone());
        let begin = explanation.begin;
        let time = begin.and_then(|begin| Some((begin, begin + recorded_span(&explanation)?)));
        Some(Self {
            title,
            written: text.map(written_in).unwrap_or_default(),
            no_cache: inputs.as_ref().and_then(|inputs| inputs.no_cache.clone()),
            arguments,
            place: None,
            time,
            explanation,
            inputs: inputs.clone(),
            provenance: provenance.clone(),
        })
    }

    /// A sample of a run.
    pub fn of_sample(found: &SampleExplanation, run: &str) -> Self {
        Self {
            title: format!("{} of run {run}", found.sample.slot.id),
            explanation: found.explanation.clone(),
            provenance: None,
            // A race asks for the same each time.
            arguments: Some(BTreeMap::new()),
            written: BTreeMap::new(),
            no_cache: None,
            place: None,
            time: None,
            inputs: None,
        }
    }

    /// The same of a build of a history, which tells when and where.
    #[must_use]
    pub fn remembered(self, build: &RememberedBuild) -> Self {
        Self {
            place: build.node.clone(),
            time: build.started.zip(build.completed),
            ..self
        }
    }

    /// What is known of it, for the causes.
    pub fn known(&self) -> Known<'_> {
        Known {
            explanation: &self.explanation,
            provenance: self.provenance.as_ref(),
            arguments: self.arguments.as_ref(),
            written: &self.written,
            no_cache: self.no_cache.as_ref(),
            place: self.place.as_deref(),
        }
    }
}

/// The values of variables that are secrets by their names: BuildKit writes them into
/// the names of steps.
fn secrets(provenance: Option<&Provenance>, inputs: Option<&BuildInputs>) -> Masks {
    let given = inputs.into_iter().flat_map(|inputs| &inputs.arguments);
    let told = provenance
        .into_iter()
        .flat_map(|provenance| &provenance.arguments);
    let seen = provenance.into_iter().flat_map(Provenance::runs);
    let all = given
        .chain(told)
        .chain(seen.flat_map(|run| &run.environment));
    let secret: BTreeSet<(&String, &String)> =
        all.filter(|(name, _)| is_secret_name(name)).collect();
    let texts = secret.into_iter();
    let texts = texts
        .flat_map(|(name, value)| forms(value.as_bytes(), &format!("[hidden {name}]"), SHORTEST));
    Masks::new(texts.collect())
}

fn recorded_span(explanation: &Explanation) -> Option<jiff::SignedDuration> {
    jiff::SignedDuration::try_from(explanation.span).ok()
}

/// The instructions of a Dockerfile by their lines, without what may not be shown.
fn written_in(dockerfile: &str) -> BTreeMap<usize, String> {
    let places = instructions(dockerfile).into_iter();
    places
        .map(|place| (place.line, masked(&place.text)))
        .collect()
}
