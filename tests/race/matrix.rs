//! A race over several builders, or several emulators: each sample goes where its
//! variant belongs, and each builder is left as it was found.

use std::sync::Mutex;

use buildrace::buildkit::{BuildError, BuildWindow};
use buildrace::model::{BuildKind, Event, Outcome, RunEnd, VariantInfo, split_cell};
use buildrace::plan::{self, PlanInput};
use buildrace::race::{Emulation, Place, RaceError, Resumption, SmokeTests};
use buildrace::scenario::Cell;
use tokio_util::sync::CancellationToken;

use crate::CHAIN;
use crate::scripted::{Memory, Scripted, Setting, race_at, setting};

/// The project `tiny` at these values, for so many rounds.
fn matrix(kinds: &[BuildKind], values: &[(&str, Cell)], rounds: u32) -> Setting {
    let mut setting = setting(kinds, &["naive", "cross"]);
    let values: Vec<(String, Cell)> = values
        .iter()
        .map(|(name, cell)| ((*name).to_owned(), cell.clone()))
        .collect();
    setting.scenarios[0].expand(&values);
    let names: Vec<String> = setting.scenarios[0]
        .variants
        .iter()
        .map(|variant| variant.name.clone())
        .collect();
    let info = &mut setting.record.scenarios[0];
    info.reference = names[0].clone();
    let variant = |name: &String| VariantInfo {
        name: name.clone(),
        dockerfile: String::new(),
        digest: String::new(),
        revision: None,
        sources_digest: None,
        builder: None,
        emulators: None,
        bake: None,
    };
    info.variants = names.iter().map(variant).collect();
    setting.record.rounds = rounds;
    let input = PlanInput {
        scenario: "tiny".into(),
        variants: names,
        kinds: kinds.to_vec(),
        native_only: false,
    };
    setting.record.plan = plan::plan(&[input], rounds, 1);
    setting
}

fn on_builders(kinds: &[BuildKind], rounds: u32) -> Setting {
    let cell = |place| Cell { place, qemu: None };
    matrix(kinds, &[("a", cell(0)), ("b", cell(1))], rounds)
}

fn place<'a>(setting: &'a Setting, name: &'a str, builder: &'a Scripted) -> Place<'a> {
    Place {
        name: Some(name),
        builder,
        disk: None,
        smoke_tests: SmokeTests::Nowhere,
        loads_into: None,
        base_images: &setting.record.base_images,
        layouts: &[],
        dead: &[],
    }
}

async fn race(
    setting: &Setting,
    builders: [&Scripted; 2],
    stop: &CancellationToken,
) -> (Result<RunEnd, RaceError>, Memory) {
    let mut memory = Memory::default();
    let places = [
        place(setting, "a", builders[0]),
        place(setting, "b", builders[1]),
    ];
    let earlier = Resumption::default();
    let end = race_at(setting, &places, None, &mut memory, stop, earlier).await;
    (end, memory)
}

fn warnings(memory: &Memory) -> Vec<&str> {
    let events = memory.events.iter();
    let warnings = events.filter_map(|event| match event {
        Event::Warning { message, .. } => Some(message.as_str()),
        _ => None,
    });
    warnings.collect()
}

#[tokio::test]
async fn each_sample_goes_to_its_builder_and_both_are_left_as_they_were() {
    let setting = on_builders(&BuildKind::STANDARD, 2);
    let theirs = BuildWindow {
        reference: "somebody's".into(),
        started: Some(jiff::Timestamp::UNIX_EPOCH),
        completed: Some(jiff::Timestamp::UNIX_EPOCH),
    };
    let builders = [Scripted::default(), Scripted::default()];
    for builder in &builders {
        builder.others.lock().unwrap().push(theirs.clone());
    }
    let stop = CancellationToken::new();
    let (end, memory) = race(&setting, [&builders[0], &builders[1]], &stop).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);
    let samples = memory.samples();
    assert_eq!(samples.len(), 2 * 2 * 2 * 4);
    assert!(samples.iter().all(|sample| sample.outcome == Outcome::Ok));
    for (builder, value) in builders.iter().zip(["a", "b"]) {
        let requests = builder.requests.lock().unwrap();
        let (own, helpers): (Vec<_>, Vec<_>) =
            requests.iter().partition(|(request, _)| !request.internal);
        // Its base images were unpacked there.
        assert_eq!(helpers.len(), 1);
        assert_eq!(own.len(), 2 * 2 * 4);
        for (request, _) in own {
            let (variant, rest) = split_cell(&request.reference);
            assert!(variant.ends_with("-naive") || variant.ends_with("-cross"));
            assert!(rest.unwrap().starts_with(&format!("{value}-")));
        }
        assert!(builder.records.lock().unwrap().is_empty());
        let history = builder.others.lock().unwrap();
        assert_eq!(history.as_slice(), std::slice::from_ref(&theirs));
    }
    assert_eq!(warnings(&memory), [""; 0]);
}

