//! Whether there is anything to measure: a change whose every step is one of
//! the base's takes two builds to tell, and a race takes a dozen.

use std::collections::{BTreeSet, HashSet};

use tokio_util::sync::CancellationToken;

use super::settings::Settings;
use crate::explain::why::{Between, ContextFiles, why};
use crate::explain::{Conditions, StepFacts};
use crate::model::BuildKind;
use crate::ops::builder::BuilderSession;
use crate::ops::explain::lines_of;
use crate::ops::race::Prepared;
use crate::ops::why::{Built, FilesBetween};
use crate::provenance::Provenance;
use crate::race::change_probe::{Probe, Probed};
use crate::report::explanation::short_instruction;
use crate::report::explanation::why::sentence;
use crate::scenario::{AdhocDockerfile, instructions};
use crate::trace::{Recorded, Trace};

/// Columns of an instruction.
const MAX_INSTRUCTION: usize = 80;

/// What was found before the race.
pub(super) enum Found {
    /// Every step of the change comes from the base's cache.
    Nothing,
    /// There is something to race; why, for people.
    Something(String),
    /// The user stopped it.
    Interrupted,
}

/// Compares what both sides would build, by building them once where their
/// Dockerfiles do not tell.
///
/// # Errors
/// The builder does not answer.
pub(super) async fn probe(
    prepared: &Prepared<'_>,
    session: &BuilderSession,
    settings: &Settings,
    dockerfile: &AdhocDockerfile,
    stop: &CancellationToken,
) -> anyhow::Result<Found> {
    let (Some(scenario), Some(info)) = (
        prepared.scenarios.first(),
        prepared.record.scenarios.first(),
    ) else {
        return Ok(Found::Something(String::new()));
    };
    let [base, change] = scenario.variants.as_slice() else {
        return Ok(Found::Something("there are not two sides".to_owned()));
    };
    let read = |path| std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = read(&change.dockerfile)?;
    if let Some((line, instruction)) = new_instruction(&read(&base.dockerfile)?, &text) {
        return Ok(Found::Something(differs(
            dockerfile,
            Some(line),
            &instruction,
            None,
        )));
    }
    errln!("check: building the base, then the change on its cache: does anything differ?");
    let layouts = session.layouts();
    let probe = Probe {
        builder: &*session.builder,
        run: &prepared.record.run,
        scenario,
        base,
        change,
        platforms: match info.gate() {
            Some(BuildKind::Cold) => vec![info.native.clone()],
            _ => info.platforms.clone(),
        },
        layouts: &layouts,
        secrets: &prepared.secrets(),
        timeout: settings.race.timeout,
    };
    let (found, left) = probe.run(stop).await?;
    for line in left {
        errln!("note: {line}");
    }
    Ok(match found {
        Probed::Same { .. } => Found::Nothing,
        Probed::Differs {
            traces,
            provenance,
            steps,
        } => {
            let texts = [read(&base.dockerfile)?, text];
            let files = FilesBetween::of_folders(
                [base, change].map(|variant| scenario.sources_of(variant)),
                &change.dockerfile,
            );
            let sides = Sides::new(*traces, *provenance, &texts);
            let (line, instruction, cause) = first(&sides, &steps, files.ok().as_ref());
            Found::Something(differs(dockerfile, line, &instruction, cause.as_deref()))
        }
        Probed::Unknown(why) => Found::Something(format!("racing: {why}")),
        Probed::Interrupted => Found::Interrupted,
    })
}

fn differs(
    dockerfile: &AdhocDockerfile,
    line: Option<usize>,
    instruction: &str,
    cause: Option<&str>,
) -> String {
    let place = line.map_or_else(String::new, |line| format!(":{line}"));
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    format!(
        "racing: {}{place}: {} is not what the base builds{cause}",
        dockerfile.shown,
        short_instruction(instruction, MAX_INSTRUCTION)
    )
}

/// The builds of both sides, explained: the base, and the change.
struct Sides(Vec<Built>);

impl Sides {
    fn new(
        traces: [Trace; 2],
        provenance: [Option<Provenance>; 2],
        dockerfiles: &[String; 2],
    ) -> Self {
        let sides = traces.into_iter().zip(provenance).zip(dockerfiles);
        let built = sides.filter_map(|((trace, provenance), dockerfile)| {
            let recorded = Recorded {
                trace,
                provenance,
                ..Recorded::default()
            };
            let conditions = Conditions {
                lines: lines_of(dockerfile),
                ..Conditions::default()
            };
            Built::of_recorded(String::new(), &recorded, &conditions)
        });
        Self(built.collect())
    }
}

