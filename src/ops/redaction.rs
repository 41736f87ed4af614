//! Which texts results and terminal may not show, from what the user named:
//! secrets of builds, and values of `--redact`.

use std::path::Path;

use anyhow::{Context, bail};

use super::race::RaceInput;
use crate::model::{CiCache, RunRecord, TimedExport};
use crate::print;
use crate::race::Redaction;
use crate::scenario::{ContextSource, Snapshot};
use crate::secrets::{Masks, SHORTEST, forms, in_url};
use crate::temporary;

/// Characters of the shortest value that `--redact` takes: a shorter one would
/// be replaced all over the results.
const SHORTEST_VALUE: usize = 4;

/// Values of the environment that hold credentials whoever wrote them: headers
/// for an OpenTelemetry collector.
const VARIABLES: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
];

/// What may not be shown of a race, on the terminal from now on, too.
///
/// # Errors
/// `--redact` names neither a build argument nor a variable that is set, or one
/// whose value is too short.
pub fn masks(
    input: &RaceInput<'_>,
    names: &[String],
    caches: &[CiCache],
    export: &TimedExport,
) -> anyhow::Result<Masks> {
    let secrets = input.secrets.iter();
    let mut texts: Vec<(String, String)> = secrets
        .flat_map(|(id, value)| forms(value, &format!("[secret {id}]"), SHORTEST))
        .collect();
    for name in names {
        let shown = format!("[redacted {name}]");
        for value in values(input, name)? {
            if value.chars().count() < SHORTEST_VALUE {
                bail!(
                    "--redact {name}: its value has fewer than {SHORTEST_VALUE} characters and \
                     would be replaced all over the results"
                );
            }
            texts.extend(forms(value.as_bytes(), &shown, SHORTEST_VALUE));
        }
    }
    texts.extend(headers());
    for secret in caches.iter().flat_map(CiCache::secrets) {
        texts.extend(forms(secret.as_bytes(), "[secret of --ci-cache]", SHORTEST));
    }
    texts.extend(places(caches, export));
    for url in urls(input) {
        let secrets = in_url(&url).into_iter();
        texts.extend(secrets.flat_map(|secret| forms(secret.as_bytes(), "***", SHORTEST)));
    }
    // Of a value that two names have, the first is told.
    let mut known = std::collections::BTreeSet::new();
    texts.retain(|(text, _)| known.insert(text.clone()));
    let masks = Masks::new(texts);
    print::mask(masks.clone());
    Ok(masks)
}

/// Where remote caches and exports are: addresses, and repositories of a registry that is
/// named. A word like `cache` would be replaced all over the results.
fn places(caches: &[CiCache], export: &TimedExport) -> Vec<(String, String)> {
    let of_caches = caches.iter().flat_map(|cache| {
        let places = ["ref", "endpoint_url", "url"].into_iter();
        places.filter_map(move |key| {
            let place = cache.attributes.get(key)?;
            Some((place.clone(), format!("[{key} of {}]", cache.name)))
        })
    });
    let pushed = export.attributes.get("name");
    let pushed = pushed.map(|name| (name.clone(), "[name of --output]".to_owned()));
    let names_host = |(place, _): &(String, String)| {
        let host = place.split_once('/').map(|(host, _)| host);
        host.is_some_and(|host| host.contains(['.', ':']))
    };
    of_caches.chain(pushed).filter(names_host).collect()
}

/// Addresses that builds and fetches use.
fn urls(input: &RaceInput<'_>) -> Vec<String> {
    let variants = input.scenarios.iter().flat_map(|s| &s.variants);
    let contexts = variants.flat_map(|variant| {
        let baked = variant.bake.iter().flat_map(|bake| &bake.targets);
        let baked = baked.flat_map(|target| target.contexts.values());
        variant.contexts.values().chain(baked)
    });
    let remote = contexts.filter_map(|source| match source {
        ContextSource::Remote(url) => Some(url.clone()),
        ContextSource::Folder(_) | ContextSource::Target(_) => None,
    });
    let fetched = input.scenarios.iter().filter_map(|s| s.fetch.as_ref());
    let fetched = fetched.map(|fetch| fetch.git.clone());
    let engine = std::env::var("DOCKER_HOST").ok();
    remote.chain(fetched).chain(engine).collect()
}

