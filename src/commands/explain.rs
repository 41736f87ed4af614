//! `buildrace explain`: why a build, or each build of a run, took as long as it
//! did.

mod dockerfile;
mod remembered;

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::cli::ExplainArgs;
use crate::escape;
use crate::explain::advice::advice;
use crate::explain::diff::diff;
use crate::explain::why::{Between, Why, why};
use crate::explain::{
    Conditions, Explanation, FailureFacts, Lines, Node, RunExplanation, SampleExplanation,
};
use crate::model::Invocation;
use crate::ops::Exit;
use crate::ops::explain::{Source, collector, explained, lines_in, lines_of, read_recording};
use crate::ops::files::write_whole;
use crate::ops::picture;
use crate::ops::results::Results;
use crate::ops::why::Built;
use crate::options::BuilderOptions;
use crate::report::View;
use crate::report::chart::{Theme, waterfall};
use crate::report::explanation::{self as shown, PageStyle, Subject};
use crate::scenario::{Project, read_file};
use crate::store::{self, StoredRun};
use crate::trace::Recorded;

use remembered::Remembered;

/// Version of what `--json` prints.
const SCHEMA_VERSION: u32 = 1;
/// What a recording without a file is called.
const STANDARD_INPUT: &str = "standard input";

/// Explains a build, or a run, or what changed from one build to another.
pub async fn run(args: ExplainArgs) -> anyhow::Result<Exit> {
    if let Some(targets) = &args.one_build.bake {
        return explain_ended(dockerfile::build_baked(targets, &args).await?, &args).await;
    }
    if args.last || !args.history.is_empty() {
        check_over(&args)?;
        check_pictures(&args, args.history.len() > 1)?;
        let found = remembered::recorded(&args).await?;
        let builds = found.iter().map(|found| Build::of_remembered(found, &args));
        let builds: Vec<Build> = builds.collect::<anyhow::Result<_>>()?;
        match builds.as_slice() {
            [first, second] => compare(first, second, &args).await?,
            builds => {
                for build in builds {
                    explain_build(build, &args).await?;
                }
            }
        }
        return Ok(Exit::Good);
    }
    let results = Results::open(&args.results)?;
    let folder = &args.results.folder;
    let build = results.bring(args.build.as_deref()).await?;
    let source = Source::find(build.as_deref(), folder)?;
    let against = match args.against.as_deref() {
        None => None,
        Some(against) => {
            let against = results.bring(Some(against)).await?;
            Some(Source::find(against.as_deref(), folder)?)
        }
    };
    if let Source::Dockerfile(path) | Source::Folder(path) = &source {
        let ended = dockerfile::build(path, against.is_some(), &args).await?;
        return explain_ended(ended, &args).await;
    }
    check_flags(&args, &source, against.as_ref())?;
    match (&source, &against) {
        (Source::Run(dir), None) => explain_stored_run(dir, &args).await?,
        (Source::Recording { path, build }, None) => {
            match Build::of_recording(path.as_deref(), *build, &args)?.as_slice() {
                [build] => explain_build(build, &args).await?,
                builds => explain_builds(builds, &args).await?,
            }
        }
        (_, None) => explain_build(&Build::read(&source, &args)?, &args).await?,
        (_, Some(against)) => {
            let first = Build::read(&source, &args)?;
            compare(&first, &Build::read(against, &args)?, &args).await?;
        }
    }
    Ok(Exit::Good)
}

/// Explains a build that was made here, however it ended.
async fn explain_ended(ended: dockerfile::Ended, args: &ExplainArgs) -> anyhow::Result<Exit> {
    match ended.explanation {
        Some(explanation) => {
            let build = Build {
                subject: ended.subject,
                explanation,
                run: None,
                recorded: None,
                compare: Some(ended.compare),
            };
            explain_build(&build, args).await?;
        }
        None if ended.exit == Exit::Good => bail!("BuildKit reported no step of the build"),
        None => {}
    }
    Ok(ended.exit)
}

