//! A line after `docker build`: what the Docker CLI's hook is answered. Nothing here may fail or
//! take long, as the user waits for the prompt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::config_file::{docker_folder, read_config};
use crate::docker_cli::{DockerBuild, HookRequest, hook_response};
use crate::escape;
use crate::explain::{Conditions, Lines};
use crate::model::{BuildInputs, RememberedBuild};
use crate::ops::builder::BuilderSession;
use crate::ops::explain::lines_of;
use crate::ops::why::{Built, Pair};
use crate::options::{BuilderOptions, duration};
use crate::report::explanation::hook_line;
use crate::scenario::read_file;
use crate::trace::Trace;

/// The answer comes at the latest after this long.
const LIMIT: Duration = Duration::from_millis(500);
/// The build that has just ended did so at most this long ago.
const JUST_NOW: SignedDuration = SignedDuration::from_secs(5);
/// Clocks differ by this much: the builder's is not ours.
const CLOCKS: SignedDuration = SignedDuration::from_secs(1);
/// Words of the command that are tried as its context.
const MAX_PLACES: usize = 20;
/// The threshold where the settings name none.
const USUAL_THRESHOLD: Duration = Duration::from_secs(10);

/// What the Docker CLI is to print; nothing where there is nothing to say, or where it cannot be
/// found out in time.
pub(super) fn answer(request: &str) -> String {
    let request = HookRequest::read(request);
    let line = request
        .filter(|request| request.command_error.is_empty())
        .and_then(in_time);
    hook_response(line.as_deref())
}

/// Asks the builder in a thread of its own, which ends with the process.
fn in_time(request: HookRequest) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let line = runtime.ok().and_then(|runtime| {
            let found = runtime.block_on(line(&request));
            runtime.shutdown_background();
            found
        });
        // Whoever waited may have given up.
        let _ = sender.send(line);
    });
    receiver.recv_timeout(LIMIT).ok().flatten()
}

async fn line(request: &HookRequest) -> Option<String> {
    let settings = read_config(&docker_folder().ok()?).ok()?.hook()?;
    let threshold = duration(&settings.threshold).unwrap_or(USUAL_THRESHOLD);
    // Nothing in a shorter command cost as much: most builds cost no question to the builder.
    if parent_age().is_some_and(|age| age < threshold) {
        return None;
    }
    // Elsewhere than on Linux the builder in use is asked.
    let command = parent().unwrap_or(DockerBuild {
        uses_current: true,
        ..DockerBuild::default()
    });
    let uses_engine = !command.uses_current && std::env::var_os("BUILDX_BUILDER").is_none();
    let builder = command.builder.clone();
    let options = BuilderOptions {
        host: command.host.clone(),
        builder: builder.or_else(|| uses_engine.then(|| "default".to_owned())),
        ..BuilderOptions::default()
    };
    let session = BuilderSession::of_running(&options).await.ok()?;
    let line = of_session(&session, &command, request, threshold).await;
    session.close().await;
    line
}

async fn of_session(
    session: &BuilderSession,
    command: &DockerBuild,
    request: &HookRequest,
    threshold: Duration,
) -> Option<String> {
    let builds = session.remembered_builds().await.ok()?;
    let ended = builds.iter().filter(|build| may_be_of(build, command));
    let build = ended.max_by_key(|build| build.completed)?;
    let age = Timestamp::now().duration_since(build.completed?);
    // Shorter than the threshold, nothing in it cost as much.
    if age > JUST_NOW || build.duration()? < threshold {
        return None;
    }
    let (built, dockerfile) = explained(session, build, command).await?;
    let explanation = &built.explanation;
    let found = match hook_line::emulated(explanation, threshold) {
        None if is_uncached(request) || !hook_line::may_have_lost(explanation, threshold) => None,
        None => {
            let earlier = earlier(&builds, build)?;
            let (earlier, _) = explained(session, earlier, command).await?;
            let pair = Pair::new(built.clone(), earlier);
            // Builds of other projects are asked for alike.
            if !pair.is_alike() {
                return None;
            }
            let why = pair.why(None);
            hook_line::lost_cache(explanation, &pair.earlier.explanation, &why, threshold)
        }
        emulated => emulated,
    };
    let file = dockerfile.map_or_else(String::new, |file| {
        format!(
            " --file {}",
            escape::terminal(&file.display().to_string(), 200)
        )
    });
    found.map(|line| format!("{line}. More: `docker buildrace explain --last{file}`"))
}

