//! Why a store cannot be used: its address, and what to do. What a service
//! answers is shortened to its code and sentence, as the rest of it may quote
//! the request, and values of the environment are taken out.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::LazyLock;

use object_store::client::{HttpError, HttpErrorKind};
use regex::Regex;

use super::url::{BucketUrl, UrlError};
use crate::escape;
use crate::secrets::{Masks, SHORTEST, forms};
use crate::store::StoreError;

/// Characters of what a service said.
const MAX_TEXT: usize = 300;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// An address that is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The environment configures the client wrongly.
    #[error("{url} cannot be used: {why}; check the environment: {variables}")]
    Settings {
        /// The store.
        url: BucketUrl,
        /// What the client said.
        why: String,
        /// Where credentials come from.
        variables: &'static str,
    },
    /// There is no such bucket.
    #[error("{0}: no such bucket: create it, or name another one with --results")]
    NoBucket(BucketUrl),
    /// There are no credentials.
    #[error("{url} needs credentials, and the environment has none: set {variables}")]
    NoCredentials {
        /// The store.
        url: BucketUrl,
        /// Where credentials come from.
        variables: &'static str,
    },
    /// The credentials do not suffice.
    #[error("{url} refuses the credentials ({why}): check {variables}, and their rights")]
    Refused {
        /// The store.
        url: BucketUrl,
        /// What the service said.
        why: String,
        /// Where credentials come from.
        variables: &'static str,
    },
    /// Nobody answers.
    #[error("{url} cannot be reached: {why}; check the network{endpoint}, and try again")]
    Unreachable {
        /// The store.
        url: BucketUrl,
        /// Why.
        why: String,
        /// `, AWS_ENDPOINT_URL`, where it is set.
        endpoint: String,
    },
    /// The service failed otherwise.
    #[error("{url} failed: {why}; try again")]
    Service {
        /// The store.
        url: BucketUrl,
        /// What it said.
        why: String,
    },
    /// An object is not what buildrace wrote.
    #[error("{object} is damaged: {problem}")]
    Damaged {
        /// The object's address.
        object: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A later buildrace wrote it.
    #[error("{object} was written by a later buildrace (version {found}): use that one")]
    Newer {
        /// The object's address.
        object: String,
        /// Version of the entry.
        found: u32,
    },
    /// A run of that id is there, and it is another one.
    #[error(
        "{url} has another run {run}: {file} differs; nothing is overwritten: compare the two, \
         and remove one"
    )]
    Differs {
        /// The store.
        url: BucketUrl,
        /// The run.
        run: String,
        /// A file that differs.
        file: String,
    },
    /// The run of this machine cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of this machine cannot be read or written.
    #[error("cannot use {}: {error}; check the folder", path.display())]
    Local {
        /// The file or folder.
        path: PathBuf,
        /// Why. Not chained as a source: the text has it already.
        error: io::Error,
    },
    /// The user has no cache folder.
    #[error("no folder to keep runs in before they are sent: set XDG_CACHE_HOME or HOME")]
    NoFolder,
}

impl BucketError {
    /// Whether another try, later, may work: nobody answered.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Service { .. })
    }

    pub(super) fn local(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::Local { path, error }
    }

    /// What the client reported while it was made.
    pub(super) fn of_settings(url: &BucketUrl, error: &object_store::Error) -> Self {
        Self::Settings {
            url: url.clone(),
            why: said(&chain(error)),
            variables: url.service.variables(),
        }
    }

    /// What a request ended with.
    pub(super) fn of_request(url: &BucketUrl, error: &object_store::Error) -> Self {
        let url = url.clone();
        let text = chain(error);
        let variables = url.service.variables();
        let code = captured(&CODE, &text).unwrap_or_default();
        let status = captured(&STATUS, &text).unwrap_or_default();
        let is_refused = matches!(
            error,
            object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. }
        ) || matches!(status.as_str(), "401" | "403")
            || REFUSALS.contains(&code.as_str());
        // Who has no credentials is asked by the client for those of the machine.
        if METADATA.iter().any(|place| text.contains(place)) {
            return Self::NoCredentials { url, variables };
        }
        if ["NoSuchBucket", "ContainerNotFound"].contains(&code.as_str()) {
            return Self::NoBucket(url);
        }
        if is_refused {
            return Self::Refused {
                url,
                why: said(&text),
                variables,
            };
        }
        if text.contains(NO_TLS) {
            let own = variables.split('_').next().unwrap_or_default();
            return Self::Settings {
                url,
                why: format!("its endpoint is http://, and {own}_ALLOW_HTTP=true is not set"),
                variables,
            };
        }
        if let Some(why) = unreachable(error) {
            let endpoint = url.service.endpoint();
            let endpoint = endpoint.filter(|name| std::env::var_os(name).is_some());
            return Self::Unreachable {
                url,
                why,
                endpoint: endpoint.map_or_else(String::new, |name| format!(" and {name}")),
            };
        }
        Self::Service {
            url,
            why: said(&text),
        }
    }
}

