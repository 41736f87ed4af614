//! Going on with a run that was cut off: what must be as it was, and what is
//! typed for it.

use std::collections::BTreeMap;

use anyhow::bail;
use tokio_util::sync::CancellationToken;

use super::building::{StartedRun, build, learn_from_last_run};
use super::draft::{Draft, draft};
use super::input::RaceInput;
use super::raced::Raced;
use super::transfers;
use crate::model::{
    BuilderInfo, EmulatorInfo, Run, RunRecord, ScenarioInfo, VariantInfo, split_cell,
};
use crate::ops::cells::Cells;
use crate::ops::ignored::left_out;
use crate::ops::{redaction, temporary_folders};
use crate::options::RaceOptions;
use crate::scenario::Snapshot;
use crate::store::HeldRun;

/// Characters of a digest that are shown.
const SHOWN: usize = 19;

/// Builds what is left of a run, and leaves results and report.
///
/// # Errors
/// It could not go on: among others, since what is raced, or where, is not
/// what it was.
pub async fn resume(
    cells: &Cells<'_>,
    mut input: RaceInput<'_>,
    args: &RaceOptions,
    held: HeldRun,
    stop: &CancellationToken,
) -> anyhow::Result<Raced> {
    let masks = redaction::masks(&input, &args.redact, &args.ci_caches, &args.export)?;
    transfers::add_kinds(cells, &mut input.scenarios, &args.ci_caches)?;
    transfers::check_export(cells, &input.scenarios, &args.export, &args.ci_caches).await?;
    temporary_folders::sweep();
    let skip = left_out([&args.results.folder, &args.reports], &input.scenarios)?;
    let snapshot = Snapshot::take(&input.scenarios, &skip)?;
    let Draft {
        record: now,
        scenarios,
        base_images,
        held: _held,
    } = draft(cells, &mut input, args, &snapshot, stop).await?;
    let stored = held.stored.run.record.clone();
    let differences = differences(&stored, &redaction::record(&now, &masks)?);
    if !differences.is_empty() {
        bail!(
            "run {} cannot go on, as its results would not be of one thing: {}; start a new run, or bring back what it began with",
            stored.run,
            differences.join(", ")
        );
    }
    // Names may be redacted in what is stored, and are what is built from.
    let record = RunRecord {
        base_images: now.base_images,
        ..stored.clone()
    };
    let run = Run {
        samples: held.finished(),
        end: None,
        ..held.stored.run.clone()
    };
    let started = StartedRun {
        expected: learn_from_last_run(&args.results.folder, &record),
        masks,
        cuts: run.resumed.len() + 1,
        run,
        writer: held.into_writer()?,
        record,
        base_images,
    };
    build(cells, &input, args, (&snapshot, &scenarios), started, stop).await
}

/// What is not as it was when the run began, of all that its times depend on.
/// How much memory and disk is free, how the engine was found and other things
/// that change from sample to sample are no part of it.
fn differences(then: &RunRecord, now: &RunRecord) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, then: String, now: String| {
        if then != now {
            found.push(format!("{what} (was {then}, is {now})"));
        }
    };
    compare("buildrace", then.buildrace.clone(), now.buildrace.clone());
    let version = |record: &RunRecord| record.schema.to_string();
    compare("version of the result files", version(then), version(now));

    let names = |record: &RunRecord| {
        let names = record.scenarios.iter().map(|s| s.name.as_str());
        names.collect::<Vec<_>>().join(" ")
    };
    let export = |record: &RunRecord| record.export.clone().unwrap_or_default();
    compare("--output", export(then), export(now));
    compare("the scenarios", names(then), names(now));
    for (then, now) in then.scenarios.iter().zip(&now.scenarios) {
        of_scenario(then, now, &mut compare);
    }

    of_builder("", &then.builder, &now.builder, &mut compare);
    of_cells(then, now, &mut compare);

    let (a, b) = (&then.host, &now.host);
    compare("the CPU", known(&a.cpu_model), known(&b.cpu_model));
    let cores = |cores: Option<u32>| known(&cores.map(|cores| cores.to_string()));
    compare("its cores", cores(a.cores), cores(b.cores));
    compare("its governor", known(&a.governor), known(&b.governor));
    compare("the kernel", known(&a.kernel), known(&b.kernel));

    compare(
        "the emulators",
        emulators(&then.emulators),
        emulators(&now.emulators),
    );
    let images = |record: &RunRecord| {
        let each = record.base_images.iter().map(|image| {
            let stand_in = if image.stand_in { " (a stand-in)" } else { "" };
            let digest = known(&image.digest);
            let digest = short(&digest);
            format!("{} {} {digest}{stand_in}", image.name, image.platform)
        });
        each.collect::<Vec<_>>()
    };
    let (then_held, now_held) = (images(then), images(now));
    let only = |these: &[String], those: &[String]| {
        let only = these.iter().filter(|image| !those.contains(image));
        let only: Vec<String> = only.cloned().collect();
        if only.is_empty() {
            "none".to_owned()
        } else {
            only.join(" and ")
        }
    };
    compare(
        "base images",
        only(&then_held, &now_held),
        only(&now_held, &then_held),
    );
    // What it is drawn from is the same: then so is the plan, or one of the
    // files is not what buildrace wrote.
    if found.is_empty() && then.plan != now.plan {
        found.push("the plan that the seed gives".to_owned());
    }
    found
}

