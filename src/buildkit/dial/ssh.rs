//! `ssh://` addresses. The user's own `ssh` connects, with his keys and his
//! configuration, and a command over there passes the bytes on.

use super::command::CommandLine;

/// Options of every connection. Nobody sits at a measurement to type a
/// password, and a peer that is gone must be noticed.
const OPTIONS: [&str; 9] = [
    "-T",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=15",
    "-o",
    "ServerAliveInterval=15",
    "-o",
    "ServerAliveCountMax=3",
];

/// What an `ssh://` address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    user: Option<String>,
    host: String,
    port: Option<u16>,
    /// The daemon's socket over there, where it is not the usual one.
    pub(super) socket: Option<String>,
}

impl Target {
    /// Reads what comes after `ssh://`; the error says what to give instead.
    pub(super) fn parse(rest: &str) -> Result<Self, String> {
        if rest.contains(['?', '#']) {
            return Err("give ssh://[user@]host[:port], with no ? or # in it".into());
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err("it holds a password; use a key, in a file or an agent".into());
        }
        let (host, port) = split_port(place).ok_or("the port is no number")?;
        let is_plain = |text: &str, others: &str| {
            !text.is_empty()
                && !text.starts_with('-')
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
        };
        if !is_plain(host, "._-:%") {
            return Err("expected a host, as in ssh://[user@]host[:port]".into());
        }
        if user.is_some_and(|user| !is_plain(user, "._-+@")) {
            return Err("this user cannot be named in an address; name a host of ~/.ssh/config that has the user".into());
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
            socket: Some(path)
                .filter(|path| !path.trim_matches('/').is_empty())
                .map(str::to_owned),
        })
    }

    /// The command that runs `remote` there, each word as the shell over there
    /// is to take it.
    pub(super) fn command(&self, remote: &[String]) -> CommandLine {
        let mut arguments: Vec<String> = OPTIONS.map(str::to_owned).to_vec();
        if let Some(user) = &self.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        arguments.extend(["--".to_owned(), self.host.clone()]);
        let remote: Vec<String> = remote.iter().map(|word| quoted(word)).collect();
        let remote = remote.join(" ");
        let port = self.port.map(|port| format!("-p {port} "));
        let user = self.user.as_deref().map(|user| format!("{user}@"));
        let shown = format!(
            "ssh -o BatchMode=yes {}{}{} {remote}",
            port.unwrap_or_default(),
            user.unwrap_or_default(),
            self.host
        );
        arguments.push(remote);
        CommandLine {
            program: "ssh".into(),
            arguments,
            shown,
        }
    }
}

/// Host and port, as in `host:22`, `[::1]:22` and `host`.
fn split_port(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, after)
        }
        None => match place.find(':') {
            Some(colon) => place.split_at(colon),
            None => (place, ""),
        },
    };
    match port.strip_prefix(':') {
        Some(port) => Some((host, Some(port.parse().ok()?))),
        None if port.is_empty() => Some((host, None)),
        None => None,
    }
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(address: &str) -> String {
        let target = Target::parse(address).unwrap();
        let socket = target.socket.clone().unwrap_or_default();
        let line = target.command(&["buildctl".into(), socket, "dial-stdio".into()]);
        let (options, rest) = line.arguments.split_at(OPTIONS.len());
        assert_eq!(options, OPTIONS);
        rest.join(" ")
    }

    #[test]
    fn an_address_becomes_what_ssh_takes() {
        for (address, command) in [
            ("host/s", "-- host buildctl /s dial-stdio"),
            (
                "me@host:2222/s",
                "-l me -p 2222 -- host buildctl /s dial-stdio",
            ),
            ("me@[::1]:22/s", "-l me -p 22 -- ::1 buildctl /s dial-stdio"),
            ("host/a b'c", r"-- host buildctl '/a b'\''c' dial-stdio"),
        ] {
            assert_eq!(typed(address), command);
        }
        assert_eq!(Target::parse("host/").unwrap().socket, None);
    }

    #[test]
    fn what_a_shell_or_ssh_could_take_for_more_is_refused() {
        for (address, part) in [
            ("", "expected a host"),
            ("-oProxyCommand=x", "expected a host"),
            ("a;reboot", "expected a host"),
            ("$(x)@host", "this user"),
            ("me:hidden@host", "password"),
            ("host:ssh", "port"),
            ("host?x", "?"),
        ] {
            let problem = Target::parse(address).unwrap_err();
            assert!(problem.contains(part), "{address}: {problem}");
            assert!(!problem.contains("hidden"), "{problem}");
        }
    }
}
