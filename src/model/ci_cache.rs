//! Remote caches of CI jobs, as buildx's `--cache-to` describes them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Label;

/// The kinds of caches, in BuildKit's words, and that of a job that has cache mounts alone.
const KINDS: [&str; 6] = ["registry", "inline", "local", "s3", "gha", NO_LAYERS];
/// It is part of an image that is pushed.
const INLINE: &str = "inline";
/// No layers travel.
const NO_LAYERS: &str = "none";
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
    /// `registry`, `inline`, `local`, `s3` or `gha`; `none` where no layers travel.
    pub kind: String,
    /// Which steps are exported, where layers travel.
    pub mode: Option<CacheMode>,
    /// What becomes of cache mounts; `None` where that was not chosen.
    pub cache_mounts: Option<CacheMounts>,
    /// Further options, in BuildKit's words.
    pub attributes: BTreeMap<String, String>,
}

/// What becomes of cache mounts between two jobs. No remote cache holds them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheMounts {
    /// They begin empty.
    #[default]
    Lost,
    /// They are saved as an archive after a job, and restored from it before the next.
    Restored,
}

impl CacheMounts {
    /// The word that is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Restored => "restored",
        }
    }

    fn are_lost(&self) -> bool {
        *self == Self::Lost
    }
}

impl FromStr for CacheMounts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Lost, Self::Restored].into_iter();
        let mut named = all.filter(|mounts| mounts.as_str() == text);
        named
            .next()
            .ok_or_else(|| format!("expected lost or restored, found {text:?}"))
    }
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
    /// `registry`, `inline`, `local`, `s3` or `gha`; `none` where no layers travel.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which steps are exported, where layers travel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<CacheMode>,
    /// What becomes of cache mounts.
    #[serde(default, skip_serializing_if = "CacheMounts::are_lost")]
    pub cache_mounts: CacheMounts,
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
            cache_mounts: self.cache_mounts.unwrap_or_default(),
            options: self
                .shown()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        }
    }

    /// Whether it is part of the image that a build pushes.
    pub fn is_inline(&self) -> bool {
        self.kind == INLINE
    }

    /// Whether cache mounts are saved and restored.
    pub fn restores_mounts(&self) -> bool {
        self.cache_mounts == Some(CacheMounts::Restored)
    }

    /// The same, with what becomes of its cache mounts where that was not chosen.
    pub fn with_mounts(mut self, mounts: CacheMounts) -> Self {
        if self.cache_mounts.is_none() {
            let had = default_name(&self.kind, self.mode, None);
            self.cache_mounts = Some(mounts);
            let name = default_name(&self.kind, self.mode, self.cache_mounts);
            if self.name.as_str() == had
                && let Ok(name) = name.parse()
            {
                self.name = name;
            }
        }
        self
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
        self.info().fmt(f)
    }
}

impl CiCacheInfo {
    /// Whether it has a place or credentials, which results leave out.
    pub fn is_elsewhere(&self) -> bool {
        !["local", INLINE, NO_LAYERS].contains(&self.kind.as_str())
    }
}

/// As it is typed, but for its place and its credentials.
impl fmt::Display for CiCacheInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type={}", self.kind)?;
        if let Some(mode) = self.mode {
            write!(f, ",mode={}", mode.as_str())?;
        }
        if !self.cache_mounts.are_lost() {
            write!(f, ",cache-mounts={}", self.cache_mounts.as_str())?;
        }
        write!(f, ",name={}", self.name)?;
        let mut options = self.options.iter();
        options.try_for_each(|(key, value)| write!(f, ",{key}={value}"))
    }
}