fn known(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(|| "not known".to_owned())
}

/// `of` is empty, or says which of several builders it is.
fn of_builder(
    of: &str,
    then: &BuilderInfo,
    now: &BuilderInfo,
    compare: &mut impl FnMut(&str, String, String),
) {
    let mut compare = |what: &str, then, now| compare(&format!("{what}{of}"), then, now);
    compare(
        "the builder's driver",
        then.driver.clone(),
        now.driver.clone(),
    );
    let values = |info: &BuilderInfo| {
        [
            ("the Docker Engine", known(&info.engine_version)),
            ("BuildKit", known(&info.buildkit_version)),
            ("the engine's storage", known(&info.storage)),
            ("the builder's platforms", words(&info.platforms)),
        ]
    };
    for ((what, then), (_, now)) in values(then).into_iter().zip(values(now)) {
        compare(what, then, now);
    }
}

/// What the values of a matrix have of their own. That they are the same values,
/// the variants' names tell.
fn of_cells(then: &RunRecord, now: &RunRecord, compare: &mut impl FnMut(&str, String, String)) {
    let cells = |record: &RunRecord| {
        let variants = record.scenarios.iter().flat_map(|s| &s.variants);
        let cells = variants.filter_map(|variant| {
            let value = split_cell(&variant.name).1?.to_owned();
            let builder = variant.builder.clone();
            Some((value, (builder, variant.emulators.clone())))
        });
        cells.collect::<BTreeMap<_, _>>()
    };
    let mut now = cells(now);
    for (value, (then_builder, then_emulators)) in cells(then) {
        let Some((now_builder, now_emulators)) = now.remove(&value) else {
            continue;
        };
        let of = format!(" at {value}");
        if let (Some(a), Some(b)) = (&then_builder, &now_builder)
            && *a != then.builder
        {
            of_builder(&of, a, b, compare);
        }
        let (a, b) = (then_emulators, now_emulators);
        if a.as_ref() != Some(&then.emulators) {
            let emulators =
                |found: Option<Vec<EmulatorInfo>>| emulators(&found.unwrap_or_default());
            compare(&format!("the emulators{of}"), emulators(a), emulators(b));
        }
    }
}

fn emulators(all: &[EmulatorInfo]) -> String {
    let each = all.iter().map(|emulator| {
        let digest = known(&emulator.interpreter_digest);
        let version = known(&emulator.version);
        format!("{} {version} {}", emulator.platform, short(&digest))
    });
    let mut each: Vec<String> = each.collect();
    each.sort();
    each.join(" and ")
}

fn of_scenario(
    then: &ScenarioInfo,
    now: &ScenarioInfo,
    compare: &mut impl FnMut(&str, String, String),
) {
    let name = &then.name;
    let digests = |digest: &str| short(digest).to_owned();
    compare(
        &format!("scenario.toml of {name}"),
        digests(&then.digest),
        digests(&now.digest),
    );
    let from = |info: &ScenarioInfo| {
        let from = info.sources_from.as_ref();
        from.map_or_else(|| "the project".to_owned(), |from| from.describe())
    };
    compare(
        &format!("where the sources of {name} come from"),
        from(then),
        from(now),
    );
    compare(
        &format!("the sources of {name}"),
        digests(&then.sources_digest),
        digests(&now.sources_digest),
    );
    let variants = |info: &ScenarioInfo| {
        let names = info.variants.iter().map(|v| v.name.as_str());
        names.collect::<Vec<_>>().join(" ")
    };
    compare(
        &format!("the variants of {name}"),
        variants(then),
        variants(now),
    );
    for (then, now) in then.variants.iter().zip(&now.variants) {
        compare(
            &format!("{} of {name}", then.dockerfile),
            digests(&then.digest),
            digests(&now.digest),
        );
        let baked =
            |info: &VariantInfo| digests(info.bake.as_ref().map_or("none", |it| &it.digest));
        compare(
            &format!("what bake says of {name} {}", then.name),
            baked(then),
            baked(now),
        );
        let own = |digest: &Option<String>| digests(digest.as_deref().unwrap_or("none"));
        compare(
            &format!("the sources of {name} {}", then.name),
            own(&then.sources_digest),
            own(&now.sources_digest),
        );
    }
    let (a, b) = (&then.platforms, &now.platforms);
    compare(&format!("the platforms of {name}"), words(a), words(b));
    compare(
        "the node's own platform",
        then.native.to_string(),
        now.native.to_string(),
    );
    let (a, b) = (&then.kinds, &now.kinds);
    compare(&format!("the kinds of {name}"), words(a), words(b));
    let edit = |info: &ScenarioInfo| info.edit.clone().unwrap_or_else(|| "none".to_owned());
    compare(&format!("the edit of {name}"), edit(then), edit(now));
    let edits = |info: &ScenarioInfo| {
        let named = info.edits.iter();
        let named = named.map(|(name, parts)| format!("{name}: {}", parts.join("; ")));
        named.collect::<Vec<_>>().join("; ")
    };
    compare(
        &format!("the named edits of {name}"),
        edits(then),
        edits(now),
    );
}

