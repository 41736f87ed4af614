//! `buildrace.toml`: what a check builds, how it is judged, and what closes the
//! gate. `docs/ci.md` describes it key by key.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::{BuildKind, Platform};
use crate::scenario::document::{At, Problem, Table, parse};
use crate::scenario::{Place, ScenarioError, check_bake_target, choice, position, read_file};

/// The name of the file that holds a policy.
const POLICY_FILE: &str = "buildrace.toml";

/// No policy is larger: what is, is something else.
const LARGEST: usize = 1 << 20;

/// What a check builds and how it is judged. Paths are as written, relative to
/// [`Policy::folder`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// The file; empty where there is none.
    pub file: PathBuf,
    /// The folder that it is in; empty where there is no file.
    pub folder: PathBuf,
    /// The Dockerfile that is checked.
    pub dockerfile: Option<PathBuf>,
    /// Targets of bake that are checked in its place.
    pub bake: Vec<String>,
    /// The bake files.
    pub bake_files: Vec<PathBuf>,
    /// The folder that is the build context.
    pub context: Option<PathBuf>,
    /// Platforms of the multi-arch kinds.
    pub platforms: Vec<Platform>,
    /// Stage to build.
    pub target: Option<String>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Further build contexts.
    pub contexts: BTreeMap<String, String>,
    /// Secrets, as `--secret` takes them.
    pub secrets: Vec<String>,
    /// Build arguments and variables whose values results do not show.
    pub redact: Vec<String>,
    /// Files that incremental builds change, as `--edit` takes them.
    pub edit: Vec<String>,
    /// The rules by which they change, as `--edit-with` takes them.
    pub edit_with: Vec<String>,
    /// Kinds to build.
    pub kinds: Vec<BuildKind>,
    /// The revision that the working tree is compared with.
    pub base: Option<String>,
    /// The kind that the gate goes by.
    pub metric: Option<BuildKind>,
    /// Rounds, `auto` or a number.
    pub rounds: Option<At<String>>,
    /// Least change that matters, in percent as written.
    pub delta: Option<At<String>>,
    /// Rules that fail the check; the usual where `None`.
    pub fatal: Option<Vec<Fatal>>,
}

/// A rule that may fail a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fatal {
    /// The gate's kind is slower.
    Slower,
    /// Builds of the working tree failed.
    Failed,
    /// The verdict of the last look is inconclusive.
    Inconclusive,
    /// Too few rounds counted for any look.
    Unmeasured,
    /// More steps run under an emulator than in the baseline.
    EmulatedSteps,
    /// Fewer steps come from the cache than in the baseline.
    CachedSteps,
    /// There are more steps than in the baseline.
    Steps,
    /// More builds fail than in the baseline.
    FailureRate,
    /// The image is larger than in the baseline, by more than δ.
    ImageSize,
}

impl Fatal {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Slower,
        Self::Failed,
        Self::Inconclusive,
        Self::Unmeasured,
        Self::EmulatedSteps,
        Self::CachedSteps,
        Self::Steps,
        Self::FailureRate,
        Self::ImageSize,
    ];

    /// The rules that fail a check where nobody names any.
    pub const USUAL: [Self; 7] = [
        Self::Slower,
        Self::Failed,
        Self::Unmeasured,
        Self::EmulatedSteps,
        Self::CachedSteps,
        Self::FailureRate,
        Self::ImageSize,
    ];

    /// The name used in the policy, on the command line and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slower => "slower",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Unmeasured => "unmeasured",
            Self::EmulatedSteps => "emulated-steps",
            Self::CachedSteps => "cached-steps",
            Self::Steps => "steps",
            Self::FailureRate => "failure-rate",
            Self::ImageSize => "image-size",
        }
    }
}

impl std::str::FromStr for Fatal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = Self::ALL.map(Self::as_str);
        let found = Self::ALL.into_iter().find(|fatal| fatal.as_str() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = names.into_iter().chain(["none"]).collect();
            format!("{text:?} closes no gate: {}", choice(text, &names))
        })
    }
}

/// A word of the list of rules that fail a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FatalWord {
    /// `none`: nothing does.
    None,
    /// A rule by its name.
    Rule(Fatal),
}

impl FatalWord {
    /// What a list of them means: `none` stands alone.
    ///
    /// # Errors
    /// `none` is among rules; the message says so.
    pub fn rules(words: &[Self]) -> Result<Vec<Fatal>, String> {
        let rules = words.iter().filter_map(|word| match word {
            Self::None => None,
            Self::Rule(rule) => Some(*rule),
        });
        let rules: Vec<Fatal> = rules.collect();
        if words.contains(&Self::None) && !rules.is_empty() {
            return Err("\"none\" means that nothing fails the check: name it alone".to_owned());
        }
        Ok(rules)
    }
}

impl std::str::FromStr for FatalWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::None);
        }
        Ok(Self::Rule(text.parse()?))
    }
}

