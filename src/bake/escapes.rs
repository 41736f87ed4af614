//! Whether buildx prints values as they are, or so that bake could read them again.

/// How a version of buildx prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    /// Values as they are: before 0.23.
    None,
    /// `$${` for `${` and `%%{` for `%{`, so that bake could read it again.
    Doubled,
}

impl Escapes {
    /// What the answer of `docker buildx version` says:
    /// `github.com/docker/buildx v0.13.1 …`.
    pub fn of_version(said: &str) -> Self {
        let mut words = said.split_whitespace().skip(1);
        let version = words.next().unwrap_or_default().trim_start_matches('v');
        let mut numbers = version.split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(0)), Some(Ok(minor))) if minor < 23 => Self::None,
            _ => Self::Doubled,
        }
    }
}

/// Whether a document reads differently by [`Escapes`].
pub fn has_escapes(printed: &[u8]) -> bool {
    let has = |word: &[u8]| printed.windows(word.len()).any(|it| it == word);
    has(b"$${") || has(b"%%{")
}