#[tokio::test]
async fn both_builders_are_cleaned_however_the_race_ends() {
    let stop = CancellationToken::new();
    let lost = BuildError::LostBuilder {
        message: "broken pipe".into(),
    };
    for (error, stops) in [(lost, false), (BuildError::Cancelled, true)] {
        let setting = on_builders(&CHAIN, 1);
        let stop = stop.child_token();
        let builders = [
            Scripted::default(),
            Scripted {
                ends: [("-naive@b-incremental", error)].into(),
                stop_at: stops.then(|| ("-naive@b-incremental", stop.clone())),
                ..Scripted::default()
            },
        ];
        let (end, _) = race(&setting, [&builders[0], &builders[1]], &stop).await;
        match (stops, end) {
            (true, Ok(RunEnd::Interrupted)) => {}
            (false, Err(RaceError::LostBuilder { sample, .. })) => {
                assert!(sample.contains("naive@b"), "{sample}");
            }
            (_, end) => panic!("{end:?}"),
        }
        for builder in &builders {
            assert!(builder.records.lock().unwrap().is_empty());
            assert!(builder.others.lock().unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn what_stays_on_somebodys_builder_is_told_with_its_name() {
    let setting = on_builders(&[BuildKind::Cold], 1);
    let somebodys = Scripted {
        // It fails the test if it is asked to remove anything.
        is_somebodys: true,
        ..Scripted::default()
    };
    let own = Scripted::default();
    let stop = CancellationToken::new();
    let (end, memory) = race(&setting, [&own, &somebodys], &stop).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);
    let warnings = warnings(&memory);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("on b: the run's cache records stay on the engine, 3 of them"),
        "{warnings:?}"
    );
    assert!(own.records.lock().unwrap().is_empty());
}

#[tokio::test]
async fn somebody_else_on_one_builder_disturbs_its_samples_alone() {
    let setting = on_builders(&[BuildKind::Cold], 1);
    let a = Scripted::default();
    let b = Scripted {
        beside: vec!["-naive@b-cold".into()],
        ..Scripted::default()
    };
    let stop = CancellationToken::new();
    let (end, memory) = race(&setting, [&a, &b], &stop).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);
    let disturbed: Vec<&str> = memory
        .samples()
        .into_iter()
        .filter(|sample| !sample.disturbances.is_empty())
        .map(|sample| sample.slot.variant.as_str())
        .collect();
    assert_eq!(disturbed, ["naive@b"]);
}

/// Remembers which emulator there was.
#[derive(Default)]
struct Registered {
    version: Mutex<String>,
    refuses: Option<&'static str>,
}

impl Emulation for Registered {
    fn choose(&self, version: &str) -> Result<(), String> {
        if self.refuses == Some(version) {
            return Err("somebody registered another".into());
        }
        version.clone_into(&mut self.version.lock().unwrap());
        Ok(())
    }
}

fn under_qemus() -> Setting {
    let cell = |version: &str| Cell {
        place: 0,
        qemu: Some(version.into()),
    };
    let values = [("qemu-10", cell("10")), ("qemu-11", cell("11"))];
    matrix(&CHAIN, &values, 2)
}

#[tokio::test]
async fn each_sample_is_built_under_its_emulator() {
    let setting = under_qemus();
    let registered = std::sync::Arc::new(Registered::default());
    let seen = std::sync::Arc::new(Mutex::new(Vec::new()));
    let builder = Scripted {
        steps: Some(Box::new({
            let (registered, seen) = (registered.clone(), seen.clone());
            move |reference: &str| {
                let version = registered.version.lock().unwrap().clone();
                seen.lock().unwrap().push((reference.to_owned(), version));
                vec![]
            }
        })),
        ..Scripted::default()
    };
    let places = [Place {
        name: None,
        ..place(&setting, "", &builder)
    }];
    let (mut memory, stop) = (Memory::default(), CancellationToken::new());
    let emulation = Some(&*registered as &dyn Emulation);
    let earlier = Resumption::default();
    let end = race_at(&setting, &places, emulation, &mut memory, &stop, earlier).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);
    let seen = seen.lock().unwrap();
    let samples: Vec<_> = seen.iter().filter(|(r, _)| r.contains('@')).collect();
    assert_eq!(samples.len(), 2 * 2 * 2 * 3);
    for (reference, version) in samples {
        assert!(
            reference.contains(&format!("@qemu-{version}-")),
            "{reference}"
        );
    }
}

#[tokio::test]
async fn without_its_emulator_nothing_is_measured() {
    let setting = under_qemus();
    let builder = Scripted::default();
    let registered = Registered {
        refuses: Some("11"),
        ..Registered::default()
    };
    let places = [place(&setting, "", &builder)];
    let (mut memory, stop) = (Memory::default(), CancellationToken::new());
    let earlier = Resumption::default();
    let end = race_at(
        &setting,
        &places,
        Some(&registered),
        &mut memory,
        &stop,
        earlier,
    );
    let error = end.await.unwrap_err().to_string();
    assert!(error.contains("somebody registered another"), "{error}");
    let samples = memory.samples();
    assert!(samples.iter().all(|s| s.slot.variant.ends_with("@qemu-10")));
    assert!(builder.records.lock().unwrap().is_empty());
}
