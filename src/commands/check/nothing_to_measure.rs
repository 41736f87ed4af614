//! Whether there is anything to measure: a change whose every step is one of
//! the base's takes two builds to tell, and a race takes a dozen.

use std::collections::{BTreeSet, HashSet};

use tokio_util::sync::CancellationToken;

use super::settings::Settings;
use crate::explain::{Conditions, explain};
use crate::model::BuildKind;
use crate::ops::builder::BuilderSession;
use crate::ops::explain::lines_of;
use crate::ops::race::Prepared;
use crate::race::change_probe::{Probe, Probed};
use crate::report::explanation::short_instruction;
use crate::scenario::{AdhocDockerfile, instructions};
use crate::trace::Trace;

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
        Probed::Differs { trace, steps } => {
            let (line, instruction) = first(&trace, &steps, &text);
            Found::Something(differs(dockerfile, line, &instruction))
        }
        Probed::Unknown(why) => Found::Something(format!("racing: {why}")),
        Probed::Interrupted => Found::Interrupted,
    })
}

fn differs(dockerfile: &AdhocDockerfile, line: Option<usize>, instruction: &str) -> String {
    let place = line.map_or_else(String::new, |line| format!(":{line}"));
    format!(
        "racing: {}{place}: {} is not what the base builds",
        dockerfile.shown,
        short_instruction(instruction, MAX_INSTRUCTION)
    )
}

/// The first of some steps in the Dockerfile, with its line where that is
/// known.
fn first(trace: &Trace, steps: &BTreeSet<String>, dockerfile: &str) -> (Option<usize>, String) {
    let conditions = Conditions {
        lines: lines_of(dockerfile),
        ..Conditions::default()
    };
    let explained = explain(trace, &conditions);
    let all = explained.iter().flat_map(|explained| &explained.steps);
    let found = all.filter(|step| steps.contains(&step.digest));
    let found = found.min_by_key(|step| (step.line.is_none(), step.line, step.position));
    found.map_or_else(
        || (None, "a step".to_owned()),
        |step| (step.line, step.instruction.clone()),
    )
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

/// The instructions of a Dockerfile that become steps, on one line each.
fn written(dockerfile: &str) -> Vec<(usize, String)> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let places = instructions(dockerfile).into_iter();
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
        let changed = "FROM a\n# now\nRUN make \\\n  fast\nCOPY x y\n";
        let found = new_instruction(base, changed);
        assert_eq!(found, Some((3, "RUN make fast".to_owned())));
        assert_eq!(new_instruction("RUNN x\n", changed), None);
    }
}
