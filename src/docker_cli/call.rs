//! As what the program was called.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::error::CallError;
use super::global_flags::{Environment, GlobalFlags};

/// The plugin's name: what is typed after `docker`.
pub const PLUGIN_NAME: &str = "buildrace";
/// The name of its file in a plugin folder.
pub const PLUGIN_FILE: &str = "docker-buildrace";

/// As what the program was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// By its own name.
    Program,
    /// By the Docker CLI, or as its plugin without it: a command line without the program's name,
    /// and what the global flags before it come to in the environment.
    Command {
        /// Variables to set, or to take out where there is no value.
        environment: Environment,
        /// The words of the command line.
        words: Vec<OsString>,
    },
    /// What it is.
    Metadata,
    /// The words that a shell has of a command line; the last one is to be completed.
    Completion(Vec<OsString>),
    /// What to say after another command; its text is JSON.
    Hook(String),
}

impl Call {
    /// Reads the words of a process, its own name first. `by_docker` says whether the Docker CLI
    /// set what it sets for plugins.
    ///
    /// # Errors
    /// A global flag that cannot be honoured, or no call of the Docker CLI.
    pub fn read(words: &[OsString], by_docker: bool) -> Result<Self, CallError> {
        let Some((name, words)) = words.split_first() else {
            return Ok(Self::Program);
        };
        if Path::new(name).file_name() != Some(OsStr::new(PLUGIN_FILE)) {
            return Ok(Self::Program);
        }
        let is = |at: usize, word: &str| words.get(at).is_some_and(|known| known == word);
        if is(0, "docker-cli-plugin-metadata") {
            return Ok(Self::Metadata);
        }
        if is(0, "__complete") || is(0, "__completeNoDesc") {
            return Ok(Self::Completion(words.iter().skip(2).cloned().collect()));
        }
        if is(0, PLUGIN_NAME)
            && is(1, "docker-cli-plugin-hooks")
            && let Some(request) = words.get(2)
        {
            return Ok(Self::Hook(request.to_string_lossy().into_owned()));
        }
        if !by_docker && !is(0, PLUGIN_NAME) {
            return Ok(Self::Command {
                environment: Environment::new(),
                words: words.to_vec(),
            });
        }
        let (flags, words) = GlobalFlags::read(words)?;
        let mut words = words.to_vec();
        // `docker help buildrace run`.
        let at = usize::from(words.first().is_some_and(|word| word == "help"));
        match words.get(at) {
            Some(word) if word == PLUGIN_NAME => drop(words.remove(at)),
            _ => {
                return Err(CallError(format!(
                    "called as {PLUGIN_FILE}, a plugin of the Docker CLI: expected `docker \
                     {PLUGIN_NAME} …`"
                )));
            }
        }
        if flags.help {
            words.insert(0, "--help".into());
        }
        Ok(Self::Command {
            environment: flags.environment()?,
            words,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    fn call(text: &str) -> Result<Call, CallError> {
        Call::read(&words(text), true)
    }

    fn command(text: &str) -> (Environment, Vec<OsString>) {
        match call(text) {
            Ok(Call::Command { environment, words }) => (environment, words),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_calls_of_the_docker_cli_are_told_apart() {
        let plugin = "/root/.docker/cli-plugins/docker-buildrace";
        assert_eq!(call("buildrace run"), Ok(Call::Program));
        assert_eq!(
            call(&format!("{plugin} docker-cli-plugin-metadata")),
            Ok(Call::Metadata)
        );
        assert_eq!(
            call(&format!("{plugin} buildrace docker-cli-plugin-hooks {{}}")),
            Ok(Call::Hook("{}".into()))
        );
        assert_eq!(
            call(&format!("{plugin} __complete buildrace run --ki")),
            Ok(Call::Completion(words("run --ki")))
        );
        let of = |text: &str| command(&format!("{plugin} {text}")).1;
        assert_eq!(of("buildrace run go-hello"), words("run go-hello"));
        assert_eq!(of("help buildrace run"), words("help run"));
        assert_eq!(of("--help buildrace"), words("--help"));
        // What stands behind the plugin's name is its own.
        assert_eq!(
            of("-D --config=/c buildrace explain --context app"),
            words("explain --context app")
        );
        assert!(call(&format!("{plugin} run")).is_err());
    }

    #[test]
    fn without_docker_it_is_the_program() {
        let read = |text: &str| Call::read(&words(text), false).unwrap();
        let expected = Call::Command {
            environment: Environment::new(),
            words: words("run --rounds 3"),
        };
        assert_eq!(read("docker-buildrace run --rounds 3"), expected);
        assert_eq!(read("docker-buildrace buildrace run --rounds 3"), expected);
    }

    #[test]
    fn global_flags_become_the_environment() {
        let of = |text: &str| {
            let call = command(&format!("docker-buildrace {text} buildrace run"));
            let shown = call.0.into_iter().map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => format!("-{name}"),
            });
            shown.collect::<Vec<_>>().join(" ")
        };
        for (flags, environment) in [
            ("", ""),
            ("--debug --log-level debug -l=info -lwarn", ""),
            ("--context farm", "-DOCKER_HOST DOCKER_CONTEXT=farm"),
            ("-c=farm", "-DOCKER_HOST DOCKER_CONTEXT=farm"),
            (
                "-H unix:///x.sock --config /c",
                "DOCKER_CONFIG=/c -DOCKER_CONTEXT DOCKER_HOST=unix:///x.sock",
            ),
            (
                "--host farm:2375",
                "-DOCKER_CONTEXT DOCKER_HOST=tcp://farm:2375",
            ),
            ("--tls", "DOCKER_TLS=1"),
            ("--tlsverify", "DOCKER_TLS_VERIFY=1"),
            ("--tlsverify=false", "DOCKER_TLS=1 -DOCKER_TLS_VERIFY"),
            (
                "--tlsverify --tlscacert /c/ca.pem --tlskey=/c/key.pem",
                "DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=/c",
            ),
        ] {
            assert_eq!(of(flags), environment, "{flags}");
        }
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_its_name() {
        let refused = |flags: &str| {
            let read = call(&format!("docker-buildrace {flags} buildrace run"));
            read.unwrap_err().to_string()
        };
        for (flags, words) in [
            ("--tlscacert /c/my.pem", &["--tlscacert", "ca.pem"][..]),
            (
                "--tlscacert /a/ca.pem --tlscert /b/cert.pem",
                &["one folder"],
            ),
            ("--context a --host tcp://b:1", &["--host", "--context"]),
            ("--unknown", &["--unknown"]),
        ] {
            let message = refused(flags);
            for word in words {
                assert!(message.contains(word), "{word}: {message}");
            }
        }
    }
}