/// The values that a name has: those of build arguments, of all variants, and
/// that of the environment.
fn values(input: &RaceInput<'_>, name: &str) -> anyhow::Result<Vec<String>> {
    let variants = input.scenarios.iter().flat_map(|s| &s.variants);
    let arguments = variants.flat_map(|variant| {
        let baked = variant.bake.iter().flat_map(|bake| &bake.targets);
        let all = baked.map(|target| &target.build_args);
        let all = all.chain([&variant.build_args]);
        all.filter_map(|arguments| arguments.get(name).cloned())
    });
    let variable = std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut values: Vec<String> = arguments.chain(variable).collect();
    values.sort();
    values.dedup();
    if values.is_empty() {
        bail!(
            "--redact {name}: neither a build argument nor an environment variable of this name \
             has a value; set it, so that its value can be found"
        );
    }
    Ok(values)
}

/// Values of `name=value,…`.
fn headers() -> Vec<(String, String)> {
    let set = VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
    let mut texts = Vec::new();
    for written in set {
        for header in written.split(',') {
            let (_, value) = header.split_once('=').unwrap_or(("", header));
            let value = value.trim();
            texts.extend(forms(value.as_bytes(), "[redacted header]", SHORTEST));
            // `Bearer TOKEN` may be told without its first word.
            if let Some((_, token)) = value.rsplit_once([' ', '+']) {
                texts.extend(forms(token.as_bytes(), "[redacted header]", SHORTEST));
            }
            if let Some((_, token)) = value.rsplit_once("%20") {
                texts.extend(forms(token.as_bytes(), "[redacted header]", SHORTEST));
            }
        }
    }
    texts
}

/// All that results of a race may not say: among others, the addresses of its
/// builder's nodes.
pub fn of_race(
    masks: Masks,
    addresses: &[String],
    snapshot: &Snapshot,
    project: &Path,
) -> Redaction {
    let path = |path: &Path| path.display().to_string();
    let mut own = vec![(path(snapshot.folder()), "sources".to_owned())];
    own.extend(temporary::folder_of_process().map(|folder| (path(&folder), "TMPDIR".to_owned())));
    for address in addresses {
        own.push((address.clone(), "the builder".to_owned()));
        if let Some((_, place)) = address.split_once("://") {
            own.push((place.to_owned(), "the builder".to_owned()));
            // As ssh is given it, with the port apart.
            if let Some((user_and_host, _)) = place.rsplit_once(':')
                && user_and_host.contains('@')
            {
                own.push((user_and_host.to_owned(), "the builder".to_owned()));
            }
        }
    }
    let mut host = vec![(path(project), ".".to_owned())];
    if let Some(home) = std::env::var_os("HOME").filter(|home| home.len() > 1) {
        host.push((home.to_string_lossy().into_owned(), "~".to_owned()));
    }
    Redaction { masks, own, host }
}

/// A run's record as it is stored.
///
/// # Errors
/// A value that is to be redacted is a word that a record cannot do without.
pub fn record(record: &RunRecord, masks: &Masks) -> anyhow::Result<RunRecord> {
    let mut value = serde_json::to_value(record).context("cannot redact the run's record")?;
    mask(&mut value, masks);
    let words = "--redact: the value is a word that results cannot do without, such as a \
                 platform's or a variant's name";
    let stored: RunRecord = serde_json::from_value(value).context(words)?;
    if stored.run != record.run || stored.plan != record.plan {
        bail!(words);
    }
    Ok(stored)
}

fn mask(value: &mut serde_json::Value, masks: &Masks) {
    match value {
        serde_json::Value::String(text) => {
            if let std::borrow::Cow::Owned(masked) = masks.text(text) {
                *text = masked;
            }
        }
        serde_json::Value::Array(values) => {
            values.iter_mut().for_each(|value| mask(value, masks));
        }
        serde_json::Value::Object(values) => {
            values.values_mut().for_each(|value| mask(value, masks));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_with_a_host_are_hidden() {
        let hidden = |cache: &str, export: &str| -> Vec<String> {
            let places = places(&[cache.parse().unwrap()], &export.parse().unwrap());
            places.into_iter().map(|(place, _)| place).collect()
        };
        let registry = "type=registry,ref=registry.example:5000/app/cache";
        assert_eq!(
            hidden(registry, "type=registry,name=localhost:5000/app"),
            ["registry.example:5000/app/cache", "localhost:5000/app"]
        );
        // They are words of steps, too.
        let bucket = "type=s3,bucket=cache,region=r,endpoint_url=http://s3.example:9000/";
        assert_eq!(
            hidden(bucket, "type=registry,name=build"),
            ["http://s3.example:9000/"]
        );
        assert!(hidden("type=registry,ref=owner/cache", "cacheonly").is_empty());
    }
}
