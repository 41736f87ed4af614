//! The Docker CLI's global flags, which it passes on to its plugins before their name
//! (`cli/flags/options.go`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::CallError;

/// Variables to set, or to take out where there is no value.
pub type Environment = Vec<(&'static str, Option<String>)>;

/// Flags that take a value, with their short forms.
const WITH_VALUE: [(&str, &str); 7] = [
    ("config", ""),
    ("context", "c"),
    ("host", "H"),
    ("log-level", "l"),
    ("tlscacert", ""),
    ("tlscert", ""),
    ("tlskey", ""),
];
/// Flags that are on or off.
const SWITCHES: [(&str, &str); 5] = [
    ("debug", "D"),
    ("help", "h"),
    ("tls", ""),
    ("tlsverify", ""),
    ("version", "v"),
];
/// Names that the files for TLS have in one folder.
const TLS_FILES: [(&str, &str); 3] = [
    ("tlscacert", "ca.pem"),
    ("tlscert", "cert.pem"),
    ("tlskey", "key.pem"),
];

/// What was given.
#[derive(Debug, Default)]
pub(super) struct GlobalFlags {
    given: Vec<(&'static str, String)>,
    /// Whether help was asked for.
    pub(super) help: bool,
}

impl GlobalFlags {
    /// Reads flags up to the first word that is none, and gives the rest back.
    pub(super) fn read(words: &[OsString]) -> Result<(Self, &[OsString]), CallError> {
        let mut flags = Self::default();
        let mut at = 0;
        while let Some(word) = words.get(at).and_then(|word| word.to_str()) {
            if !word.starts_with('-') || word == "-" {
                break;
            }
            at += 1;
            let Some((name, value)) = split(word) else {
                return Err(CallError(format!("unknown global flag of docker: {word}")));
            };
            let is_switch = SWITCHES.iter().any(|(switch, _)| *switch == name);
            let value = match value {
                Some(value) => value,
                None if is_switch => "true".to_owned(),
                None => {
                    let value = words.get(at).and_then(|word| word.to_str());
                    at += 1;
                    value
                        .ok_or_else(|| CallError(format!("--{name} needs a value")))?
                        .to_owned()
                }
            };
            flags.help |= name == "help" && is_on(&value);
            flags.given.push((name, value));
        }
        Ok((flags, &words[at.min(words.len())..]))
    }

    /// The last value of a flag: it goes before the others, as in the Docker CLI.
    pub(super) fn last(&self, name: &str) -> Option<&str> {
        let mut given = self.given.iter().rev();
        given
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The same in the environment, where both the Docker CLI and buildrace look.
    pub(super) fn environment(&self) -> Result<Environment, CallError> {
        let mut environment = Environment::new();
        if let Some(folder) = self.last("config") {
            environment.push(("DOCKER_CONFIG", Some(folder.to_owned())));
        }
        match (self.last("host"), self.last("context")) {
            (Some(_), Some(_)) => {
                return Err(CallError(
                    "conflicting options: cannot specify both --host and --context".to_owned(),
                ));
            }
            (Some(host), None) => {
                let host = match host.contains("://") {
                    true => host.to_owned(),
                    false => format!("tcp://{host}"),
                };
                environment.push(("DOCKER_CONTEXT", None));
                environment.push(("DOCKER_HOST", Some(host)));
            }
            (None, Some(context)) => {
                environment.push(("DOCKER_HOST", None));
                environment.push(("DOCKER_CONTEXT", Some(context.to_owned())));
            }
            (None, None) => {}
        }
        let on = || Some("1".to_owned());
        match self.last("tls") {
            Some(value) if is_on(value) => environment.push(("DOCKER_TLS", on())),
            Some(_) => environment.push(("DOCKER_TLS", None)),
            None => {}
        }
        match self.last("tlsverify") {
            Some(value) if is_on(value) => environment.push(("DOCKER_TLS_VERIFY", on())),
            // Named at all, it means TLS.
            Some(_) => {
                environment.push(("DOCKER_TLS", on()));
                environment.push(("DOCKER_TLS_VERIFY", None));
            }
            None => {}
        }
        if let Some(folder) = self.certificates()? {
            let folder = folder.display().to_string();
            environment.push(("DOCKER_CERT_PATH", Some(folder)));
        }
        Ok(environment)
    }

    /// The folder of the files for TLS.
    fn certificates(&self) -> Result<Option<PathBuf>, CallError> {
        let mut folder: Option<PathBuf> = None;
        for (flag, name) in TLS_FILES {
            let Some(file) = self.last(flag) else {
                continue;
            };
            let path = Path::new(file);
            let parent = path.parent().unwrap_or(Path::new("")).to_owned();
            let is_named_so = path.file_name().is_some_and(|known| known == name);
            let is_with_others = folder.as_ref().is_none_or(|folder| *folder == parent);
            if !is_named_so || !is_with_others {
                return Err(CallError(format!(
                    "--{flag} {file}: buildrace reads ca.pem, cert.pem and key.pem of one folder; \
                     put the files there, or use a Docker context (`docker context create`)"
                )));
            }
            folder = Some(parent);
        }
        Ok(folder)
    }
}

/// The long name of a flag, and its value where the word has it.
fn split(word: &str) -> Option<(&'static str, Option<String>)> {
    let all = || WITH_VALUE.iter().chain(&SWITCHES);
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        let (name, _) = all().find(|(known, _)| *known == name)?;
        return Some((name, value));
    }
    let short = word.strip_prefix('-')?;
    let (name, short_name) =
        all().find(|(_, known)| !known.is_empty() && short.starts_with(known))?;
    let rest = &short[short_name.len()..];
    let value = rest.strip_prefix('=').unwrap_or(rest);
    Some((name, (!rest.is_empty()).then(|| value.to_owned())))
}

/// As Go's `strconv.ParseBool`.
fn is_on(value: &str) -> bool {
    matches!(value, "1" | "t" | "T" | "TRUE" | "true" | "True")
}