/// The first of the causes that the change's build has, with its step's line where
/// that is known; without one, the first of the steps that differ.
fn first(
    Sides(sides): &Sides,
    steps: &BTreeSet<String>,
    files: Option<&FilesBetween>,
) -> (Option<usize>, String, Option<String>) {
    let nothing = || (None, "a step".to_owned(), None);
    let Some(change) = sides.last() else {
        return nothing();
    };
    let order = |step: &StepFacts| (step.line.is_none(), step.line, step.position);
    if let [base, change] = sides.as_slice() {
        let between = Between {
            files: files.map(|files| files as &dyn ContextFiles),
            ..Between::default()
        };
        let found = why(&change.known(), &base.known(), &between).causes;
        let steps = &change.explanation.steps;
        let first = found.iter().min_by_key(|root| order(&steps[root.steps[0]]));
        if let Some(root) = first {
            let step = &steps[root.steps[0]];
            let cause = sentence(&root.cause);
            return (step.line, step.instruction.clone(), Some(cause));
        }
    }
    let all = change.explanation.steps.iter();
    let found = all.filter(|step| steps.contains(&step.digest));
    let found = found.min_by_key(|step| order(step));
    found.map_or_else(nothing, |step| (step.line, step.instruction.clone(), None))
}

/// The first instruction of a Dockerfile that another one does not have, with
/// its line: a step that is certainly not the other's. Comments and blanks are
/// no difference. `None` where there is none, or where one of them does not
/// parse.
fn new_instruction(base: &str, change: &str) -> Option<(usize, String)> {
    let known: HashSet<String> = written(base).into_iter().map(|(_, text)| text).collect();
    let mut written = written(change).into_iter();
    written.find(|(_, text)| !known.is_empty() && !known.contains(text))
}

/// The instructions of a Dockerfile that become steps, on one line each, stages
/// by their numbers: what they are called is no difference.
fn written(dockerfile: &str) -> Vec<(usize, String)> {
    let places = instructions(dockerfile);
    let mut stages: Vec<&str> = places.iter().map(|place| place.stage.as_str()).collect();
    stages.dedup();
    let numbered = |word: &str| {
        let (start, name) = word.rsplit_once("from=")?;
        let (name, rest) = name.split_at(name.find(',').unwrap_or(name.len()));
        let number = stages.iter().position(|stage| *stage == name)?;
        Some(format!("{start}from={number}{rest}"))
    };
    let words = |text: &str| {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        if let [from, .., as_, _] = words.as_slice()
            && from.eq_ignore_ascii_case("FROM")
            && as_.eq_ignore_ascii_case("AS")
        {
            words.truncate(words.len() - 2);
        }
        let words = words.into_iter();
        let words = words.map(|word| numbered(word).unwrap_or_else(|| word.to_owned()));
        words.collect::<Vec<_>>().join(" ")
    };
    let places = places.iter();
    places
        .map(|place| (place.line, words(&place.text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_that_the_base_lacks_is_found_without_a_build() {
        let base = "FROM a\nRUN make \\\n  # why\n  all\nCOPY x y\n";
        for same in [
            base,
            "# a comment\nFROM  a\n\nRUN make \\\n all\nCOPY x y\n",
            // Whatever becomes no step is left to BuildKit.
            "FROM a\nENV A=1\nRUN make all\nCOPY x y\n",
            // Nothing is new where something is gone.
            "FROM a\nCOPY x y\n",
            "RUNN x\n",
        ] {
            assert_eq!(new_instruction(base, same), None, "{same}");
        }
        let stages = "FROM a AS b\nRUN x\nFROM c\nCOPY --from=b /x /\n\
                      RUN --mount=type=bind,from=b,target=/t y\n";
        let renamed = stages.replace("AS b", "AS d").replace("from=b", "from=d");
        assert_eq!(new_instruction(stages, &renamed), None);
        let other = stages.replace("--from=b", "--from=e");
        assert_eq!(
            new_instruction(stages, &other),
            Some((4, "COPY --from=e /x /".to_owned()))
        );
        let changed = "FROM a\n# now\nRUN make \\\n  fast\nCOPY x y\n";
        let found = new_instruction(base, changed);
        assert_eq!(found, Some((3, "RUN make fast".to_owned())));
        assert_eq!(new_instruction("RUNN x\n", changed), None);
    }
}
