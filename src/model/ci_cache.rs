//! Remote caches of CI jobs, as buildx's `--cache-to` describes them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Label;

/// The kinds of caches, in BuildKit's words.
const KINDS: [&str; 4] = ["registry", "local", "s3", "gha"];
/// Options whose values are nobody's business.
const SECRET: [&str; 5] = [
    "access_key_id",
    "secret_access_key",
    "session_token",
    "token",
    "account_key",
];
/// Options that say how a cache is written, and neither where nor by whom.
const SHOWN: [&str; 5] = [
    "compression",
    "compression-level",
    "force-compression",
    "image-manifest",
    "oci-mediatypes",
];
/// Options that this program sets itself, in each block of builds to another value.
const OWN: [&str; 9] = [
    "src",
    "dest",
    "digest",
    "tag",
    "scope",
    "blobs_prefix",
    "manifests_prefix",
    "ignore-error",
    "reset",
];

/// A remote cache that builds of CI export to and import from.
///
/// `Debug` leaves out what its options say: credentials may be among them.
#[derive(Clone, PartialEq, Eq)]
pub struct CiCache {
    /// What kinds of builds call it.
    pub name: Label,
    /// `registry`, `local`, `s3` or `gha`.
    pub kind: String,
    /// Whether all steps are exported (`max`), or those of the result alone (`min`).
    pub mode: CacheMode,
    /// Further options, in BuildKit's words.
    pub attributes: BTreeMap<String, String>,
}

/// Which steps are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheMode {
    /// Those whose layers are in the result.
    Min,
    /// All.
    Max,
}

impl CacheMode {
    /// BuildKit's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// A remote cache as results name it: without its place and its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CiCacheInfo {
    /// What kinds of builds call it.
    pub name: String,
    /// `registry`, `local`, `s3` or `gha`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which steps are exported.
    pub mode: CacheMode,
    /// How it is written, where that was chosen: `compression` and the like, in
    /// BuildKit's words.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

impl CiCache {
    /// What results say of it.
    pub fn info(&self) -> CiCacheInfo {
        CiCacheInfo {
            name: self.name.to_string(),
            kind: self.kind.clone(),
            mode: self.mode,
            options: self
                .shown()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        }
    }

    fn shown(&self) -> impl Iterator<Item = (&String, &String)> {
        let attributes = self.attributes.iter();
        attributes.filter(|(key, _)| SHOWN.contains(&key.as_str()))
    }

    /// The values of its options that nothing may show.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let attributes = self.attributes.iter();
        let secret = attributes.filter(|(key, _)| SECRET.contains(&key.as_str()));
        secret.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for CiCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// As it is typed again: places and credentials are left out.
impl fmt::Display for CiCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, mode, name) = (&self.kind, self.mode.as_str(), &self.name);
        write!(f, "type={kind},mode={mode},name={name}")?;
        self.shown()
            .try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

impl FromStr for CiCache {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut attributes = BTreeMap::new();
        for part in text.split(',') {
            let (key, value) = part
                .split_once('=')
                .filter(|(key, value)| !key.is_empty() && !value.is_empty())
                .ok_or("expected type=TYPE and further KEY=VALUE, separated by commas")?;
            let key = key.trim();
            if OWN.contains(&key) {
                return Err(format!(
                    "{key} is set by buildrace: each block of builds has a cache of its own"
                ));
            }
            if attributes
                .insert(key.to_owned(), value.to_owned())
                .is_some()
            {
                return Err(format!("{key} is given twice"));
            }
        }
        let expected = || format!("expected type= one of {}", KINDS.join(", "));
        let kind = attributes.remove("type").ok_or_else(expected)?;
        if kind == "inline" {
            return Err(
                "type=inline is part of an image that is pushed, and is not measured: use \
                 type=registry,mode=min, which exports the same steps"
                    .to_owned(),
            );
        }
        if !KINDS.contains(&kind.as_str()) {
            return Err(format!("{}, found {kind:?}", expected()));
        }
        let mode = match attributes.remove("mode").as_deref() {
            // buildx's own default.
            None | Some("min") => CacheMode::Min,
            Some("max") => CacheMode::Max,
            Some(other) => return Err(format!("expected mode=min or mode=max, found {other:?}")),
        };
        let reference = attributes.get("ref");
        match (kind.as_str(), reference) {
            ("registry", None) => {
                return Err("type=registry needs ref=REPOSITORY, without a tag".to_owned());
            }
            ("registry", Some(reference)) => {
                let name = reference.rsplit('/').next().unwrap_or_default();
                if name.contains(':') || name.contains('@') {
                    return Err(format!(
                        "ref={reference}: expected a repository without a tag: each block of \
                         builds has a tag of its own"
                    ));
                }
            }
            (_, Some(_)) => return Err(format!("ref is for type=registry, not for {kind}")),
            ("s3", None) if !attributes.contains_key("bucket") => {
                return Err("type=s3 needs bucket=BUCKET and region=REGION".to_owned());
            }
            (_, None) => {}
        }
        let name = match attributes.remove("name") {
            Some(name) => name,
            None => format!("{kind}-{}", mode.as_str()),
        };
        Ok(Self {
            name: name.parse()?,
            kind,
            mode,
            attributes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_typed_as_buildx_has_it() {
        let cache: CiCache = "type=registry,ref=registry.example:5000/cache,mode=max"
            .parse()
            .unwrap();
        assert_eq!(cache.name.as_str(), "registry-max");
        assert_eq!(cache.mode, CacheMode::Max);
        assert_eq!(cache.attributes["ref"], "registry.example:5000/cache");
        assert_eq!(
            cache.to_string(),
            "type=registry,mode=max,name=registry-max"
        );
        let cache: CiCache = "type=local".parse().unwrap();
        assert_eq!(cache.name.as_str(), "local-min");
        let zstd: CiCache = "type=local,compression=zstd".parse().unwrap();
        assert_eq!(zstd.info().options["compression"], "zstd");
        assert!(zstd.to_string().ends_with(",compression=zstd"));
        let s3 = "type=s3,bucket=b,region=r,secret_access_key=hidden,name=mine";
        let s3: CiCache = s3.parse().unwrap();
        assert_eq!(s3.secrets().collect::<Vec<_>>(), ["hidden"]);
        assert!(!format!("{s3:?} {s3} {:?}", s3.info()).contains("hidden"));
        assert_eq!(s3.name.as_str(), "mine");
    }

    #[test]
    fn what_is_wrong_with_a_cache_is_told() {
        let told = |text: &str| text.parse::<CiCache>().unwrap_err();
        for (text, expected) in [
            ("", "expected type=TYPE"),
            ("registry", "expected type=TYPE"),
            ("mode=max", "one of registry"),
            ("type=azblob", "found \"azblob\""),
            ("type=inline", "not measured"),
            ("type=local,mode=most", "mode=min or mode=max"),
            ("type=local,dest=x", "set by buildrace"),
            ("type=local,mode=max,mode=min", "given twice"),
            ("type=registry", "needs ref=REPOSITORY"),
            ("type=registry,ref=a/b:c", "without a tag"),
            ("type=s3", "needs bucket"),
            ("type=local,ref=a", "ref is for type=registry"),
            ("type=local,name=A", "no name"),
        ] {
            assert!(told(text).contains(expected), "{text}: {}", told(text));
        }
    }
}
