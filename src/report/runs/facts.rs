//! What a run was measured on and what it built, as facts that two runs have in
//! common or not.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{BuilderInfo, EmulatorInfo, Platform, RunRecord, ScenarioInfo};
use crate::report::number;

/// What a fact is about. The order is that of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// The machine: where it differs, times are those of other machines.
    Machine,
    /// The builder: driver, Docker Engine, BuildKit, QEMU, image store.
    Builder,
    /// What was built: Dockerfiles, sources, base images, platforms.
    Build,
    /// How it was measured: buildrace's version and rules.
    Method,
}

impl Aspect {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Builder => "builder",
            Self::Build => "build",
            Self::Method => "method",
        }
    }
}

/// A fact about several runs in which they differ.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// What it is about.
    pub aspect: Aspect,
    /// Its name, `BuildKit`; may hold names from outside.
    pub name: String,
    /// Its value in each run; `None` where a run has none. From outside.
    pub values: Vec<Option<String>>,
}

/// Facts about a run by aspect and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts(BTreeMap<(Aspect, String), String>);

impl Facts {
    pub(super) fn of(record: &RunRecord) -> Self {
        let mut facts = Self::default();
        machine(record, &mut facts);
        builder(&record.builder, &record.emulators, &mut facts);
        for scenario in &record.scenarios {
            build(scenario, &mut facts);
        }
        for image in &record.base_images {
            let name = format!("base image {} on {}", image.name, image.platform);
            let digest = image.digest.as_deref().unwrap_or("unknown digest");
            let stand_in = if image.stand_in { " (stand-in)" } else { "" };
            facts.add(Aspect::Build, name, format!("{}{stand_in}", short(digest)));
        }
        let method = [
            ("buildrace", Some(record.buildrace.clone())),
            ("commit of the project", record.commit.as_deref().map(short)),
            (
                "change that matters",
                Some(number::share(record.rules.delta)),
            ),
        ];
        for (name, value) in method {
            facts.optional(Aspect::Method, name, value);
        }
        facts
    }

    /// Those that are not the same everywhere.
    pub(super) fn differences(facts: &[&Self]) -> Vec<Difference> {
        let names: BTreeSet<&(Aspect, String)> = facts.iter().flat_map(|f| f.0.keys()).collect();
        let differences = names.into_iter().map(|name| Difference {
            aspect: name.0,
            name: name.1.clone(),
            values: facts
                .iter()
                .map(|facts| facts.0.get(name).cloned())
                .collect(),
        });
        let differs =
            |found: &Difference| found.values.iter().any(|value| value != &found.values[0]);
        differences.filter(differs).collect()
    }

    fn optional(&mut self, aspect: Aspect, name: &str, value: Option<String>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.add(aspect, name.to_owned(), value);
        }
    }

    fn add(&mut self, aspect: Aspect, name: String, value: String) {
        self.0.insert((aspect, name), value);
    }
}

/// In what these runs differ, by aspect. What they were asked for by name alone
/// (commands, seeds) is no difference.
pub fn differences(records: &[&RunRecord]) -> Vec<Difference> {
    let facts: Vec<Facts> = records.iter().map(|record| Facts::of(record)).collect();
    Facts::differences(&facts.iter().collect::<Vec<_>>())
}

fn machine(record: &RunRecord, facts: &mut Facts) {
    let host = &record.host;
    let values = [
        ("CPU", host.cpu_model.clone()),
        ("cores", host.cores.map(|cores| cores.to_string())),
        ("memory", host.memory_bytes.map(number::bytes)),
        ("kernel", host.kernel.clone()),
        ("system", host.os.clone()),
        ("CPU governor", host.governor.clone()),
    ];
    for (name, value) in values {
        facts.optional(Aspect::Machine, name, value);
    }
}

fn builder(builder: &BuilderInfo, emulators: &[EmulatorInfo], facts: &mut Facts) {
    let own = builder.own.then(|| "made for the run".to_owned());
    let nodes = builder.nodes.iter().map(|node| node.native.to_string());
    let nodes: Vec<String> = nodes.collect();
    let values = [
        ("driver", Some(builder.driver.clone())),
        ("container", own),
        ("image of the builder", builder.image.clone()),
        ("Docker Engine", builder.engine_version.clone()),
        ("BuildKit", builder.buildkit_version.clone()),
        ("storage", builder.storage.clone()),
        ("nodes", (!nodes.is_empty()).then(|| nodes.join(", "))),
    ];
    for (name, value) in values {
        facts.optional(Aspect::Builder, name, value);
    }
    for emulator in emulators {
        let value = match (&emulator.version, &emulator.interpreter_digest) {
            (Some(version), _) => version.clone(),
            (None, Some(digest)) => short(digest),
            (None, None) => "unknown version".to_owned(),
        };
        let name = format!("emulator of {}", emulator.platform);
        facts.add(Aspect::Builder, name, value);
    }
}

