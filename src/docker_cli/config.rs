//! The Docker CLI's `config.json`, as far as a plugin's hook is in it. It is edited as text, so
//! that everything else stays as it was, its order and its indentation too.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};

use super::call::PLUGIN_NAME;

/// Commands after which the Docker CLI asks the plugin. With buildx installed `docker build` is
/// `buildx build` to it.
const COMMANDS: &str = "build,buildx build";
/// Keys of the plugin's settings, whose values are strings.
const HOOKS: &str = "hooks";
const THRESHOLD: &str = "threshold";
/// What was added to the file besides, to be taken out with the hook.
const ADDED: &str = "added";
const PLUGINS: &str = "plugins";
const FEATURES: &str = "features";

/// The settings cannot be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// What the hook is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSettings {
    /// The threshold, as it was written.
    pub threshold: String,
}

/// What a change comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// The text as it was.
    Nothing,
    /// Another text.
    Text(String),
    /// Nothing is left of what was made.
    Gone,
}

/// The text of a `config.json`; empty where there is no such file.
#[derive(Debug, Clone)]
pub struct Config {
    text: String,
    is_new: bool,
}

impl Config {
    /// A text that was read; `None` of a file that is not there.
    pub fn new(text: Option<String>) -> Self {
        Self {
            is_new: text.is_none(),
            text: text.unwrap_or_else(|| "{}\n".to_owned()),
        }
    }

    /// The hook's settings, where it is on.
    pub fn hook(&self) -> Option<HookSettings> {
        let (_, root) = self.parsed().ok()?;
        let own = root.object_value(PLUGINS)?.object_value(PLUGIN_NAME)?;
        string(&own, HOOKS)?;
        let threshold = string(&own, THRESHOLD).unwrap_or_default();
        Some(HookSettings { threshold })
    }

    /// The text with the hook on.
    ///
    /// # Errors
    /// It is no JSON object, or hooks were switched off.
    pub fn with_hook(&self, threshold: &str) -> Result<Changed, ConfigError> {
        let (document, root) = self.parsed()?;
        let mut added: Vec<&str> = Vec::new();
        if self.is_new {
            added.push("file");
        }
        for (section, known) in [(PLUGINS, root.get(PLUGINS)), (FEATURES, root.get(FEATURES))] {
            if known.is_none() {
                added.push(section);
            }
        }
        let wrong = |section: &str| ConfigError(format!("\"{section}\" is no JSON object"));
        let features = root
            .object_value_or_create(FEATURES)
            .ok_or_else(|| wrong(FEATURES))?;
        match (features.get(HOOKS), string(&features, HOOKS).as_deref()) {
            (None, _) => {
                features.append(HOOKS, "true".into());
                added.push("features.hooks");
            }
            (Some(_), Some("1" | "t" | "T" | "TRUE" | "true" | "True")) => {}
            (Some(_), _) => {
                return Err(ConfigError(
                    "\"features\" has \"hooks\" switched off, for all plugins: take it out, or \
                     make it \"true\""
                        .to_owned(),
                ));
            }
        }
        let plugins = root
            .object_value_or_create(PLUGINS)
            .ok_or_else(|| wrong(PLUGINS))?;
        if plugins.get(PLUGIN_NAME).is_none() {
            added.push("plugins.buildrace");
        }
        let own = plugins
            .object_value_or_create(PLUGIN_NAME)
            .ok_or_else(|| wrong("plugins.buildrace"))?;
        // Of an earlier time, when more was added.
        let before = string(&own, ADDED).unwrap_or_default();
        let mut all: Vec<&str> = before.split(',').filter(|word| !word.is_empty()).collect();
        all.extend(added);
        set(&own, HOOKS, COMMANDS);
        set(&own, THRESHOLD, threshold);
        set(&own, ADDED, &all.join(","));
        let text = document.to_string();
        Ok(match text == self.text {
            true => Changed::Nothing,
            false => Changed::Text(text),
        })
    }

    /// The text with nothing of the hook, and with nothing that was added for it.
    ///
    /// # Errors
    /// It is no JSON object.
    pub fn without_hook(&self) -> Result<Changed, ConfigError> {
        let (document, root) = self.parsed()?;
        let plugins = root.object_value(PLUGINS);
        let own = plugins.as_ref().and_then(|it| it.object_value(PLUGIN_NAME));
        let (Some(plugins), Some(own)) = (plugins, own) else {
            return Ok(Changed::Nothing);
        };
        let added = string(&own, ADDED).unwrap_or_default();
        let was_added = |what: &str| added.split(',').any(|word| word == what);
        for key in [HOOKS, THRESHOLD, ADDED] {
            remove(&own, key);
        }
        if was_added("plugins.buildrace") && own.properties().is_empty() {
            remove(&plugins, PLUGIN_NAME);
        }
        if was_added(PLUGINS) && plugins.properties().is_empty() {
            remove(&root, PLUGINS);
        }
        if let Some(features) = root.object_value(FEATURES) {
            // Somebody else's hook may need it by now.
            let is_needed = root.object_value(PLUGINS).is_some_and(|plugins| {
                let mut all = plugins.properties().into_iter();
                all.any(|plugin| {
                    let settings = plugin.object_value();
                    settings.is_some_and(|settings| settings.get(HOOKS).is_some())
                })
            });
            if was_added("features.hooks") && !is_needed {
                remove(&features, HOOKS);
            }
            if was_added(FEATURES) && features.properties().is_empty() {
                remove(&root, FEATURES);
            }
        }
        if was_added("file") && root.properties().is_empty() {
            return Ok(Changed::Gone);
        }
        Ok(Changed::Text(document.to_string()))
    }

