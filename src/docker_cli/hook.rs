//! What the Docker CLI asks a plugin after another command, and what the plugin answers
//! (`cli-plugins/hooks/hook_types.go`).

use std::collections::BTreeMap;

use serde::Deserialize;

/// The command that has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HookRequest {
    /// The command of the plugin's settings that it matched, `buildx build`.
    pub root_cmd: String,
    /// Flags that it was given, most of them without their values.
    pub flags: BTreeMap<String, String>,
    /// Why it failed; empty where it did not.
    pub command_error: String,
}

impl HookRequest {
    /// Reads what the Docker CLI wrote; `None` of anything else.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether a flag was given, with a value behind `=` or not.
    pub fn has_flag(&self, name: &str) -> bool {
        let mut flags = self.flags.keys();
        flags.any(|flag| flag.split('=').next() == Some(name))
    }
}

/// The answer: a line to show, or nothing. The Docker CLI reads it as a template of Go, in which
/// two braces begin an action.
pub fn hook_response(line: Option<&str>) -> String {
    let line = line.unwrap_or_default().replace("{{", "{ {");
    serde_json::json!({ "Type": 0, "Template": line }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_docker_writes_it() {
        let text = r#"{"RootCmd":"buildx build","Flags":{"no-cache":"","platform=linux/arm64":""},"CommandError":""}"#;
        let request = HookRequest::read(text).unwrap();
        assert_eq!(request.root_cmd, "buildx build");
        assert!(request.has_flag("no-cache") && request.has_flag("platform"));
        assert!(!request.has_flag("no"));
        assert_eq!(HookRequest::read("["), None);
    }

    #[test]
    fn a_line_is_no_template() {
        assert_eq!(
            hook_response(Some("RUN x '{{{.Id}}}'")),
            r#"{"Template":"RUN x '{ {{.Id}}}'","Type":0}"#
        );
        assert_eq!(hook_response(None), r#"{"Template":"","Type":0}"#);
    }
}