fn build(scenario: &ScenarioInfo, facts: &mut Facts) {
    let name = &scenario.name;
    let platforms = scenario.platforms.iter().map(Platform::to_string);
    let platforms: Vec<String> = platforms.collect();
    let values = [
        ("scenario.toml", Some(short(&scenario.digest))),
        ("sources", Some(short(&scenario.sources_digest))),
        ("platforms", Some(platforms.join(", "))),
        ("own platform", Some(scenario.native.to_string())),
        ("edit", scenario.edit.clone()),
    ];
    for (what, value) in values {
        facts.optional(Aspect::Build, &format!("{what} of {name}"), value);
    }
    for (edit, parts) in &scenario.edits {
        facts.add(
            Aspect::Build,
            format!("edit {edit} of {name}"),
            parts.join("; "),
        );
    }
    for variant in &scenario.variants {
        let of = format!("{} of {name}", variant.name);
        let aspect = Aspect::Build;
        facts.add(aspect, format!("Dockerfile, {of}"), short(&variant.digest));
        let sources = variant.sources_digest.as_deref().map(short);
        facts.optional(aspect, &format!("sources, {of}"), sources);
    }
}

/// The first digits of a digest or of a commit's id, with what marks it as changed.
fn short(digest: &str) -> String {
    let (kind, digits) = digest.split_once(':').unwrap_or(("", digest));
    let (digits, dirty) = match digits.strip_suffix("-dirty") {
        Some(clean) => (clean, "-dirty"),
        None => (digits, ""),
    };
    let is_digest = digits.len() > 12 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_digest {
        return digest.to_owned();
    }
    let colon = if kind.is_empty() { "" } else { ":" };
    format!("{kind}{colon}{}{dirty}", &digits[..12])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn runs_that_differ_in_nothing_have_no_difference() {
        let record = fixture::record(&["naive", "cross"], 3);
        let mut other = record.clone();
        other.run = "another".into();
        other.seed = 99;
        assert_eq!(differences(&[&record, &other]), []);
    }

    /// What may differ, each by a change of the record.
    #[test]
    fn each_difference_is_named() {
        let record = fixture::record(&["naive", "cross"], 3);
        type Change = (Aspect, &'static str, fn(&mut RunRecord));
        let changes: [Change; 10] = [
            (Aspect::Machine, "CPU", |r| {
                r.host.cpu_model = Some("Xeon".into());
            }),
            (Aspect::Machine, "cores", |r| r.host.cores = Some(64)),
            (Aspect::Builder, "Docker Engine", |r| {
                r.builder.engine_version = Some("28.5.2".into());
            }),
            (Aspect::Builder, "BuildKit", |r| {
                r.builder.buildkit_version = Some("v0.25.1".into());
            }),
            (Aspect::Builder, "emulator of linux/arm64", |r| {
                r.emulators[0].version = Some("11.1.3".into());
            }),
            (Aspect::Build, "scenario.toml of go-hello", |r| {
                r.scenarios[0].digest = "ab".repeat(32);
            }),
            (Aspect::Build, "Dockerfile, cross of go-hello", |r| {
                r.scenarios[0].variants[1].digest = "cd".repeat(32);
            }),
            (Aspect::Build, "sources of go-hello", |r| {
                r.scenarios[0].sources_digest = "ef".repeat(32);
            }),
            (Aspect::Build, "base image", |r| {
                r.base_images[0].digest = Some(format!("sha256:{}", "0".repeat(64)));
            }),
            (Aspect::Method, "buildrace", |r| {
                r.buildrace = "9.9.9".into();
            }),
        ];
        for (aspect, name, change) in changes {
            let mut other = record.clone();
            change(&mut other);
            let found = differences(&[&record, &other]);
            assert_eq!(found.len(), 1, "{name}: {found:?}");
            assert_eq!(found[0].aspect, aspect, "{name}");
            assert!(found[0].name.starts_with(name), "{name}: {found:?}");
            assert_ne!(found[0].values[0], found[0].values[1]);
        }
    }

    #[test]
    fn digests_are_shown_short_and_words_whole() {
        let long = "0123456789abcdef0123456789abcdef";
        assert_eq!(short(&format!("sha256:{long}")), "sha256:0123456789ab");
        assert_eq!(short(&format!("{long}-dirty")), "0123456789ab-dirty");
        assert_eq!(short("unknown digest"), "unknown digest");
    }
}
