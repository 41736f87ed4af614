//! buildx itself, asked what a bake file says. Nothing is built by it, and no builder
//! is touched.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::escape;

/// The variable that names the program.
const VARIABLE: &str = "BUILDRACE_BUILDX";
/// The program's name, as a plugin of docker's command line.
const NAME: &str = "docker-buildx";
/// Where docker's command line looks for plugins, after the user's own folder
/// (`cli-plugins/manager/manager_unix.go`).
const FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// buildx has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not installed.
    #[error(
        "docker buildx reads bake files, and is not here: install docker-buildx, or name its \
         program in {VARIABLE}"
    )]
    Missing,
    /// It could not be started.
    #[error("cannot start {}: {error}", escape::path(.program))]
    Start {
        /// The program.
        program: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// It refused.
    #[error("`docker buildx {verb}`: {}", escape::bounded(.said))]
    Refused {
        /// What was asked.
        verb: &'static str,
        /// What it said.
        said: String,
    },
}

/// The program.
#[derive(Debug, Clone)]
pub struct Program(PathBuf);

/// What bake is asked for.
#[derive(Debug, Clone, Copy)]
pub struct BakeQuestion<'a> {
    /// The folder that it runs in.
    pub folder: &'a Path,
    /// Bake files; those that it finds itself where there are none.
    pub files: &'a [PathBuf],
    /// What is set in place of what they say, `TARGET.KEY=VALUE`.
    pub set: &'a [String],
    /// Targets, or groups of them.
    pub targets: &'a [String],
}

impl Program {
    /// Finds it: the one that `BUILDRACE_BUILDX` names, else the plugin of docker's
    /// command line, else `docker-buildx` on the PATH, else one of `others`.
    ///
    /// # Errors
    /// There is none.
    pub fn find(others: impl IntoIterator<Item = PathBuf>) -> Result<Self, ProgramError> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        if let Some(path) = variable(VARIABLE) {
            return Ok(Self(path.into()));
        }
        let home = || Some(PathBuf::from(variable("HOME")?).join(".docker"));
        let own = variable("DOCKER_CONFIG").map(PathBuf::from).or_else(home);
        let path = variable("PATH").unwrap_or_default();
        let folders = own
            .map(|folder| folder.join("cli-plugins"))
            .into_iter()
            .chain(FOLDERS.map(PathBuf::from))
            .chain(std::env::split_paths(&path));
        let mut programs = folders.map(|folder| folder.join(NAME)).chain(others);
        let found = programs.find(|program| program.is_file());
        found.map(Self).ok_or(ProgramError::Missing)
    }

    /// What `docker buildx bake --print` says.
    ///
    /// # Errors
    /// There is no such target, or a bake file is wrong.
    pub fn print_bake(&self, question: BakeQuestion<'_>) -> Result<Vec<u8>, ProgramError> {
        let mut command = Command::new(&self.0);
        command
            .current_dir(question.folder)
            .args(["bake", "--print", "--progress=quiet"]);
        for file in question.files {
            command.arg("--file").arg(file);
        }
        for set in question.set {
            command.arg("--set").arg(set);
        }
        command.arg("--").args(question.targets);
        Ok(self.answer("bake --print", command)?.stdout)
    }

    /// What `docker buildx version` says.
    ///
    /// # Errors
    /// It does not say any.
    pub fn version(&self) -> Result<String, ProgramError> {
        let mut command = Command::new(&self.0);
        command.arg("version");
        let said = self.answer("version", command)?.stdout;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    fn answer(&self, verb: &'static str, mut command: Command) -> Result<Output, ProgramError> {
        let output = command.output().map_err(|error| ProgramError::Start {
            program: self.0.clone(),
            error,
        })?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        // Around its error it shows the place in the file.
        let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let last = lines.next_back().unwrap_or_default();
        Err(ProgramError::Refused {
            verb,
            said: last.strip_prefix("ERROR: ").unwrap_or(last).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A buildx that is this script.
    fn script(folder: &Path, text: &str) -> Program {
        let path = folder.join("docker-buildx");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        Program(path)
    }

    #[test]
    fn bake_is_asked_in_its_folder_with_what_was_typed() {
        let folder = tempfile::tempdir().unwrap();
        let program = script(folder.path(), "echo \"$PWD $*\"");
        let said = program.print_bake(BakeQuestion {
            folder: folder.path(),
            files: &["/x/docker-bake.hcl".into()],
            set: &["app.args.A=1 2".into()],
            targets: &["app".into()],
        });
        let said = String::from_utf8(said.unwrap()).unwrap();
        let expected = format!(
            "{} bake --print --progress=quiet --file /x/docker-bake.hcl --set app.args.A=1 2 -- app\n",
            folder.path().canonicalize().unwrap().display()
        );
        assert_eq!(said, expected);
    }

    #[test]
    fn what_buildx_complains_of_is_said_in_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let program = script(
            folder.path(),
            "printf 'docker-bake.hcl:3\\n>>> target\\nERROR: failed to find \\033[31mtarget x\\n\\n' >&2; exit 1",
        );
        let question = BakeQuestion {
            folder: folder.path(),
            files: &[],
            set: &[],
            targets: &[],
        };
        let error = program.print_bake(question).unwrap_err().to_string();
        assert_eq!(
            error,
            "`docker buildx bake --print`: failed to find \\x1b[31mtarget x"
        );
        let missing = Program("/nonexistent".into()).version().unwrap_err();
        assert!(missing.to_string().contains("/nonexistent"), "{missing}");
    }
}
