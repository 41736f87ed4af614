//! Why there is no connection to BuildKit.

/// There is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The address says nothing that can be dialled.
    #[error("{address:?} is no usable address: {problem}")]
    Address {
        /// The address as it was given.
        address: String,
        /// What is wrong, and what to give instead.
        problem: String,
    },
    /// What TLS needs cannot be read, or does not fit together.
    #[error("cannot prepare TLS for {endpoint}: {problem}")]
    TlsFiles {
        /// The place that was to be dialled.
        endpoint: String,
        /// The file, what is wrong with it, and what to do.
        problem: String,
    },
    /// Nobody answers at the address, or who answers is not trusted or does not
    /// trust us.
    #[error("cannot reach {endpoint}: {problem}")]
    Unreachable {
        /// The place that was dialled, as a person would name it.
        endpoint: String,
        /// What the system said, and what to do.
        problem: String,
    },
    /// Somebody answers, but offers no BuildKit.
    #[error("{endpoint} offers no BuildKit: {problem}")]
    NoBuildKit {
        /// The place that was dialled, as a person would name it.
        endpoint: String,
        /// What it said, and what to do.
        problem: String,
    },
}

impl DialError {
    pub(crate) fn address(address: &str, problem: impl Into<String>) -> Self {
        Self::Address {
            address: without_password(address),
            problem: problem.into(),
        }
    }

    pub(crate) fn unreachable(endpoint: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Unreachable {
            endpoint: endpoint.into(),
            problem: problem.into(),
        }
    }
}

/// An address as it may be shown.
fn without_password(address: &str) -> String {
    let Some((before, after)) = address.rsplit_once('@') else {
        return address.to_owned();
    };
    let (scheme, user) = before.split_once("://").unwrap_or(("", before));
    match user.split_once(':') {
        Some((user, _)) if scheme.is_empty() => format!("{user}:…@{after}"),
        Some((user, _)) => format!("{scheme}://{user}:…@{after}"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        for (address, shown) in [
            ("ssh://me:hidden@host", "ssh://me:…@host"),
            ("ssh://me:hid@den@host/x", "ssh://me:…@host/x"),
            ("me:hidden@host", "me:…@host"),
            ("ssh://me@host:22", "ssh://me@host:22"),
            ("tcp://host:1", "tcp://host:1"),
        ] {
            let text = DialError::address(address, "it is wrong").to_string();
            assert!(text.contains(&format!("\"{shown}\"")), "{text}");
        }
    }
}
