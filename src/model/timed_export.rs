//! What becomes of the results of builds that are timed, as buildx's `--output`
//! describes it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Options that this program sets itself, for each build to another value.
const OWN: [&str; 2] = ["dest", "push"];

/// What becomes of the results of builds that are timed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimedExport {
    /// How they are exported.
    pub kind: TimedExportKind,
    /// Further options, in BuildKit's words.
    pub attributes: BTreeMap<String, String>,
}

/// How results are exported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimedExportKind {
    /// They stay in the cache.
    #[default]
    CacheOnly,
    /// They are stored as images where the builder keeps those.
    Image,
    /// They are sent to the client as OCI archives.
    Oci,
    /// They are loaded into an engine's image store: buildx's `--load`.
    Docker,
    /// They are pushed to a registry.
    Registry,
}

impl TimedExportKind {
    const ALL: [Self; 5] = [
        Self::CacheOnly,
        Self::Image,
        Self::Oci,
        Self::Docker,
        Self::Registry,
    ];

    /// buildx's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CacheOnly => "cacheonly",
            Self::Image => "image",
            Self::Oci => "oci",
            Self::Docker => "docker",
            Self::Registry => "registry",
        }
    }
}

/// As it is typed again: a repository's name is left out.
impl fmt::Display for TimedExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type={}", self.kind.as_str())?;
        let attributes = self.attributes.iter();
        for (key, value) in attributes.filter(|(key, _)| *key != "name") {
            write!(f, ",{key}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for TimedExport {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = || TimedExportKind::ALL.map(TimedExportKind::as_str).join(", ");
        let mut attributes = BTreeMap::new();
        for part in text.split(',') {
            let (key, value) = match part.split_once('=') {
                Some((key, value)) => (key.trim(), value),
                // As in `--output oci`.
                None => ("type", part),
            };
            if key.is_empty() || value.is_empty() {
                return Err("expected type=TYPE and further KEY=VALUE, separated by commas".into());
            }
            if OWN.contains(&key) {
                return Err(format!(
                    "{key} is set by buildrace, which removes what it exports; type=registry pushes"
                ));
            }
            if attributes
                .insert(key.to_owned(), value.to_owned())
                .is_some()
            {
                return Err(format!("{key} is given twice"));
            }
        }
        let kind = attributes.remove("type").unwrap_or_default();
        let mut kinds = TimedExportKind::ALL.into_iter();
        let kind = kinds.find(|known| known.as_str() == kind);
        let kind = kind.ok_or_else(|| format!("expected type= one of {}", known()))?;
        match (kind, attributes.get("name")) {
            (TimedExportKind::Registry, None) => {
                return Err("type=registry needs name=REPOSITORY, without a tag".into());
            }
            (TimedExportKind::Registry, Some(name)) => {
                let last = name.rsplit('/').next().unwrap_or_default();
                if last.contains(':') || last.contains('@') {
                    return Err(format!(
                        "name={name}: expected a repository without a tag: each build has its own"
                    ));
                }
            }
            (kind, Some(_)) => {
                return Err(format!(
                    "name is for type=registry: of {} buildrace names what it removes again",
                    kind.as_str()
                ));
            }
            (TimedExportKind::CacheOnly, None) if !attributes.is_empty() => {
                return Err("type=cacheonly has no further options".into());
            }
            (_, None) => {}
        }
        Ok(Self { kind, attributes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_typed_as_buildx_has_it() {
        let read = |text: &str| text.parse::<TimedExport>().map(|export| export.to_string());
        assert_eq!(read("oci"), Ok("type=oci".into()));
        assert_eq!(
            read("type=oci,compression=zstd,compression-level=3"),
            Ok("type=oci,compression=zstd,compression-level=3".into())
        );
        assert_eq!(
            read("type=registry,name=registry.example:5000/app"),
            Ok("type=registry".into())
        );
        for (text, expected) in [
            ("", "expected type=TYPE"),
            ("type=tar", "one of cacheonly"),
            ("type=oci,dest=x", "set by buildrace"),
            ("type=image,push=true", "type=registry pushes"),
            ("type=image,name=app", "is for type=registry"),
            ("type=registry", "needs name=REPOSITORY"),
            ("type=registry,name=app:1", "without a tag"),
            ("cacheonly,compression=zstd", "no further options"),
            ("type=oci,compression=zstd,compression=gzip", "given twice"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
