//! `check --baseline`: what hardly varies, counted and compared with a stored
//! run. Its times are shown, and never judged: they may be another machine's.

use std::path::Path;

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;

use super::blame::{self, Blame};
use super::counts::{Counts, Side};
use super::finish::{finish, shown_dockerfile};
use super::settings::Settings;
use crate::explain::Lines;
use crate::model::{BuildKind, Platform, RunEnd};
use crate::ops::Exit;
use crate::ops::adhoc;
use crate::ops::baked_sides;
use crate::ops::builder::BuilderSession;
use crate::ops::cells::Cells;
use crate::ops::explain::{explained, lines_of};
use crate::ops::race::{Choice, RaceInput, keep_out_of_git, race};
use crate::ops::results::Results;
use crate::ops::stdin::{Typed, is_stdin};
use crate::policy::Fatal;
use crate::report::{CheckOutcome, CheckView, Finding, Level, Rule, number};
use crate::scenario::{AdhocDockerfile, Project, Scenario, read_file};
use crate::store::{self, RUN_FILE, StoredRun};

/// Builds the working tree and compares its counts.
pub(super) async fn run(settings: &Settings, stop: &CancellationToken) -> anyhow::Result<Exit> {
    let wanted = settings.baseline.as_deref().unwrap_or_default();
    let place = &settings.race.results;
    let wanted = Results::open(place)?.bring(Some(wanted)).await?;
    let (stored, variant) = find(&wanted.unwrap_or_default(), &place.folder)?;
    let before = explained(&stored, None, |_, _| Lines::default())?;
    // Before the engine is asked: most of what can be wrong is wrong here.
    let mut options = settings.options()?;
    let (dockerfile, _typed) = dockerfile(settings, &mut options).await?;
    let path = dockerfile.path.clone();
    let against = format!(
        "the working tree against {} of run {}",
        variant.1, stored.run.record.run
    );
    let shown = dockerfile.shown.clone();
    let mut scenario = adhoc::scenario(&options, against.clone(), vec![dockerfile])?;
    BuilderSession::with(&settings.race.builder, async |session| {
        errln!("check: {against}");
        settings.complete(&options, &mut scenario, &session.native);
        let name = scenario.name.clone();
        let input = RaceInput {
            project: &Project::at(Path::new("."))?,
            scenarios: vec![scenario],
            secrets: options.secrets,
            rounds: settings.rounds,
            stops_when_open: false,
            choice: Choice::default(),
            command: settings.command(Some(&format!("{}/{}", stored.run.record.run, variant.1))),
        };
        keep_out_of_git(&settings.race)?;
        let mut args = settings.race.clone();
        args.image_size |= stored
            .run
            .samples
            .iter()
            .any(|sample| sample.image_bytes.is_some());
        same_builds(&stored, &variant.0, &input.scenarios[0], &session.native)?;
        let raced = race(&Cells::one(session), input, &args, stop).await?;
        let text = read_file(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let after = explained(&raced.stored, None, |_, _| lines_of(&text))?;
        let old = Side::of(&stored.run, &before, &variant.0, &variant.1);
        let new = Side::of(&raced.stored.run, &after, &name, "worktree");
        let delta = raced.stored.run.record.rules.delta;
        let mut findings = Vec::new();
        let mut compared = 0;
        for &kind in &raced.stored.run.record.scenarios[0].kinds {
            compared += usize::from(old.counts(kind).is_some() && is_comparable(&new, kind));
            let found = found_of(kind, &old, &new, delta).into_iter();
            findings.extend(found.map(|worse| Finding {
                scenario: name.clone(),
                ..finding(worse, kind, settings, &shown)
            }));
        }
        findings.sort_by_key(|finding| finding.level);
        let (outcome, words) = outcome_of(&findings, compared, &new, raced.end);
        let check = CheckView {
            outcome,
            subject: format!("{name}/{shown}"),
            headline: format!("{against}: {words}"),
            findings,
        };
        finish(check, &raced, settings).await
    })
    .await
}

/// What is checked, and what keeps its file.
async fn dockerfile(
    settings: &Settings,
    options: &mut adhoc::Options,
) -> anyhow::Result<(AdhocDockerfile, Option<Typed>)> {
    let name = "worktree".to_owned();
    if let Some(targets) = &settings.bake {
        let (typed, build) = (&settings.bake_options, &settings.build);
        let baked = baked_sides::alone(name, targets, typed, build, options).await?;
        return Ok((baked, None));
    }
    let typed = Typed::read(&settings.dockerfile)?;
    let dockerfile = AdhocDockerfile {
        name,
        shown: match is_stdin(&settings.dockerfile) {
            true => typed.shown.clone(),
            false => shown_dockerfile(&typed.path).display().to_string(),
        },
        path: typed.path.clone(),
        context: None,
        origin: None,
        revision: None,
        contexts: options.contexts.clone(),
        bake: None,
    };
    Ok((dockerfile, Some(typed)))
}

/// Whether what was built of a kind now can be held against anything.
fn is_comparable(new: &Side<'_>, kind: BuildKind) -> bool {
    new.counts(kind).is_some_and(|now| now.failures < 1.0)
}

/// What got worse in a kind, or why it cannot be said.
fn found_of(kind: BuildKind, old: &Side<'_>, new: &Side<'_>, delta: f64) -> Vec<Worse> {
    match (old.counts(kind), new.counts(kind)) {
        (_, None) => vec![Worse::new(
            Rule::Fatal(Fatal::Unmeasured),
            format!("{kind} has no round that counts{}", new.why_none()),
        )],
        // The baseline's own failures excuse nothing here.
        (_, Some(now)) if now.failures >= 1.0 => vec![Worse {
            rule: Rule::Fatal(Fatal::Failed),
            message: format!("no build of {kind} is good{}", new.reason(kind)),
            blame: new.failing(kind).and_then(blame::failed),
        }],
        (Some(was), Some(now)) => {
            let mut found = compare(kind, was, now, delta);
            for worse in &mut found {
                worse.blame = blamed(worse, kind, old, new);
            }
            found
        }
        (None, Some(_)) => vec![Worse::new(
            Rule::NoBaseline,
            match old.has(kind) {
                false => format!("{kind} is not in the baseline, and is not compared"),
                true => format!(
                    "{kind} has no round that counts in the baseline{}, and is not compared",
                    old.why_none()
                ),
            },
        )],
    }
}

/// A finding of no scenario yet.
fn finding(worse: Worse, kind: BuildKind, settings: &Settings, shown: &str) -> Finding {
    Finding {
        level: match worse.rule.fatal() {
            Some(fatal) if settings.is_fatal(fatal) => Level::Error,
            Some(_) => Level::Warning,
            None => Level::Notice,
        },
        scenario: String::new(),
        variant: "worktree".to_owned(),
        kind: Some(kind),
        message: match &worse.blame {
            Some(blame) => format!("{}; {}", worse.message, blame.sentence),
            None => worse.message,
        },
        file: worse.rule.fatal().map(|_| shown.to_owned()),
        line: worse.blame.and_then(|blame| blame.line),
        rule: worse.rule,
    }
}

/// How the check ends, and why in a few words.
fn outcome_of(
    findings: &[Finding],
    compared: usize,
    new: &Side<'_>,
    end: RunEnd,
) -> (CheckOutcome, String) {
    let errors = findings.iter().filter(|f| f.level == Level::Error);
    let (unmeasured, errors): (Vec<_>, Vec<_>) =
        errors.partition(|f| f.rule == Rule::Fatal(Fatal::Unmeasured));
    let outcome = match (errors.len(), end) {
        (1.., _) => CheckOutcome::Failed,
        (0, RunEnd::Completed) if compared > 0 && unmeasured.is_empty() => CheckOutcome::Passed,
        (0, _) => CheckOutcome::Undecided,
    };
    let words = match errors.len() {
        0 if new.samples.is_empty() => "no round counts".to_owned(),
        0 if compared == 0 => "no kind of build can be compared".to_owned(),
        0 => "nothing that is counted got worse".to_owned(),
        1 => "1 regression".to_owned(),
        errors => format!("{errors} regressions"),
    };
    (outcome, words)
}

/// Refuses to count builds against others of something else.
fn same_builds(
    stored: &StoredRun,
    scenario: &str,
    wanted: &Scenario,
    native: &Platform,
) -> anyhow::Result<()> {
    let mut scenarios = stored.run.record.scenarios.iter();
    let Some(info) = scenarios.find(|info| info.name == scenario) else {
        return Ok(());
    };
    let join = |platforms: &[Platform]| {
        let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        names.join(",")
    };
    let (old, new) = (join(&info.platforms), join(&wanted.platforms));
    if old != new {
        bail!(
            "run {} builds for {old}, and this check for {new}: what is counted is not the same; \
             name the same by --platform",
            stored.run.record.run
        );
    }
    if info.native != *native {
        bail!(
            "run {} was built on {}, and this builder is {native}: what is emulated is not the same",
            stored.run.record.run,
            info.native
        );
    }
    Ok(())
}

/// Something that got worse, or is worth telling.
struct Worse {
    /// The rule that it is a finding of, which may fail the check for it.
    rule: Rule,
    message: String,
    /// The step that it is about.
    blame: Option<Blame>,
}

impl Worse {
    fn new(rule: Rule, message: String) -> Self {
        Self {
            rule,
            message,
            blame: None,
        }
    }
}

/// What got worse, and for the record what the times were.
fn compare(kind: BuildKind, old: Counts, new: Counts, delta: f64) -> Vec<Worse> {
    let mut found = Vec::new();
    let mut worse = |fatal: Fatal, message: String| {
        found.push(Worse::new(Rule::Fatal(fatal), message));
    };
    if let (Some(old), Some(new)) = (old.emulated, new.emulated)
        && new > old
    {
        let message = format!("{kind} runs {new} steps under an emulator, not {old}");
        worse(Fatal::EmulatedSteps, message);
    }
    if new.steps > old.steps {
        let message = format!("{kind} has {} steps, not {}", new.steps, old.steps);
        worse(Fatal::Steps, message);
    }
    // A step that is gone needs no cache: what counts is what was executed.
    let executed = |counts: Counts| counts.steps.saturating_sub(counts.cached);
    if executed(new) > executed(old) && new.cached < old.cached {
        let message = format!(
            "{kind} takes {} of {} steps from the cache, not {} of {}",
            new.cached, new.steps, old.cached, old.steps
        );
        worse(Fatal::CachedSteps, message);
    }
    if new.failures > old.failures {
        let message = format!(
            "{:.0}% of {kind} builds fail, not {:.0}%",
            new.failures * 100.0,
            old.failures * 100.0
        );
        worse(Fatal::FailureRate, message);
    }
    if let (Some(old), Some(new)) = (old.image, new.image)
        && new as f64 > old as f64 * (1.0 + delta)
    {
        let message = format!(
            "the image of {kind} has {}, not {}",
            number::bytes(new),
            number::bytes(old)
        );
        worse(Fatal::ImageSize, message);
    }
    if let (Some(old), Some(new)) = (old.median, new.median) {
        let message = format!(
            "{kind} took {}, and {} in the baseline; times of different runs are not judged",
            number::seconds(new),
            number::seconds(old)
        );
        found.push(Worse::new(Rule::Times, message));
    }
    found
}

/// The step behind a finding, where the traces of both builds are there.
fn blamed(worse: &Worse, kind: BuildKind, old: &Side<'_>, new: &Side<'_>) -> Option<Blame> {
    if worse.rule == Rule::Fatal(Fatal::FailureRate) {
        return blame::failed(new.failing(kind)?);
    }
    let (before, after) = (old.typical(kind)?, new.typical(kind)?);
    match worse.rule.fatal()? {
        Fatal::EmulatedSteps => blame::emulated(before.explanation, after.explanation),
        Fatal::CachedSteps => blame::lost_cache(before.explanation, &after),
        Fatal::Steps => blame::added(before.explanation, after.explanation),
        _ => None,
    }
}

/// The stored run, and the scenario and variant of it to compare with: the one
/// named after a slash, or the only one, or the one that stands for a working
/// tree.
fn find(wanted: &str, results: &Path) -> anyhow::Result<(StoredRun, (String, String))> {
    let folder = |name: &str| {
        let path = Path::new(name);
        if path.join(RUN_FILE).is_file() {
            Some(path.to_owned())
        } else {
            Some(results.join(name)).filter(|path| path.join(RUN_FILE).is_file())
        }
    };
    let (dir, named) = match (folder(wanted), wanted.rsplit_once('/')) {
        (Some(dir), _) => (dir, None),
        (None, Some((run, variant))) => {
            let dir = folder(run).with_context(|| no_run(run, results))?;
            (dir, Some(variant))
        }
        (None, None) => bail!(no_run(wanted, results)),
    };
    let run = store::read_run(&dir)?;
    let variants: Vec<(String, String)> = run
        .run
        .record
        .scenarios
        .iter()
        .flat_map(|scenario| {
            let names = scenario.variants.iter().map(|variant| variant.name.clone());
            names.map(|name| (scenario.name.clone(), name))
        })
        .collect();
    let wanted = named.unwrap_or("worktree");
    let found = match variants.as_slice() {
        [only] if named.is_none() => Some(only.clone()),
        many => {
            let found: Vec<_> = many.iter().filter(|(_, name)| name == wanted).collect();
            if found.len() > 1 {
                bail!(
                    "run {} has {} scenarios with a variant {wanted:?}: a baseline is of one",
                    run.run.record.run,
                    found.len()
                );
            }
            found.first().map(|found| (*found).clone())
        }
    };
    let found = found.with_context(|| {
        let names: Vec<&str> = variants.iter().map(|(_, name)| name.as_str()).collect();
        format!(
            "run {} has no variant {wanted:?}: name one of {} as --baseline RUN/VARIANT",
            run.run.record.run,
            names.join(", ")
        )
    })?;
    Ok((run, found))
}

fn no_run(name: &str, results: &Path) -> String {
    format!(
        "no run {name:?}: expected the folder of a run, or the id of one in {}",
        results.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Counts = Counts {
        steps: 10,
        cached: 8,
        emulated: Some(1),
        failures: 0.0,
        image: Some(1000),
        median: Some(10.0),
    };

    fn rules(new: Counts) -> Vec<&'static str> {
        let found = compare(BuildKind::Incremental, OLD, new, 0.05);
        found.into_iter().map(|worse| worse.rule.as_str()).collect()
    }

    #[test]
    fn only_what_got_worse_is_found() {
        assert_eq!(rules(OLD), ["times"]);
        let better = Counts {
            steps: 9,
            cached: 8,
            emulated: Some(0),
            median: Some(1.0),
            ..OLD
        };
        assert_eq!(rules(better), ["times"]);
        // A step that is gone took its cache hit with it.
        assert_eq!(
            rules(Counts {
                steps: 9,
                cached: 7,
                ..OLD
            }),
            ["times"]
        );
        let worse = Counts {
            steps: 11,
            cached: 3,
            emulated: Some(2),
            failures: 0.5,
            image: Some(1060),
            median: Some(100.0),
        };
        assert_eq!(
            rules(worse),
            [
                "emulated-steps",
                "steps",
                "cached-steps",
                "failure-rate",
                "image-size",
                "times"
            ]
        );
    }
}
