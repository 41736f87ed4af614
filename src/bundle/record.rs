//! A build's record in a bundle, and the provenance beside it, as far as they
//! are read.

use std::collections::HashMap;

use serde::Deserialize;

use crate::model::{BuildInputs, Platform};

/// Characters of an attribute that are kept.
const MAX_ATTRIBUTE: usize = 4096;
/// Characters of an error that are kept.
const MAX_MESSAGE: usize = 64 * 1024;

/// BuildKit's `BuildHistoryRecord` as Go's encoding/json writes it, with what
/// buildx adds (`Record` in `util/desktop/bundle/export.go`).
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    #[serde(rename = "FrontendAttrs", default)]
    attributes: Option<HashMap<String, String>>,
    #[serde(default)]
    error: Option<Status>,
    #[serde(rename = "DefaultPlatform", alias = "defaultPlatform", default)]
    default_platform: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
}

impl Record {
    /// What was asked for.
    pub(super) fn inputs(&self) -> BuildInputs {
        let attributes = self.attributes.iter().flatten();
        let bounded = |value: &String| value.chars().take(MAX_ATTRIBUTE).collect();
        let attributes = attributes.map(|(name, value)| (name.clone(), bounded(value)));
        BuildInputs::of_attributes(&attributes.collect())
    }

    /// The first of the platforms that the node listed to buildx: its own.
    pub(super) fn default_platform(&self) -> Option<Platform> {
        self.default_platform.as_deref()?.parse().ok()
    }

    /// The error that buildx ends a recording of such a build with.
    pub(super) fn error_of_client(&self) -> Option<String> {
        let message = &self.error.as_ref()?.message;
        let message: String = message.chars().take(MAX_MESSAGE).collect();
        Some(format!("ERROR: failed to solve: {message}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn a_record_without_anything_says_nothing() {
        let record: Record = from_value(json!({ "FrontendAttrs": null, "error": null })).unwrap();
        assert_eq!(record.inputs(), BuildInputs::default());
        assert_eq!(record.default_platform(), None);
        assert_eq!(record.error_of_client(), None);
    }
}
