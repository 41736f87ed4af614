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
        BuildInputs::of_attributes(|name| {
            let value = self.attributes.as_ref()?.get(name)?;
            Some(value.chars().take(MAX_ATTRIBUTE).collect())
        })
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

/// A provenance of SLSA 0.2 or 1, alone or in an in-toto statement.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Provenance {
    predicate: Option<Box<Provenance>>,
    invocation: Option<Invocation>,
    #[serde(rename = "buildDefinition")]
    definition: Option<Definition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Invocation {
    environment: Option<Environment>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Environment {
    platform: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Definition {
    #[serde(rename = "internalParameters")]
    parameters: Option<Parameters>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    #[serde(rename = "builderPlatform")]
    platform: Option<String>,
}

impl Provenance {
    /// The platform of the machine that BuildKit ran on.
    pub(super) fn builder_platform(self) -> Option<Platform> {
        let Self {
            predicate,
            invocation,
            definition,
        } = self;
        let first = || invocation?.environment?.platform;
        let second = || definition?.parameters?.platform;
        match predicate {
            Some(predicate) => predicate.builder_platform(),
            None => first().or_else(second)?.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    #[test]
    fn each_form_of_provenance_names_the_builders_platform() {
        let arm64 = Platform::linux("arm64");
        let of = |value: Value| from_value::<Provenance>(value).unwrap().builder_platform();
        let old = json!({ "invocation": { "environment": { "platform": "linux/arm64" } } });
        let new = json!({ "buildDefinition": {
            "internalParameters": { "builderPlatform": "linux/arm64" } } });
        assert_eq!(of(json!({ "predicate": new })), Some(arm64.clone()));
        assert_eq!(of(old), Some(arm64.clone()));
        assert_eq!(of(new), Some(arm64));
        assert_eq!(of(json!({ "invocation": null })), None);
        let nonsense = json!({ "invocation": { "environment": { "platform": "a b" } } });
        assert_eq!(of(nonsense), None);
    }

    #[test]
    fn a_record_without_anything_says_nothing() {
        let record: Record = from_value(json!({ "FrontendAttrs": null, "error": null })).unwrap();
        assert_eq!(record.inputs(), BuildInputs::default());
        assert_eq!(record.default_platform(), None);
        assert_eq!(record.error_of_client(), None);
    }
}