const KEYS: [&str; 2] = ["build", "check"];
const BUILD_KEYS: [&str; 13] = [
    "dockerfile",
    "bake",
    "bake-file",
    "context",
    "platforms",
    "target",
    "build-args",
    "contexts",
    "secrets",
    "redact",
    "edit",
    "edit-with",
    "kinds",
];
const CHECK_KEYS: [&str; 5] = ["base", "metric", "rounds", "delta", "fatal"];

impl Policy {
    /// The policy of a folder: the file in it, or in the nearest folder above
    /// it up to `top`; an empty one where there is none.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong.
    pub fn find(folder: &Path, top: &Path) -> Result<Self, ScenarioError> {
        let folders = folder.ancestors().take_while(|at| at.starts_with(top));
        for at in folders {
            let file = at.join(POLICY_FILE);
            if file.is_file() {
                return Self::read(&file);
            }
        }
        Ok(Self::default())
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// The file cannot be read, or something in it is wrong.
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let io = |error: io::Error| ScenarioError::Io {
            action: "read",
            path: file.to_owned(),
            error,
        };
        let bytes = read_file(file).map_err(io)?;
        if bytes.len() > LARGEST {
            return Err(io(io::Error::other("larger than 1 MiB")));
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| io(io::Error::new(io::ErrorKind::InvalidData, error)))?;
        let mut policy = read(&text).map_err(|problem| invalid(file, &text, &problem))?;
        policy.folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        policy.file = file.to_owned();
        Ok(policy)
    }

    /// A path of the policy, from where the program runs.
    pub fn path(&self, written: &Path) -> PathBuf {
        self.folder.join(written)
    }

    /// An error at a place of the file.
    pub fn wrong(&self, at: &At<String>, message: &str) -> ScenarioError {
        let bytes = read_file(&self.file).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        invalid(&self.file, &text, &at.problem(message))
    }
}

fn invalid(file: &Path, text: &str, problem: &Problem) -> ScenarioError {
    let (line, column) = position(text, problem.span.start);
    ScenarioError::Invalid {
        at: Place {
            file: file.to_owned(),
            line,
            column: Some(column),
        },
        message: problem.message.clone(),
    }
}

fn read(text: &str) -> Result<Policy, Problem> {
    let document = parse(text)?;
    let root = Table::new("", 0..0, document.get_ref(), &KEYS)?;
    let mut policy = Policy::default();
    if let Some(build) = root.table("build", &BUILD_KEYS)? {
        let path = |key| Ok::<_, Problem>(build.string(key)?.map(|at| at.value.into()));
        policy.dockerfile = path("dockerfile")?;
        policy.bake = one_or_more(&build, "bake", check_bake_target)?;
        let files = one_or_more(&build, "bake-file", |_| Ok(()))?;
        policy.bake_files = files.into_iter().map(PathBuf::from).collect();
        if let Some(dockerfile) = build.string("dockerfile")?
            && !policy.bake.is_empty()
        {
            return Err(
                dockerfile.problem("\"dockerfile\" beside \"bake\": expected one of the two")
            );
        }
        policy.context = path("context")?;
        policy.edit = one_or_more(&build, "edit", |_| Ok(()))?;
        policy.platforms = list(&build, "platforms", |text| {
            text.parse()
                .map_err(|_| format!("{text:?} is not a platform like \"linux/arm64\""))
        })?;
        policy.target = build.string("target")?.map(|at| at.value);
        policy.edit_with = one_or_more(&build, "edit-with", |_| Ok(()))?;
        policy.kinds = list(&build, "kinds", str::parse)?;
        policy.secrets = list(&build, "secrets", |text| Ok(text.to_owned()))?;
        policy.redact = list(&build, "redact", |text| Ok(text.to_owned()))?;
        let strings = |key| {
            let pairs = build.strings(key)?.into_iter();
            Ok::<_, Problem>(pairs.map(|(name, value)| (name.value, value)).collect())
        };
        policy.build_args = strings("build-args")?;
        policy.contexts = strings("contexts")?;
    }
    if let Some(check) = root.table("check", &CHECK_KEYS)? {
        policy.base = check.string("base")?.map(|at| at.value);
        let metric = check.string("metric")?;
        policy.metric = metric
            .map(|at| at.try_map(|text| text.parse::<BuildKind>()))
            .transpose()?
            .map(|at| at.value);
        policy.rounds = check.scalar("rounds")?;
        policy.delta = check.scalar("delta")?;
        policy.fatal = fatal(&check)?;
    }
    Ok(policy)
}

