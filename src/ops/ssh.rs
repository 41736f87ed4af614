//! `--ssh`: which agents a step with `RUN --mount=type=ssh` may ask, in
//! buildx's words.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Sockets of agents by their ids: `default` is the agent of the environment,
/// `ID=PATH` the one at that socket.
///
/// # Errors
/// There is no such socket, or a key in a file was named.
pub fn agents(written: &[String]) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let environment = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty());
    agents_with(written, environment.map(PathBuf::from).as_deref())
}

fn agents_with(
    written: &[String],
    environment: Option<&Path>,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut agents = BTreeMap::new();
    for agent in written {
        let (id, path) = match agent.split_once('=') {
            Some((id, path)) => (id, Some(path)),
            None => (agent.as_str(), None),
        };
        if id.is_empty() {
            bail!("--ssh {agent:?}: expected default, or ID=SOCKET");
        }
        let socket = match path.filter(|path| !path.is_empty()) {
            Some(path) => PathBuf::from(path),
            None => environment.map(Path::to_owned).with_context(|| {
                format!("--ssh {id}: SSH_AUTH_SOCK names no agent: start one with `ssh-agent`")
            })?,
        };
        let kind = std::fs::metadata(&socket)
            .with_context(|| format!("--ssh {id}: cannot open {}", socket.display()))?
            .file_type();
        if !kind.is_socket() {
            bail!(
                "--ssh {id}: {} is no socket of an agent; buildrace serves no keys of files: \
                 add them to an agent with `ssh-add`",
                socket.display()
            );
        }
        // It must be found from any folder.
        let socket = std::path::absolute(&socket)?;
        if agents.insert(id.to_owned(), socket).is_some() {
            bail!("--ssh {id}: it is named twice");
        }
    }
    Ok(agents)
}

/// The ids of `--ssh`, to name them again; where sockets are is nobody's
/// business.
pub fn ids(written: &[String]) -> impl Iterator<Item = String> {
    let id = |agent: &String| agent.split('=').next().unwrap_or_default().to_owned();
    written.iter().map(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_a_socket_and_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let _agent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let key = folder.path().join("id_ed25519");
        std::fs::write(&key, "key").unwrap();
        let read = |written: &[&str], environment: Option<&Path>| {
            let written: Vec<String> = written.iter().map(|text| (*text).to_owned()).collect();
            agents_with(&written, environment).map_err(|error| format!("{error:#}"))
        };
        let own = format!("git={}", socket.display());
        let both = read(&["default", &own], Some(&socket)).unwrap();
        assert_eq!(both.keys().collect::<Vec<_>>(), ["default", "git"]);
        assert!(both.values().all(|path| *path == socket));
        let keys = format!("default={}", key.display());
        for (written, expected) in [
            (&["default"][..], "SSH_AUTH_SOCK"),
            (&[keys.as_str()], "ssh-add"),
            (&["x=/nonexistent/agent"], "cannot open /nonexistent/agent"),
            (&["=x"], "expected default"),
            (&[own.as_str(), own.as_str()], "twice"),
        ] {
            let message = read(written, None).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
