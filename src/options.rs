//! What a user may ask for, as plain data: command line and policy are turned
//! into it, and nothing that races knows either.

mod matrix;
mod results;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::model::{BuildKind, CiCache, Platform, TimedExport};
use crate::report::{Document, Format, NoDocument, UnknownFormat};

pub use crate::report::PageAddress;
pub use matrix::{Axis, Matrix, MatrixValue};
pub use results::{ResultsPlace, StorePlace};

/// Which builder to use, as it is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuilderOptions {
    /// The engine's address; `None` where it is to be found.
    pub host: Option<String>,
    /// Name or address of the builder; `None` for the current one.
    pub builder: Option<String>,
    /// `KEY=VALUE` of the driver.
    pub driver_opt: Vec<String>,
    /// The `buildkitd.toml` of a container of buildrace's own.
    pub buildkitd_config: Option<PathBuf>,
}

impl BuilderOptions {
    /// Whether nothing is asked of a container of buildrace's own.
    pub fn is_usual_container(&self) -> bool {
        self.driver_opt.is_empty() && self.buildkitd_config.is_none()
    }
}

/// How to race: what every command that builds is asked for.
#[derive(Debug, Clone)]
pub struct RaceOptions {
    /// Where to build.
    pub builder: BuilderOptions,
    /// What the race is repeated over, side by side.
    pub matrix: Option<Matrix>,
    /// How many rounds to build; `None` where it is left to the command.
    pub rounds: Option<Rounds>,
    /// Seed of the order of samples; `None` where it is to be drawn.
    pub seed: Option<u64>,
    /// Longest time of a build.
    pub timeout: Duration,
    /// The change that matters, as a share; `None` for [`LEAST_DELTA`].
    ///
    /// [`LEAST_DELTA`]: crate::model::LEAST_DELTA
    pub delta: Option<f64>,
    /// Whether rounds count in which something else used the machine.
    pub keep_contaminated: bool,
    /// Longest wait before a build for the machine to come to rest, where one was chosen.
    pub settle: Option<Duration>,
    /// Names of the build arguments and variables whose values nothing may show.
    pub redact: Vec<String>,
    /// Whether to measure images.
    pub image_size: bool,
    /// What becomes of the results of timed builds.
    pub export: TimedExport,
    /// Remote caches of CI jobs, each of which adds kinds of builds.
    pub ci_caches: Vec<CiCache>,
    /// Where results go.
    pub results: ResultsPlace,
    /// Folder of reports.
    pub reports: PathBuf,
    /// Whether to print where results are as JSON.
    pub json: bool,
    /// Formats to write besides.
    pub formats: Vec<Output>,
    /// Where the report's page will be on the web.
    pub report_url: Option<PageAddress>,
}

/// What to build of a Dockerfile of one's own, in buildx's words and as they are
/// typed.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// The build context; `None` for the current folder.
    pub context: Option<PathBuf>,
    /// Platforms of the multi-arch kinds; none for the native platform.
    pub platform: Vec<Platform>,
    /// Build arguments, `NAME=VALUE`, or `NAME` with its value in the environment.
    pub build_arg: Vec<String>,
    /// Stage to build; `None` for the last.
    pub target: Option<String>,
    /// Secrets, `id=ID,src=FILE` or `id=ID,env=NAME`.
    pub secret: Vec<String>,
    /// SSH agents, `default` or `ID=SOCKET`.
    pub ssh: Vec<String>,
    /// Named contexts, `NAME=PATH`.
    pub build_context: Vec<String>,
    /// The files that incremental builds change, `FILE` or `NAME=FILE`.
    pub edit: Vec<String>,
    /// How they are changed, `RULE` or `NAME=RULE`, a rule like `s/REGEX/REPLACEMENT/`; a comment
    /// is added where there is none.
    pub edit_with: Vec<String>,
    /// Build kinds; none where they follow from platforms and edit.
    pub kinds: Vec<BuildKind>,
    /// How many to build at the same time, besides.
    pub concurrent: Option<u8>,
}

impl BuildOptions {
    /// Adds the kind of builds that start together, where it is asked for and not there.
    pub fn add_concurrent(&self, kinds: &mut Vec<BuildKind>) {
        add_concurrent(self.concurrent, kinds);
    }
}

/// Adds the kind of so many builds that start together, if it is not there.
pub fn add_concurrent(count: Option<u8>, kinds: &mut Vec<BuildKind>) {
    let kind = count.map(BuildKind::Concurrent);
    kinds.extend(kind.filter(|kind| !kinds.contains(kind)));
}