/// `fatal`, a list of rules; an empty one, or `"none"` in it or alone, for
/// none.
fn fatal(check: &Table<'_, '_>) -> Result<Option<Vec<Fatal>>, Problem> {
    let word = check.string("fatal").ok().flatten();
    if check.is_empty_list("fatal") || word.is_some_and(|word| word.value == "none") {
        return Ok(Some(Vec::new()));
    }
    let Some(words) = check.list("fatal", str::parse::<FatalWord>)? else {
        return Ok(None);
    };
    let rules = FatalWord::rules(&words.value);
    let rules = rules.map_err(|message| Problem {
        span: words.span,
        message,
    })?;
    Ok(Some(rules))
}

/// A string, or a list of strings.
fn one_or_more(
    table: &Table<'_, '_>,
    key: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, Problem> {
    if let Ok(Some(one)) = table.string(key) {
        let one = one.try_map(|text| check(&text).map(|()| text))?;
        return Ok(vec![one.value]);
    }
    list(table, key, |text| check(text).map(|()| text.to_owned()))
}

fn list<T: Ord + Clone>(
    table: &Table<'_, '_>,
    key: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Problem> {
    Ok(table
        .list(key, read)?
        .map(|at| at.value)
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bake_takes_the_place_of_a_dockerfile() {
        let policy = read("[build]\nbake = \"app\"\nbake-file = [\"a.hcl\", \"b.hcl\"]\n").unwrap();
        assert_eq!(policy.bake, ["app"]);
        assert_eq!(policy.bake_files, [PathBuf::from("a.hcl"), "b.hcl".into()]);
        for text in [
            "[build]\nbake = \"-f\"\n",
            "[build]\nbake = 1\n",
            "[build]\nbake = \"app\"\ndockerfile = \"Dockerfile\"\n",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    const WHOLE: &str = r#"
[build]
dockerfile = "docker/Dockerfile"
context = "."
platforms = ["linux/amd64", "linux/arm64"]
target = "final"
build-args = { VERSION = "1" }
contexts = { assets = "assets" }
secrets = ["id=tok,env=TOKEN"]
redact = ["HOST"]
edit = "cmd/main.go"
edit-with = "s/dev/{nonce}/"
kinds = ["multi-arch", "incremental"]

[check]
base = "origin/main"
metric = "incremental"
rounds = 12
delta = "10%"
fatal = ["slower", "failed", "inconclusive"]
"#;

    #[test]
    fn every_key_is_read() {
        let policy = read(WHOLE).unwrap();
        assert_eq!(policy.dockerfile, Some("docker/Dockerfile".into()));
        assert_eq!(policy.platforms.len(), 2);
        assert_eq!(policy.build_args["VERSION"], "1");
        assert_eq!(policy.contexts["assets"], "assets");
        assert_eq!(policy.metric, Some(BuildKind::Incremental));
        assert_eq!(policy.rounds.unwrap().value, "12");
        assert_eq!(policy.delta.unwrap().value, "10%");
        assert_eq!(
            policy.fatal,
            Some(vec![Fatal::Slower, Fatal::Failed, Fatal::Inconclusive])
        );
        assert_eq!(read("").unwrap(), Policy::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(POLICY_FILE);
        for (text, place, message) in [
            ("[chek]\n", ":1:2", "did you mean \"check\"?"),
            (
                "[check]\nfatal = [\"slow\"]\n",
                ":2:10",
                "did you mean \"slower\"?",
            ),
            ("[check]\nrounds = true\n", ":2:10", "a string or a number"),
            (
                "[check]\nmetric = \"warm\"\n",
                ":2:10",
                "expected one of cold",
            ),
            ("[build]\nplatforms = [\"x\"]\n", ":2:14", "not a platform"),
            ("[build\n", ":1:", "not valid TOML"),
        ] {
            fs::write(&file, text).unwrap();
            let error = Policy::read(&file).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
            assert!(error.contains(&format!("{POLICY_FILE}{place}")), "{error}");
        }
    }

    #[test]
    fn nothing_fails_a_check_where_fatal_is_none() {
        for none in ["[]", "\"none\"", "[\"none\"]"] {
            let policy = read(&format!("[check]\nfatal = {none}\n")).unwrap();
            assert_eq!(policy.fatal, Some(Vec::new()), "{none}");
        }
        for wrong in ["[\"none\", \"slower\"]", "\"slower\"", "[\"non\"]"] {
            assert!(
                read(&format!("[check]\nfatal = {wrong}\n")).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_nearest_one_within_the_repository_counts() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("repository");
        let deep = top.join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(folder.path().join(POLICY_FILE), "nonsense").unwrap();
        assert_eq!(Policy::find(&deep, &top).unwrap(), Policy::default());
        fs::write(top.join(POLICY_FILE), WHOLE).unwrap();
        let found = Policy::find(&deep, &top).unwrap();
        assert_eq!(found.folder, top);
        assert_eq!(found.path(Path::new("x")), top.join("x"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\[(build|check)\\]\n)?([a-z-]{1,10} = .{0,20}\n){0,4}") {
            let _ = read(&text);
        }
    }
}