/// What a cache is called that nobody named.
fn default_name(kind: &str, mode: Option<CacheMode>, mounts: Option<CacheMounts>) -> String {
    let mode = mode.map_or_else(String::new, |mode| format!("-{}", mode.as_str()));
    match (kind, mounts) {
        (NO_LAYERS, _) => "mounts".to_owned(),
        // It has one mode.
        (INLINE, Some(CacheMounts::Restored)) => format!("{kind}-restored"),
        (INLINE, _) => kind.to_owned(),
        (_, Some(CacheMounts::Restored)) => format!("{kind}{mode}-restored"),
        _ => format!("{kind}{mode}"),
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
        if !KINDS.contains(&kind.as_str()) {
            return Err(format!("{}, found {kind:?}", expected()));
        }
        let mode = attributes.remove("mode");
        let mode = match (kind.as_str(), mode.as_deref()) {
            (NO_LAYERS, None) => None,
            (NO_LAYERS, Some(_)) => return Err("type=none has no mode".to_owned()),
            (INLINE, Some("max")) => {
                return Err("type=inline exports the steps of mode=min alone".to_owned());
            }
            // buildx's own default.
            (_, None | Some("min")) => Some(CacheMode::Min),
            (_, Some("max")) => Some(CacheMode::Max),
            (_, Some(other)) => {
                return Err(format!("expected mode=min or mode=max, found {other:?}"));
            }
        };
        let mounts = attributes.remove("cache-mounts");
        let cache_mounts: Option<CacheMounts> = mounts
            .map(|mounts| mounts.parse())
            .transpose()
            .map_err(|error| format!("cache-mounts: {error}"))?;
        let cache_mounts = match (kind.as_str(), cache_mounts) {
            (NO_LAYERS, None) => Some(CacheMounts::Restored),
            (NO_LAYERS, Some(CacheMounts::Lost)) => {
                return Err("with type=none and lost cache mounts nothing travels".to_owned());
            }
            (_, chosen) => chosen,
        };
        let reference = attributes.get("ref");
        match (kind.as_str(), reference) {
            (INLINE, _) if attributes.keys().any(|key| key != "name") => {
                return Err(
                    "type=inline is part of the image that --output type=registry pushes, whose \
                     options say where and how"
                        .to_owned(),
                );
            }
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
            None => default_name(&kind, mode, cache_mounts),
        };
        Ok(Self {
            name: name.parse()?,
            kind,
            mode,
            cache_mounts,
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
        assert_eq!(cache.mode, Some(CacheMode::Max));
        assert_eq!(cache.attributes["ref"], "registry.example:5000/cache");
        assert_eq!(
            cache.to_string(),
            "type=registry,mode=max,name=registry-max"
        );
        let inline: CiCache = "type=inline".parse().unwrap();
        assert_eq!(inline.to_string(), "type=inline,mode=min,name=inline");
        assert_eq!(inline.to_string().parse::<CiCache>().unwrap(), inline);
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
    fn cache_mounts_are_lost_or_restored() {
        let with = |text: &str, mounts| text.parse::<CiCache>().unwrap().with_mounts(mounts);
        let local = with("type=local", CacheMounts::Restored);
        assert_eq!(
            local.to_string(),
            "type=local,mode=min,cache-mounts=restored,name=local-min-restored"
        );
        assert_eq!(local.to_string().parse::<CiCache>().unwrap(), local);
        let chosen = with("type=local,cache-mounts=lost", CacheMounts::Restored);
        assert!(!chosen.restores_mounts());
        let named = with("type=local,name=mine", CacheMounts::Restored);
        assert_eq!(named.name.as_str(), "mine");
        let alone = with("type=none", CacheMounts::Lost);
        assert_eq!((alone.name.as_str(), alone.mode), ("mounts", None));
        assert!(alone.restores_mounts());
    }

    #[test]
    fn what_is_wrong_with_a_cache_is_told() {
        let told = |text: &str| text.parse::<CiCache>().unwrap_err();
        for (text, expected) in [
            ("", "expected type=TYPE"),
            ("registry", "expected type=TYPE"),
            ("mode=max", "one of registry"),
            ("type=azblob", "found \"azblob\""),
            ("type=inline,mode=max", "steps of mode=min"),
            ("type=inline,ref=a", "--output type=registry pushes"),
            ("type=local,mode=most", "mode=min or mode=max"),
            ("type=local,dest=x", "set by buildrace"),
            ("type=local,mode=max,mode=min", "given twice"),
            ("type=registry", "needs ref=REPOSITORY"),
            ("type=registry,ref=a/b:c", "without a tag"),
            ("type=s3", "needs bucket"),
            ("type=local,ref=a", "ref is for type=registry"),
            ("type=local,name=A", "no name"),
            ("type=none,mode=max", "no mode"),
            ("type=none,cache-mounts=lost", "nothing travels"),
            (
                "type=local,cache-mounts=kept",
                "expected lost or restored, found \"kept\"",
            ),
        ] {
            assert!(told(text).contains(expected), "{text}: {}", told(text));
        }
    }
}