/// The beginning of a digest.
fn short(digest: &str) -> &str {
    digest
        .char_indices()
        .nth(SHOWN)
        .map_or(digest, |(end, _)| &digest[..end])
}

fn words(all: &[impl ToString]) -> String {
    let all = all.iter().map(ToString::to_string);
    all.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{self, ARTICLE};

    #[test]
    fn what_times_depend_on_must_be_as_it_was() {
        type Change = fn(&mut RunRecord);
        let cases: [(&str, Change); 10] = [
            ("Dockerfile", |r| {
                r.scenarios[0].variants[1].digest = "0".repeat(64);
            }),
            ("the sources of go-hello", |r| {
                r.scenarios[0].sources_digest = "0".repeat(64);
            }),
            ("scenario.toml of go-hello", |r| {
                r.scenarios[0].digest = "0".repeat(64);
            }),
            ("the Docker Engine", |r| {
                r.builder.engine_version = Some("99.0".into());
            }),
            ("BuildKit", |r| r.builder.buildkit_version = None),
            ("base images", |r| {
                r.base_images[0].digest = Some(format!("sha256:{}", "0".repeat(64)));
            }),
            ("the emulators", |r| r.emulators.clear()),
            ("the CPU", |r| r.host.cpu_model = Some("another".into())),
            ("its cores", |r| r.host.cores = Some(1024)),
            ("the kernel", |r| r.host.kernel = Some("99".into())),
        ];
        let (then, _) = fixture::run(&ARTICLE, 1);
        assert_eq!(differences(&then, &then), Vec::<String>::new());
        for (told, change) in cases {
            let mut now = then.clone();
            change(&mut now);
            let found = differences(&then, &now);
            assert_eq!(found.len(), 1, "{told}: {found:?}");
            assert!(found[0].contains(told), "{told}: {found:?}");
        }
    }

    #[test]
    fn what_a_value_of_a_matrix_has_must_be_as_it_was() {
        type Change = fn(&mut RunRecord);
        let cases: [(&str, Change); 3] = [
            ("the variants of go-hello", |r| {
                r.scenarios[0].variants[1].name = "naive@other".into();
            }),
            ("BuildKit at b", |r| {
                let builder = &mut r.scenarios[0].variants[1].builder;
                builder.as_mut().unwrap().buildkit_version = Some("v99".into());
            }),
            ("the emulators at b", |r| {
                r.scenarios[0].variants[1].emulators = Some(vec![]);
            }),
        ];
        let times = [1.0; 4];
        let (mut then, _) = fixture::run(&[("naive@a", times), ("naive@b", times)], 1);
        let (mut other, mut emulator) = (then.builder.clone(), then.emulators[0].clone());
        other.buildkit_version = Some("v0.25".into());
        emulator.version = Some("11.1.3".into());
        let own = [
            (then.builder.clone(), then.emulators[0].clone()),
            (other, emulator),
        ];
        for (variant, (builder, emulator)) in then.scenarios[0].variants.iter_mut().zip(own) {
            variant.builder = Some(builder);
            variant.emulators = Some(vec![emulator]);
        }
        assert_eq!(differences(&then, &then), Vec::<String>::new());
        for (told, change) in cases {
            let mut now = then.clone();
            change(&mut now);
            let found = differences(&then, &now);
            assert_eq!(found.len(), 1, "{told}: {found:?}");
            assert!(found[0].contains(told), "{told}: {found:?}");
        }
    }

    #[test]
    fn what_changes_from_sample_to_sample_may_differ() {
        let (then, _) = fixture::run(&ARTICLE, 1);
        let mut now = then.clone();
        now.run = "another".into();
        now.started = jiff::Timestamp::UNIX_EPOCH;
        now.host.memory_bytes = Some(1);
        now.builder.found_by = "--host".into();
        assert_eq!(differences(&then, &now), Vec::<String>::new());
    }
}