/// What is asked of bake, in buildx's words and as it is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BakeOptions {
    /// Bake files; none for those that bake finds itself.
    pub files: Vec<PathBuf>,
    /// What is set in place of what they say, `TARGET.KEY=VALUE`.
    pub set: Vec<String>,
    /// What targets may do and read that they may not else.
    pub allow: Vec<String>,
}

/// A format, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The format.
    pub format: OutputFormat,
    /// The file; its usual place, or stdout, where none is named.
    pub file: Option<PathBuf>,
}

/// What a result is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// The report in another form.
    Document(Document),
    /// What a CI system reads.
    Ci(Format),
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(document) => document.fmt(f),
            Self::Ci(format) => format.fmt(f),
        }
    }
}

impl FromStr for OutputFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(document) => Ok(Self::Document(document)),
            Err(NoDocument) => text.parse().map(Self::Ci),
        }
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, file) = match text.split_once('=') {
            Some((_, "")) => return Err("expected a file after \"=\"".to_owned()),
            Some((name, file)) => (name, Some(file.into())),
            None => (text, None),
        };
        let format = name
            .parse()
            .map_err(|error: UnknownFormat| error.to_string())?;
        if format == OutputFormat::Document(Document::Png) && file.is_none() {
            return Err("a picture needs a file: png=FILE".to_owned());
        }
        Ok(Self { format, file })
    }
}

/// How many rounds to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounds {
    /// So many.
    Fixed(u32),
    /// Until it is clear.
    Auto,
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(rounds) => write!(f, "{rounds}"),
            Self::Auto => f.write_str("auto"),
        }
    }
}

/// No verdict looks at more.
const MOST_ROUNDS: u32 = 200;

/// `auto`, or a number of rounds.
pub fn rounds(text: &str) -> Result<Rounds, String> {
    if text == "auto" {
        return Ok(Rounds::Auto);
    }
    text.parse()
        .ok()
        .filter(|rounds| (1..=MOST_ROUNDS).contains(rounds))
        .map(Rounds::Fixed)
        .ok_or_else(|| format!("expected auto, or a number from 1 to {MOST_ROUNDS}"))
}

/// Reads how many builds start together.
///
/// # Errors
/// It is no such number.
pub fn builds_at_once(text: &str) -> Result<u8, String> {
    let kind: BuildKind = format!("concurrent:{text}").parse()?;
    kind.builds_at_once()
        .ok_or_else(|| format!("{text:?} is no number of builds"))
}

/// `5%` or `0.05`: a share from 0 to 1, without 1.
pub fn share(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    number
        .ok()
        .filter(|share| (0.0..1.0).contains(share))
        .ok_or_else(|| "expected a share like 5% or 0.05, below 100%".to_owned())
}

/// A build that takes longer has hung.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3600);

/// `90s`, `30m`: more than nothing, and at most seven days.
///
/// # Errors
/// What was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration = duration_or_zero(text)?;
    if duration.is_zero() {
        return Err("expected a duration above zero, like 90s or 30m".into());
    }
    Ok(duration)
}

/// The same, which may be zero.
///
/// # Errors
/// What is wrong with it.
pub fn duration_or_zero(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}: expected a duration like 90s, 30m or 1h30m"))?;
    if duration > LONGEST_TIMEOUT {
        return Err("expected at most 7 days".into());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_may_name_its_file() {
        let output: Output = "junit=out/a=b.xml".parse().unwrap();
        assert_eq!(output.format, OutputFormat::Ci(Format::Junit));
        assert_eq!(output.file, Some("out/a=b.xml".into()));
        let output: Output = "html=page.html".parse().unwrap();
        assert_eq!(output.format, OutputFormat::Document(Document::Html));
        assert!("png".parse::<Output>().is_err());
        let output: Output = "bmf".parse().unwrap();
        assert_eq!(output.file, None);
        let error = "junot".parse::<Output>().unwrap_err();
        assert!(error.contains("junit"), "{error}");
        assert!("junit=".parse::<Output>().is_err());
    }

    #[test]
    fn rounds_and_shares_are_read_as_people_write_them() {
        assert_eq!(rounds("auto"), Ok(Rounds::Auto));
        assert_eq!(rounds("6"), Ok(Rounds::Fixed(6)));
        for text in ["", "0", "-1", "201", "always", "6.5"] {
            assert!(rounds(text).is_err(), "{text}");
        }
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.1"), Ok(0.1));
        assert_eq!(share("0"), Ok(0.0));
        for text in ["", "5", "-1%", "100%", "NaN", "inf", "five"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