/// Codes of answers that other credentials would change.
const REFUSALS: &[&str] = &[
    "AccessDenied",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "AuthorizationPermissionMismatch",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
];

/// What the client says of an address without TLS.
const NO_TLS: &str = "URL scheme is not allowed";

/// Where machines of a cloud get theirs from.
const METADATA: &[&str] = &[
    "169.254.169.254",
    "169.254.170.",
    "metadata.google.internal",
];

static CODE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("<Code>([^<]{1,100})").ok());
static MESSAGE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("<Message>([^<]{1,1000})").ok());
static STATUS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("status code: ([0-9]{3})").ok());

fn captured(pattern: &LazyLock<Option<Regex>>, text: &str) -> Option<String> {
    let found = pattern.as_ref()?.captures(text)?;
    Some(found.get(1)?.as_str().to_owned())
}

/// What a service said, on one line and without values of the environment.
fn said(text: &str) -> String {
    let code = captured(&CODE, text);
    let message = captured(&MESSAGE, text);
    let said = match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code,
        // The last cause is the most exact; the others quote the request.
        (None, _) => text.lines().last().unwrap_or_default().to_owned(),
    };
    let said = masks().text(&said).into_owned();
    escape::terminal(said.trim().trim_end_matches('.'), MAX_TEXT)
}

/// An error and its causes, a line each.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}\n{}", error.to_string().replace('\n', " "));
        cause = error.source();
    }
    text
}

/// Why nobody answered, where that is it.
fn unreachable(error: &object_store::Error) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return Some(match http.kind() {
                HttpErrorKind::Timeout => "no answer in time".to_owned(),
                _ => said(&chain(http)),
            });
        }
        cause = error.source();
    }
    None
}

/// Values of the environment that open something, however they are written.
fn masks() -> Masks {
    let is_secret = |name: &str| {
        let own = ["AWS_", "GOOGLE_", "AZURE_"];
        let parts = ["KEY", "SECRET", "TOKEN", "PASSWORD", "SAS", "CREDENTIAL"];
        own.iter().any(|start| name.starts_with(start))
            && parts.iter().any(|part| name.contains(part))
            && !name.ends_with("_FILE")
    };
    let set = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        is_secret(&name).then(|| (name, value.to_string_lossy().into_owned()))
    });
    let texts =
        set.flat_map(|(name, value)| forms(value.as_bytes(), &format!("[{name}]"), SHORTEST));
    Masks::new(texts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str, status: u16, said: &str) -> BucketError {
        let body = format!(
            "Error performing GET http://127.0.0.1/b?list-type=2 in 3ms - Server returned non-2xx \
             status code: {status}: <?xml version=\"1.0\"?>\n<Error><Code>{code}</Code>\
             <Message>{said}</Message><StringToSign>quoted</StringToSign></Error>"
        );
        let error = object_store::Error::Generic {
            store: "S3",
            source: body.into(),
        };
        BucketError::of_request(&BucketUrl::parse("s3://b/p").unwrap(), &error)
    }

    #[test]
    fn what_a_service_says_is_told_in_words_that_help() {
        let missing = of("NoSuchBucket", 404, "The specified bucket does not exist");
        assert_eq!(
            missing.to_string(),
            "s3://b/p: no such bucket: create it, or name another one with --results"
        );
        for (code, status) in [("SignatureDoesNotMatch", 403), ("ExpiredToken", 400)] {
            let refused = of(code, status, "It is not yours.").to_string();
            assert!(
                refused.starts_with(&format!("s3://b/p refuses the credentials ({code}: It is")),
                "{refused}"
            );
            assert!(!refused.contains("quoted"), "{refused}");
        }
        let busy = of("InternalError", 500, "Try again");
        assert!(busy.is_unreachable(), "{busy}");
    }
}