/// Whether a build may be the command's: the builder may have others, too.
fn may_be_of(build: &RememberedBuild, command: &DockerBuild) -> bool {
    let name = |path: &Option<String>| {
        let path = path.as_deref().unwrap_or("Dockerfile");
        Path::new(path).file_name().map(ToOwned::to_owned)
    };
    let is_late = |age: Duration| {
        let age = SignedDuration::try_from(age).ok()?;
        Some(build.started? + CLOCKS >= Timestamp::now() - age)
    };
    // A command always names a context, unless its words are unknown.
    let is_named_so =
        command.contexts.is_empty() || name(&build.inputs.dockerfile) == name(&command.file);
    !build.is_of_buildrace() && is_named_so && parent_age().and_then(is_late).unwrap_or(true)
}

/// Whether nothing was to be taken from the cache.
fn is_uncached(request: &HookRequest) -> bool {
    request.has_flag("no-cache") || request.has_flag("no-cache-filter")
}

/// The build of the same before this one.
fn earlier<'b>(
    builds: &'b [RememberedBuild],
    build: &RememberedBuild,
) -> Option<&'b RememberedBuild> {
    let earlier = builds.iter().filter(|earlier| {
        earlier.reference != build.reference
            && earlier.node == build.node
            && is_of_same(&earlier.inputs, &build.inputs)
            && earlier.error.is_none()
            && earlier.completed.is_some()
            && earlier.completed <= build.started
    });
    earlier.max_by_key(|earlier| earlier.completed)
}

/// Whether two builds are of the same, whatever their arguments were.
fn is_of_same(one: &BuildInputs, other: &BuildInputs) -> bool {
    let asked = |inputs: &BuildInputs| BuildInputs {
        arguments: BTreeMap::new(),
        no_cache: None,
        revision: None,
        ..inputs.clone()
    };
    asked(one) == asked(other)
}

/// A build explained, and its Dockerfile, where that is found.
async fn explained(
    session: &BuilderSession,
    build: &RememberedBuild,
    command: &DockerBuild,
) -> Option<(Built, Option<PathBuf>)> {
    let recorded = session.recorded(build).await.ok()?;
    let found = dockerfile_of(command, &recorded.trace);
    let (file, lines) = found.map_or((None, Lines::default()), |(file, lines)| {
        (Some(file), lines)
    });
    let conditions = Conditions {
        lines,
        ..Conditions::default()
    };
    Some((
        Built::of_recorded(String::new(), &recorded, &conditions)?,
        file,
    ))
}

/// The Dockerfile that was built, where the command's words lead to one that has each RUN of the
/// build.
fn dockerfile_of(build: &DockerBuild, trace: &Trace) -> Option<(PathBuf, Lines)> {
    let named = build.file.as_ref().map(PathBuf::from);
    let contexts = build.contexts.iter().map(Path::new).take(MAX_PLACES);
    let inside = contexts.map(|context| match context == Path::new(".") {
        true => PathBuf::from("Dockerfile"),
        false => context.join("Dockerfile"),
    });
    let places = named.into_iter().chain(inside);
    let mut read = places.filter_map(|place| Some((read_file(&place).ok()?, place)));
    let (text, file) = read.next()?;
    let lines = lines_of(&String::from_utf8_lossy(&text));
    let known = lines.by_digest(trace);
    let mut runs = trace.steps().iter().filter(|step| step.label.is("RUN"));
    let is_whole = runs.all(|step| known.contains_key(step.digest.as_str()));
    is_whole.then_some((file, lines))
}

/// The command after which the Docker CLI asks, where the system tells its words: it is the parent.
fn parent() -> Option<DockerBuild> {
    let parent = std::os::unix::process::parent_id();
    let text = std::fs::read(Path::new("/proc").join(parent.to_string()).join("cmdline")).ok()?;
    let words = text
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty());
    let words: Vec<String> = words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    DockerBuild::read(&words)
}

/// How long the parent has run, where the system tells it.
#[cfg(target_os = "linux")]
fn parent_age() -> Option<Duration> {
    use procfs::Current;
    let parent = i32::try_from(std::os::unix::process::parent_id()).ok()?;
    let started = procfs::process::Process::new(parent)
        .ok()?
        .stat()
        .ok()?
        .starttime;
    let started = started as f64 / procfs::ticks_per_second() as f64;
    let now = procfs::Uptime::current().ok()?.uptime;
    Duration::try_from_secs_f64(now - started).ok()
}

#[cfg(not(target_os = "linux"))]
fn parent_age() -> Option<Duration> {
    None
}
