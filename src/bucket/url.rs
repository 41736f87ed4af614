//! The address of a store: `s3://BUCKET/PREFIX` and the like.

use std::fmt;

use object_store::path::Path;

use crate::secrets::without_credentials;

/// Whose store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// S3, or a server that speaks it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
    /// A folder.
    Folder,
}

impl Service {
    const ALL: [(&'static str, Self); 4] = [
        ("s3", Self::S3),
        ("gs", Self::Google),
        ("az", Self::Azure),
        ("file", Self::Folder),
    ];

    /// Where its credentials come from.
    pub(super) fn variables(self) -> &'static str {
        match self {
            Self::S3 => {
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ROLE_ARN and \
                         AWS_WEB_IDENTITY_TOKEN_FILE"
            }
            Self::Google => "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT_KEY",
            Self::Azure => {
                "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or \
                            AZURE_STORAGE_SAS_TOKEN"
            }
            Self::Folder => "the rights of the folder",
        }
    }

    /// The variable that names a server, where that is not the service's own.
    pub(super) fn endpoint(self) -> Option<&'static str> {
        match self {
            Self::S3 => Some("AWS_ENDPOINT_URL"),
            Self::Azure => Some("AZURE_STORAGE_ENDPOINT"),
            Self::Google | Self::Folder => None,
        }
    }
}

/// Why a text is no address of a store.
#[derive(Debug, thiserror::Error)]
#[error(
    "{url} is not the URL of a store: {problem}; expected s3://BUCKET/PREFIX, \
     gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER"
)]
pub struct UrlError {
    /// As it was typed, without credentials.
    url: String,
    problem: String,
}

/// The address of a store. It has no credentials: those come from the
/// environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    pub(super) service: Service,
    /// Empty for a folder.
    pub(super) bucket: String,
    /// What the names of all objects begin with.
    pub(super) prefix: Path,
}

impl BucketUrl {
    /// Reads an address, as it was typed. Of the prefix nothing is decoded: it is
    /// what the names of objects begin with.
    ///
    /// # Errors
    /// It is none, or has credentials in it.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let wrong = |problem: &str| UrlError {
            url: without_credentials(text).into_owned(),
            problem: problem.to_owned(),
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("no URL"))?;
        let mut services = Service::ALL.into_iter();
        let service = services.find(|(name, _)| scheme.eq_ignore_ascii_case(name));
        let (_, service) = service.ok_or_else(|| wrong("unknown scheme"))?;
        if rest.contains(['?', '#']) {
            return Err(wrong(
                "a query or fragment is not read; credentials come from the environment",
            ));
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains(['@', ':']) {
            return Err(wrong("credentials come from the environment, not the URL"));
        }
        match (service, bucket) {
            (Service::Folder, "") if prefix.is_empty() => return Err(wrong("no folder")),
            (Service::Folder, "") => {}
            (Service::Folder, _) => return Err(wrong("a folder is file:///PATH")),
            (_, "") => return Err(wrong("no bucket")),
            _ => {}
        }
        let prefix = Path::parse(prefix).map_err(|error| wrong(&error.to_string()))?;
        Ok(Self {
            service,
            bucket: bucket.to_owned(),
            prefix,
        })
    }

    /// The address of an object, for messages.
    pub(super) fn of(&self, key: &str) -> String {
        format!("{self}/{key}")
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Service::ALL.iter().find(|(_, own)| *own == self.service);
        let (scheme, _) = named.unwrap_or(&Service::ALL[0]);
        write!(f, "{scheme}://{}", self.bucket)?;
        if !self.prefix.as_ref().is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_where_objects_are() {
        for (typed, shown) in [
            ("s3://bucket", "s3://bucket"),
            ("S3://bucket/", "s3://bucket"),
            ("gs://b/ci/main/", "gs://b/ci/main"),
            ("az://container/a b+c%20ü=~", "az://container/a b+c%20ü=~"),
            ("file:///srv/runs", "file:///srv/runs"),
        ] {
            assert_eq!(BucketUrl::parse(typed).unwrap().to_string(), shown);
        }
        for (typed, told) in [
            ("results", "no URL"),
            ("ftp://host/x", "unknown scheme"),
            ("s3:///prefix", "no bucket"),
            ("file://host/x", "file:///PATH"),
            ("s3://b/a//c", "a//c"),
            ("s3://b/../c", ".."),
        ] {
            let error = BucketUrl::parse(typed).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn credentials_are_refused_and_not_shown() {
        for typed in [
            "s3://AKIA123:hidden@bucket/prefix",
            "s3://hidden@bucket/prefix",
            "az://container/prefix?sv=2026&sig=hidden",
        ] {
            let error = BucketUrl::parse(typed).unwrap_err().to_string();
            assert!(error.contains("environment"), "{error}");
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