/// Refuses what would be passed over in silence.
fn check_flags(args: &ExplainArgs, first: &Source, second: Option<&Source>) -> anyhow::Result<()> {
    let is_recording = |source: &Source| matches!(source, Source::Recording { .. });
    check_pictures(args, second.is_some())?;
    let pictures = args.waterfall.is_some() || args.trace_events.is_some();
    if pictures && matches!(first, Source::Run(_)) {
        bail!(
            "--waterfall and --trace-events show one build: name a sample of the run \
             (its report has the waterfalls of all of them)"
        );
    }
    let of_files = args.node.is_some() || !args.platform.is_empty() || args.file.is_some();
    if of_files && !is_recording(first) && !second.is_some_and(is_recording) {
        bail!("--node, --platform and --file are for recordings: of a run they are known");
    }
    if args.cores.is_some() && is_recording(first) {
        bail!(
            "--cores is for runs: a recording does not name the number of cores, \
             so nothing can be said of another number"
        );
    }
    if args.cores.is_some() && second.is_some() {
        bail!("--cores asks of one build: leave the other one out");
    }
    if BuilderOptions::from(&args.builder) != BuilderOptions::default() {
        bail!(
            "--builder, --host and what belongs to them go with a Dockerfile, --last and --history"
        );
    }
    check_over(args)
}

/// Refuses a picture of two builds.
fn check_pictures(args: &ExplainArgs, are_two: bool) -> anyhow::Result<()> {
    if are_two && (args.waterfall.is_some() || args.trace_events.is_some()) {
        bail!("--waterfall and --trace-events show one build: leave the other one out");
    }
    Ok(())
}

/// Refuses what only a build that is still to come can be asked for.
fn check_over(args: &ExplainArgs) -> anyhow::Result<()> {
    if let Some(option) = args.one_build.given() {
        bail!("{option} is for building a Dockerfile, and this build is over");
    }
    if args.platform.len() > 1 {
        bail!(
            "--platform: expected one platform: that of a recording whose step names have none; \
             several are for building a Dockerfile"
        );
    }
    Ok(())
}

async fn explain_stored_run(dir: &Path, args: &ExplainArgs) -> anyhow::Result<()> {
    let run = read_run(dir)?;
    let explained = explained_with_lines(&run, args)?;
    if explained.samples.is_empty() {
        bail!("{} has no trace of any build", dir.display());
    }
    collector::send_run(&run.run.record.run, &explained).await;
    if args.json {
        let samples = explained.samples.iter();
        let samples: Vec<Value> = samples
            .map(|found| Build::of_sample(&run, found).json())
            .collect::<anyhow::Result<_>>()?;
        print_json(json!({
            "schema": SCHEMA_VERSION, "run": run.run.record.run, "samples": samples,
        }))
    } else {
        let view = View::new(&run.run, &explained);
        outln!("{}", shown::run(&view, &explained, page_style(args)));
        Ok(())
    }
}

async fn explain_build(build: &Build, args: &ExplainArgs) -> anyhow::Result<()> {
    let Build {
        subject,
        explanation,
        run,
        compare,
        ..
    } = build;
    let name = collector::name(subject, run.as_deref());
    let pictures = args.waterfall.is_some() || args.trace_events.is_some();
    if pictures && !explanation.clock.tells_when() {
        bail!(
            "--waterfall and --trace-events show when steps ran, and {} has no time stamps: record \
             with --progress=rawjson",
            escape::terminal(&subject.title, 200)
        );
    }
    collector::send([(name, explanation)]).await;
    if let Some(file) = &args.waterfall {
        picture::write(file, &waterfall(subject, explanation, Theme::Light))?;
        errln!("wrote {}", file.display());
    }
    if let Some(file) = &args.trace_events {
        write(file, &shown::trace_events(subject, explanation))?;
    }
    if args.json {
        let mut answer = build.json()?;
        answer["schema"] = json!(SCHEMA_VERSION);
        return print_json(answer);
    }
    let mut page = shown::build(subject, explanation, page_style(args));
    if let Some(compare) = compare {
        page.push_str(&shown::next_steps(explanation, compare, page_style(args)));
    }
    outln!("{page}");
    Ok(())
}

/// Explains each build of a recording that holds several.
async fn explain_builds(builds: &[Build], args: &ExplainArgs) -> anyhow::Result<()> {
    if args.waterfall.is_some() || args.trace_events.is_some() {
        bail!(
            "--waterfall and --trace-events show one build, and the recording holds {}: name one, \
             like {}",
            builds.len(),
            escape::terminal(&builds[0].subject.title, 200)
        );
    }
    let named = builds.iter().map(|build| {
        let name = collector::name(&build.subject, None);
        (name, &build.explanation)
    });
    collector::send(named).await;
    if args.json {
        let builds: Vec<Value> = builds
            .iter()
            .map(Build::json)
            .collect::<anyhow::Result<_>>()?;
        return print_json(json!({ "schema": SCHEMA_VERSION, "builds": builds }));
    }
    let builds = builds
        .iter()
        .map(|build| (&build.subject, &build.explanation));
    outln!(
        "{}",
        shown::builds(&builds.collect::<Vec<_>>(), page_style(args))
    );
    Ok(())
}

