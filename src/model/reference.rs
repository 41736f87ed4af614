//! Names as images have them: one image has many, and all of them mean it. The
//! rules are those of `github.com/distribution/reference`:
//! `ParseNormalizedNamed`, `TagNameOnly` and `FamiliarString`.

use std::sync::LazyLock;

use regex::Regex;

const HUB: &str = "docker.io";
/// Where an image of the hub without an owner is.
const OFFICIAL: &str = "library/";
/// `RepositoryNameTotalLengthMax`.
const PATH_LIMIT: usize = 255;

/// Registry, path, tag and digest.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let registry = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
    let part = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let path = format!("{part}(?:/{part})*");
    let tag = "[0-9A-Za-z_][0-9A-Za-z_.-]{0,127}";
    let digest = "sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}";
    let whole = format!("^(?:({registry})/)?({path})(?::({tag}))?(?:@({digest}))?$");
    Regex::new(&whole).expect("a pattern without input in it")
});

/// The name of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Without Docker Hub's address, and without the folder of its official
    /// images.
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Reads a name, `debian`, `docker.io/library/debian:trixie` or
    /// `debian@sha256:…`.
    ///
    /// # Errors
    /// What is wrong with it, where no engine would take it.
    pub fn parse(name: &str) -> Result<Self, &'static str> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if name.len() == 64 && name.bytes().all(is_hex) {
            return Err("64 hexadecimal digits are taken for an id");
        }
        let (registry, rest) = registry_and_rest(name);
        let path = rest.split(':').next().unwrap_or_default();
        if path.chars().any(char::is_uppercase) {
            return Err("it must be in lower case");
        }
        let whole = format!("{registry}/{rest}");
        let parts = REFERENCE
            .captures(&whole)
            .ok_or("it must be like the name of an image, `base` or `example.org/base:1`")?;
        let part = |index| parts.get(index).map(|part| part.as_str());
        let path = part(2).unwrap_or_default();
        if path.len() > PATH_LIMIT {
            return Err("it is longer than 255 characters");
        }
        let repository = match part(1) {
            Some(HUB) => match path.strip_prefix(OFFICIAL) {
                Some(official) if !official.contains('/') => official.to_owned(),
                _ => path.to_owned(),
            },
            Some(registry) => format!("{registry}/{path}"),
            None => path.to_owned(),
        };
        Ok(Self {
            repository,
            tag: part(3).map(str::to_owned),
            digest: part(4).map(str::to_owned),
        })
    }

    /// The repository, `debian` or `ghcr.io/me/app`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The digest, where it names one; a tag beside it says nothing then.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The familiar form without the tag `latest`, which says nothing. BuildKit's
    /// frontend brings the name after `FROM` or `COPY --from=` into this form
    /// before it looks for a context of that name (`NamedContext` in
    /// `frontend/dockerui/config.go`), so a context has to be announced under
    /// it.
    pub fn short(&self) -> String {
        match (self.tag.as_deref(), &self.digest) {
            (Some("latest") | None, None) => self.repository.clone(),
            (tag, _) => self.with(tag),
        }
    }

    /// The familiar form with its tag, `debian:latest`: the same for each way
    /// of writing a name.
    pub fn familiar(&self) -> String {
        match (self.tag.as_deref(), &self.digest) {
            (None, None) => self.with(Some("latest")),
            (tag, _) => self.with(tag),
        }
    }

    /// The form that an engine is asked by: by digest, or else by tag.
    pub fn asked(&self) -> String {
        match &self.digest {
            Some(_) => self.with(None),
            None => self.familiar(),
        }
    }

    fn with(&self, tag: Option<&str>) -> String {
        let mut name = self.repository.clone();
        for (mark, value) in [(':', tag), ('@', self.digest.as_deref())] {
            if let Some(value) = value {
                name.push(mark);
                name.push_str(value);
            }
        }
        name
    }
}

/// A name in its familiar form with its tag; as it is where it is none.
pub fn familiar_name(name: &str) -> String {
    Reference::parse(name).map_or_else(|_| name.to_owned(), |name| name.familiar())
}

/// Whether what is before the first `/` is a registry is guessed from its look,
/// as Docker does.
fn registry_and_rest(name: &str) -> (&str, String) {
    let (registry, rest) = match name.split_once('/') {
        Some(("index.docker.io", rest)) => (HUB, rest),
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.chars().any(char::is_uppercase) =>
        {
            (first, rest)
        }
        _ => (HUB, name),
    };
    if registry == HUB && !rest.contains('/') {
        (registry, format!("{OFFICIAL}{rest}"))
    } else {
        (registry, rest.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short_name(name: &str) -> Result<String, &'static str> {
        Reference::parse(name).map(|name| name.short())
    }

    #[test]
    fn every_form_of_a_name_is_the_same_image() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (name, familiar) in [
            ("debian", "debian:latest"),
            ("docker.io/library/debian", "debian:latest"),
            ("index.docker.io/library/debian:latest", "debian:latest"),
            ("docker.io/debian:trixie-slim", "debian:trixie-slim"),
            ("library/debian:trixie-slim", "debian:trixie-slim"),
            ("localhost:5000/debian", "localhost:5000/debian:latest"),
            (
                "r.example:5000/library/debian:1",
                "r.example:5000/library/debian:1",
            ),
            ("not an image", "not an image"),
        ] {
            assert_eq!(familiar_name(name), familiar, "{name}");
        }
        for (name, familiar) in [
            ("docker.io/library/debian@", "debian@"),
            ("debian:trixie@", "debian:trixie@"),
        ] {
            let written = format!("{name}{digest}");
            let reference = Reference::parse(&written).unwrap();
            assert_eq!(reference.familiar(), format!("{familiar}{digest}"));
            assert_eq!(reference.asked(), format!("debian@{digest}"));
        }
    }

    #[test]
    fn names_are_shortened_as_docker_does() {
        for (name, short) in [
            ("extra", "extra"),
            ("extra:latest", "extra"),
            ("extra:1.0", "extra:1.0"),
            ("docker.io/library/alpine:latest", "alpine"),
            ("index.docker.io/alpine", "alpine"),
            ("docker.io/alpine:3", "alpine:3"),
            ("library/alpine", "alpine"),
            ("library/a/b", "library/a/b"),
            ("me/app", "me/app"),
            ("localhost/app:latest", "localhost/app"),
            ("Host/app", "Host/app"),
            ("r.example:5000/me/app", "r.example:5000/me/app"),
            ("[::1]:5000/app", "[::1]:5000/app"),
            // No registry's name has `_`, so all of it is a path.
            ("a_b.c/app", "a_b.c/app"),
            ("a__b--c.d", "a__b--c.d"),
            ("context", "context"),
        ] {
            assert_eq!(short_name(name).as_deref(), Ok(short), "{name}");
        }
        let pinned = format!("alpine:latest@sha256:{}", "0a".repeat(32));
        assert_eq!(short_name(&pinned).as_deref(), Ok(pinned.as_str()));
    }

    #[test]
    fn names_that_buildkit_does_not_take_are_refused() {
        let id = "0a".repeat(32);
        let long = "a".repeat(260);
        let short_digest = format!("a@sha256:{}", "0".repeat(32));
        for name in [
            "",
            "Extra",
            "caf\u{e9}",
            "_context",
            "-a",
            "a..b",
            "a b",
            "a=b",
            "a:",
            "a/",
            "/a",
            "a::linux/arm64",
            "extra\n",
            &id,
            &long,
            &short_digest,
        ] {
            assert!(short_name(name).is_err(), "{name:?}");
        }
        assert!(short_name("Extra").unwrap_err().contains("lower case"));
    }
}