    fn parsed(&self) -> Result<(CstRootNode, CstObject), ConfigError> {
        // The Docker CLI takes no comments and the like, which the editor would.
        let strict = serde_json::from_str::<serde::de::IgnoredAny>(&self.text);
        strict.map_err(|error| ConfigError(error.to_string()))?;
        let parsed = CstRootNode::parse(&self.text, &ParseOptions::default());
        let document = parsed.map_err(|error| ConfigError(error.to_string()))?;
        let root = document
            .object_value()
            .ok_or_else(|| ConfigError("expected a JSON object".to_owned()))?;
        Ok((document, root))
    }
}

fn string(object: &CstObject, key: &str) -> Option<String> {
    let value = object.get(key)?.value()?;
    value.as_string_lit()?.decoded_value().ok()
}

fn set(object: &CstObject, key: &str, value: &str) {
    match object.get(key) {
        Some(known) => known.set_value(value.into()),
        None => drop(object.append(key, CstInputValue::from(value))),
    }
}

fn remove(object: &CstObject, key: &str) {
    if let Some(known) = object.get(key) {
        known.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> String {
        match Config::new(Some(text.to_owned())).with_hook("10s") {
            Ok(Changed::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn off(text: &str) -> String {
        match Config::new(Some(text.to_owned())).without_hook() {
            Ok(Changed::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    /// As `docker login` writes it.
    const USUAL: &str = "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {}\n\t},\n\t\"credsStore\": \"pass\",\n\t\"currentContext\": \"farm\"\n}";

    #[test]
    fn what_is_switched_on_is_switched_off_without_a_trace() {
        for text in [
            USUAL,
            "{}",
            "{}\n",
            "{\n  \"plugins\": {\n    \"scout\": {\n      \"hooks\": \"pull\"\n    }\n  },\n  \"features\": {\n    \"hooks\": \"true\"\n  }\n}\n",
            "{\n  \"plugins\": {},\n  \"features\": {}\n}\n",
        ] {
            let with = on(text);
            let hook = Config::new(Some(with.clone())).hook();
            assert_eq!(hook.map(|hook| hook.threshold).as_deref(), Some("10s"));
            let value: serde_json::Value = serde_json::from_str(&with).unwrap();
            assert_eq!(value["plugins"]["buildrace"]["hooks"], "build,buildx build");
            assert_eq!(value["features"]["hooks"], "true");
            assert_eq!(off(&with), text, "{with}");
        }
    }

    #[test]
    fn one_line_becomes_several_and_stays_the_same_json() {
        let text = "{\"b\":1,\"a\":{\"z\":2,\"y\":[1, 2]}}\n";
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeezed(&off(&on(text))), squeezed(text));
    }

    #[test]
    fn the_rest_keeps_its_order_and_form() {
        let with = on(USUAL);
        let before = USUAL.trim_end_matches(['}', '\n']);
        assert!(with.starts_with(before), "{with}");
        assert!(
            with.contains("\n\t\"plugins\": {\n\t\t\"buildrace\": {\n"),
            "{with}"
        );
    }

    #[test]
    fn switched_on_again_another_threshold_counts_and_all_goes() {
        let once = on(USUAL);
        let config = Config::new(Some(once.clone()));
        assert_eq!(config.with_hook("10s"), Ok(Changed::Nothing));
        let Ok(Changed::Text(twice)) = config.with_hook("3s") else {
            panic!("{once}");
        };
        let hook = Config::new(Some(twice.clone())).hook().unwrap();
        assert_eq!(hook.threshold, "3s");
        assert_eq!(off(&twice), USUAL);
    }

    #[test]
    fn a_file_that_was_made_goes_and_one_that_holds_more_stays() {
        let Ok(Changed::Text(made)) = Config::new(None).with_hook("10s") else {
            panic!();
        };
        let off = |text: String| Config::new(Some(text)).without_hook();
        assert_eq!(off(made.clone()), Ok(Changed::Gone));
        let more = made.replacen('{', "{\n  \"auths\": {},", 1);
        assert!(matches!(off(more), Ok(Changed::Text(text)) if text.contains("auths")));
        assert_eq!(off("{}".into()), Ok(Changed::Nothing));
    }

    #[test]
    fn somebody_elses_hook_stays() {
        let with = on("{}");
        let other = with.replacen(
            "\"plugins\": {",
            "\"plugins\": {\"scout\": {\"hooks\": \"pull\"},",
            1,
        );
        let value: serde_json::Value = serde_json::from_str(&off(&other)).unwrap();
        assert_eq!(value["plugins"]["scout"]["hooks"], "pull");
        assert_eq!(value["features"]["hooks"], "true");
        assert_eq!(value["plugins"].as_object().unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_config_or_forbids_hooks_is_refused() {
        for (text, words) in [
            ("[]", "expected a JSON object"),
            ("{", ""),
            ("{\"plugins\": 1}", "\"plugins\" is no JSON object"),
            ("{\"features\": {\"hooks\": \"false\"}}", "switched off"),
            ("{ // x\n}", ""),
        ] {
            let refused = Config::new(Some(text.into())).with_hook("10s");
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