async fn compare(first: &Build, second: &Build, args: &ExplainArgs) -> anyhow::Result<()> {
    let named = |build: &Build| collector::name(&build.subject, build.run.as_deref());
    let builds = [first, second].map(|build| (named(build), &build.explanation));
    collector::send(builds).await;
    let diff = diff(&first.explanation, &second.explanation);
    let why = second.why(first);
    if args.json {
        return print_json(json!({
            "schema": SCHEMA_VERSION,
            "first": first.json()?,
            "second": second.json()?,
            "diff": diff,
            "why": why.as_ref().map(|why| shown::why::causes_json(&second.explanation, why)),
        }));
    }
    let explanation = &second.explanation;
    let causes = why.map(|why| shown::why::causes(explanation, &why, page_style(args)));
    let first = (&first.subject, &first.explanation);
    let second = (&second.subject, &second.explanation);
    outln!("{}", shown::diff(first, second, &diff, page_style(args)));
    if let Some(causes) = causes.filter(|causes| !causes.is_empty()) {
        outln!("{causes}");
    }
    Ok(())
}

/// One build, explained.
struct Build {
    subject: Subject,
    explanation: Explanation,
    /// Id of its run, where it is of one.
    run: Option<String>,
    /// What else is known of a recording.
    recorded: Option<Built>,
    /// What races its Dockerfile against a changed copy, where it was built here.
    compare: Option<Invocation>,
}

impl Build {
    fn read(source: &Source, args: &ExplainArgs) -> anyhow::Result<Self> {
        match source {
            Source::Run(dir) => bail!(
                "{} is a run, and two builds are compared: name a sample of each, like {}",
                dir.display(),
                dir.join("r1-01-…").display()
            ),
            Source::Sample { run, sample } => {
                let run = read_run(run)?;
                let explained = explained_with_lines(&run, args)?;
                match explained.sample(sample) {
                    Some(found) => Ok(Self::of_sample(&run, found)),
                    None if run.run.samples.iter().any(|known| known.slot.id == *sample) => {
                        bail!("{sample} has no trace in which a step began")
                    }
                    None => bail!(
                        "run {} has no sample {sample:?} that is done; `buildrace explain {}` \
                         shows those that it has",
                        run.run.record.run,
                        run.dir.display()
                    ),
                }
            }
            Source::Dockerfile(path) | Source::Folder(path) => bail!(
                "{} is not built yet, and two builds are compared: to race two Dockerfiles, use \
                 `buildrace compare Dockerfile Dockerfile.new`",
                path.display()
            ),
            Source::Recording { path, build } => {
                let mut builds = Self::of_recording(path.as_deref(), *build, args)?;
                match (builds.pop(), builds.last()) {
                    (Some(build), None) => Ok(build),
                    (_, first) => bail!(
                        "the recording holds {} builds, and two builds are compared: name one, \
                         like {}",
                        builds.len() + 1,
                        first.map_or_else(String::new, |first| {
                            escape::terminal(&first.subject.title, 200)
                        })
                    ),
                }
            }
        }
    }

    fn of_sample(run: &StoredRun, found: &SampleExplanation) -> Self {
        Self {
            subject: Subject::of_sample(&found.sample),
            explanation: found.explanation.clone(),
            run: Some(run.run.record.run.clone()),
            recorded: None,
            compare: None,
        }
    }

    /// The builds of a recording, or the one that is asked for.
    fn of_recording(
        path: Option<&Path>,
        build: Option<usize>,
        args: &ExplainArgs,
    ) -> anyhow::Result<Vec<Self>> {
        let name = match path.and_then(Path::file_name) {
            Some(name) => name.to_string_lossy().into_owned(),
            None => STANDARD_INPUT.to_owned(),
        };
        Self::of_recorded(&read_recording(path)?, &name, build, args)
    }

    /// A build of a history, of which more is known than of a recording.
    fn of_remembered(found: &Remembered, args: &ExplainArgs) -> anyhow::Result<Self> {
        let recorded = std::slice::from_ref(&found.recorded);
        let build = Self::of_recorded(recorded, &found.title, None, args)?.pop();
        let build = build.with_context(|| format!("no step of {} began", found.title))?;
        Ok(Self {
            recorded: build.recorded.map(|built| built.remembered(&found.build)),
            ..build
        })
    }

