//! What the server asks for, from the metadata of its call: which folder, and
//! which files of it. Values that are not ASCII arrive URL-encoded, with a
//! second key that says so.

use tonic::metadata::MetadataMap;

/// Folder and patterns of one call of DiffCopy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The name by which BuildKit asks for the folder, `context`.
    pub dir_name: Vec<u8>,
    /// Only what matches one of these; everything where there are none.
    pub include: Vec<Vec<u8>>,
    /// Nothing that matches these.
    pub exclude: Vec<Vec<u8>>,
    /// Only these paths, with whatever their symlinks lead to.
    pub follow: Vec<Vec<u8>>,
}

impl Options {
    /// From the call's metadata.
    pub(super) fn from_metadata(metadata: &MetadataMap) -> Self {
        Self {
            dir_name: values(metadata, "dir-name")
                .into_iter()
                .next()
                .unwrap_or_default(),
            include: values(metadata, "include-patterns"),
            exclude: values(metadata, "exclude-patterns"),
            follow: values(metadata, "followpaths"),
        }
    }
}

fn values(metadata: &MetadataMap, key: &str) -> Vec<Vec<u8>> {
    let encoded = metadata
        .get(format!("{key}-encoded"))
        .is_some_and(|v| is_true(v.as_encoded_bytes()));
    metadata
        .get_all(key)
        .iter()
        .map(|value| {
            let value = value.as_encoded_bytes();
            if encoded {
                // What does not decode is empty, as for Go's clients.
                unescape(value).unwrap_or_default()
            } else {
                value.to_vec()
            }
        })
        .collect()
}

/// Go's `strconv.ParseBool`.
fn is_true(value: &[u8]) -> bool {
    matches!(value, b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True")
}

/// Go's `url.QueryUnescape`: `%XX` is a byte and `+` a space.
fn unescape(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            other => *other,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_only_where_marked() {
        let mut metadata = MetadataMap::new();
        metadata.insert("dir-name", "context".parse().unwrap());
        metadata.append("exclude-patterns", "a+b%41".parse().unwrap());
        metadata.append("include-patterns", "caf%C3%A9+1".parse().unwrap());
        metadata.append("include-patterns", "%ff".parse().unwrap());
        metadata.append("include-patterns", "%f".parse().unwrap());
        metadata.insert("include-patterns-encoded", "1".parse().unwrap());
        let options = Options::from_metadata(&metadata);
        assert_eq!(options.dir_name, b"context");
        assert_eq!(options.exclude, [b"a+b%41"]);
        assert_eq!(
            options.include,
            ["café 1".as_bytes().to_vec(), b"\xff".to_vec(), Vec::new()]
        );
        assert!(options.follow.is_empty());
    }
}