    /// The builds of what was recorded under a name, or the one that is asked for.
    fn of_recorded(
        recorded: &[Recorded],
        name: &str,
        build: Option<usize>,
        args: &ExplainArgs,
    ) -> anyhow::Result<Vec<Self>> {
        let lines = match &args.file {
            Some(file) => {
                let text =
                    read_file(file).with_context(|| format!("cannot read {}", file.display()))?;
                let lines = lines_of(&String::from_utf8_lossy(&text));
                if lines.is_empty() {
                    bail!(
                        "{} is no Dockerfile: no instruction of a stage is in it",
                        file.display()
                    );
                }
                lines
            }
            None => Lines::default(),
        };
        let conditions = Conditions {
            node: args.node.clone().map(Node::of),
            platform: args.platform.first().cloned(),
            lines,
            cores: args.cores,
            ..Conditions::default()
        };
        let count = recorded.len();
        if let Some(build) = build.filter(|build| !(1..=count).contains(build)) {
            bail!("{name} has no build {build}: it holds {count}");
        }
        let numbered = recorded.iter().zip(1..);
        let wanted = numbered.filter(|(_, number)| build.is_none_or(|build| build == *number));
        let mut builds = Vec::new();
        let mut refused = None;
        for (recorded, number) in wanted {
            let title = match count {
                1 => name.to_owned(),
                _ if name == STANDARD_INPUT => format!("-#{number}"),
                _ => format!("{name}#{number}"),
            };
            match Built::of_recorded(title.clone(), recorded, &conditions) {
                Some(built) => builds.push(Self {
                    subject: Subject::of_recording(title),
                    explanation: built.explanation.clone(),
                    run: None,
                    recorded: Some(built),
                    compare: None,
                }),
                None => {
                    let failure = FailureFacts::from_recording(recorded);
                    let why = failure.map_or_else(String::new, |failure| {
                        format!(": {}", escape::terminal(&failure.message, 1000))
                    });
                    refused.get_or_insert(format!("{title}: no step of the build began{why}"));
                }
            }
        }
        match refused {
            Some(refused) if builds.is_empty() => bail!("{refused}"),
            Some(refused) => errln!("warning: {refused}"),
            None => {}
        }
        if builds.iter().any(|build| !build.explanation.complete) {
            errln!("warning: {name} ends before its build does: its figures are incomplete");
        }
        Ok(builds)
    }

    /// Why it executed what an earlier build had, where both are recordings:
    /// variants of a race have caches of their own.
    fn why(&self, earlier: &Self) -> Option<Why> {
        let (build, earlier) = (self.recorded.as_ref()?, earlier.recorded.as_ref()?);
        Some(why(&build.known(), &earlier.known(), &Between::default()))
    }

    fn json(&self) -> anyhow::Result<Value> {
        let mut answer = serde_json::to_value(&self.explanation)?;
        answer["build"] = serde_json::to_value(&self.subject)?;
        if let Some(compare) = &self.compare {
            answer["advice"] = serde_json::to_value(advice(&self.explanation))?;
            answer["compare"] = serde_json::to_value(compare)?;
        }
        Ok(answer)
    }
}

fn read_run(dir: &Path) -> anyhow::Result<StoredRun> {
    let run = store::read_run(dir)?;
    // What the race warned of, others' builds for one, is in its report.
    let of_files = run.run.warnings.iter();
    for warning in of_files.filter(|warning| warning.starts_with(store::EVENTS_FILE)) {
        errln!("warning: {}", escape::terminal(warning, 1000));
    }
    Ok(run)
}

fn explained_with_lines(run: &StoredRun, args: &ExplainArgs) -> anyhow::Result<RunExplanation> {
    let here = std::env::current_dir().context("cannot find the current folder")?;
    let project = Project::find(&here).ok();
    explained(run, args.cores, |_, variant| {
        lines_in(project.as_ref(), variant)
    })
}

fn page_style(args: &ExplainArgs) -> PageStyle {
    PageStyle {
        width: crate::ops::console::terminal_width(),
        colour: crate::print::is_coloured(),
        all: args.all,
    }
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    write_whole(file, text)?;
    errln!("wrote {}", file.display());
    Ok(())
}

fn print_json(answer: Value) -> anyhow::Result<()> {
    crate::ops::console::print_json(&answer)?;
    Ok(())
}
