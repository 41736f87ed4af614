//! Chains of a gate whose beginning nobody asked for: it is built until it is
//! good, and the edits of all rounds follow one another on its state.

use std::collections::BTreeSet;

use buildrace::buildkit::{BuildError, BuildRequest};
use buildrace::model::{
    BuildKind, Event, FUTILITY_ROUNDS, FailureRule, Outcome, Rules, RunEnd, Stopping, VariantInfo,
};
use buildrace::plan::{self, PlanInput};
use buildrace::race::Resumption;
use tokio_util::sync::CancellationToken;

use crate::scripted::{Memory, Scripted, Setting, go_on, run, setting};

/// A gate that goes by `kind`, which needs what else is in a chain.
fn gate(kind: BuildKind) -> Setting {
    let kinds = plan::with_prerequisites(&[kind], false);
    let mut setting = setting(&kinds.all, &["naive", "cross"]);
    let variants = ["naive", "cross"].map(|name| VariantInfo {
        name: name.into(),
        dockerfile: String::new(),
        digest: String::new(),
        revision: None,
        sources_digest: None,
        builder: None,
        emulators: None,
        bake: None,
    });
    let info = &mut setting.record.scenarios[0];
    info.variants = variants.to_vec();
    info.built_once = kinds.added;
    info.gate = Some(kind);
    setting.record.rounds = 12;
    setting.record.rules = Rules {
        stopping: Stopping::Gate,
        spare_rounds: 6,
        futility_rounds: Some(FUTILITY_ROUNDS),
        failures: Some(FailureRule::LOOKS),
        ..Rules::default()
    };
    let input = PlanInput {
        scenario: "tiny".into(),
        variants: vec!["naive".into(), "cross".into()],
        kinds: vec![kind],
        native_only: false,
    };
    setting.record.plan = plan::plan(&[input], 18, 1);
    setting
}

/// What was built of a variant, `r1 multi-arch`, in order.
fn built(memory: &Memory, variant: &str) -> Vec<String> {
    let samples = memory.samples();
    let of = samples
        .iter()
        .filter(|sample| sample.slot.variant == variant);
    of.map(|s| format!("r{} {}", s.slot.round, s.slot.kind))
        .collect()
}

async fn race(setting: &Setting, builder: &Scripted) -> Memory {
    let mut memory = Memory::default();
    let end = run(setting, builder, &mut memory, &CancellationToken::new()).await;
    assert_eq!(end.unwrap(), RunEnd::Completed);
    memory
}

/// Requests of a variant's samples, with the greeting in their context.
fn requests(builder: &Scripted, variant: &str) -> Vec<(BuildRequest, String)> {
    let requests = builder.requests.lock().unwrap();
    let of = requests.iter().filter(|(request, _)| {
        !request.internal && request.reference.contains(&format!("-{variant}-"))
    });
    of.cloned().collect()
}

#[tokio::test]
async fn a_gate_by_incremental_builds_begins_each_chain_once() {
    let setting = gate(BuildKind::Incremental);
    let builder = Scripted::default();
    let memory = race(&setting, &builder).await;
    for variant in ["naive", "cross"] {
        let expected = [
            "r1 multi-arch",
            "r1 incremental",
            "r2 incremental",
            "r3 incremental",
        ];
        assert_eq!(built(&memory, variant), expected);
        let requests = requests(&builder, variant);
        // One place in the cache, and another edit in each round.
        let places: BTreeSet<_> = requests
            .iter()
            .map(|(request, _)| (&request.cache_mount_namespace, &request.shared_key))
            .collect();
        assert_eq!(places.len(), 1, "{places:?}");
        let edits: BTreeSet<&str> = requests.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(edits.len(), 4, "{edits:?}");
        let from_nothing = requests.iter().map(|(request, _)| request.no_cache);
        let from_nothing: Vec<bool> = from_nothing.collect();
        assert_eq!(from_nothing, [true, false, false, false]);
    }
    let planned = memory.events.iter().rev().find_map(|event| match event {
        Event::Rounds { samples, .. } => Some(*samples),
        _ => None,
    });
    assert_eq!((planned, memory.samples().len()), (Some(8), 8));
}

/// A job of CI has an empty builder: what a chain left there is made again before the
/// chain goes on, and what is in a remote cache stays.
#[tokio::test]
async fn a_job_of_ci_takes_the_state_of_other_chains_with_it() {
    let mut setting = gate(BuildKind::Incremental);
    let job: BuildKind = "ci-cache:local-max".parse().unwrap();
    let input = PlanInput {
        scenario: "tiny".into(),
        variants: vec!["naive".into(), "cross".into()],
        kinds: vec![BuildKind::Incremental, job],
        native_only: false,
    };
    let kinds = plan::with_prerequisites(&input.kinds, false);
    let info = &mut setting.record.scenarios[0];
    info.kinds = kinds.all;
    info.built_once = kinds.added;
    setting.record.plan = plan::plan(&[input], 18, 1);
    let builder = Scripted::default();
    let memory = race(&setting, &builder).await;

    for variant in ["naive", "cross"] {
        let built = built(&memory, variant);
        let of = |kind: &str| built.iter().filter(|it| it.ends_with(kind)).count();
        assert_eq!(of(" multi-arch"), 1, "{built:?}");
        assert_eq!(of(" cache-export:local-max"), 1, "{built:?}");
        assert!(
            of(" incremental") > 1 && of(" ci-cache:local-max") > 1,
            "{built:?}"
        );
        let mut is_there = false;
        let mut exports = 0;
        for (request, _) in builder.requests.lock().unwrap().iter() {
            let is_own = request.reference.contains(&format!("-{variant}-"));
            let ends = |kind: &str| request.reference.ends_with(kind);
            match () {
                () if request.internal => {}
                () if ends("-local-max") => {
                    is_there = false;
                    exports += usize::from(is_own && ends("-cache-export-local-max"));
                }
                () if is_own && ends("-multi-arch") => is_there = true,
                () if is_own && ends("-incremental") => {
                    assert!(is_there, "{} finds nothing", request.reference);
                }
                () => {}
            }
        }
        assert_eq!(exports, 1, "a remote cache is not emptied");
    }
}

#[tokio::test]
async fn a_noop_is_built_on_the_edit_before_it() {
    let builder = Scripted::default();
    let memory = race(&gate(BuildKind::Noop), &builder).await;
    let expected = [
        "r1 multi-arch",
        "r1 incremental",
        "r1 noop",
        "r2 noop",
        "r3 noop",
    ];
    assert_eq!(built(&memory, "cross"), expected);
    let edits: Vec<String> = requests(&builder, "cross")
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    assert_ne!(edits[0], edits[1]);
    assert!(edits[2..].iter().all(|text| *text == edits[1]), "{edits:?}");
}

#[tokio::test]
async fn a_beginning_that_fails_is_built_again() {
    let setting = gate(BuildKind::Incremental);
    let slots = setting.record.plan.iter();
    let first = slots
        .clone()
        .find(|s| s.variant == "naive" && s.kind == BuildKind::MultiArch && s.round == 1);
    let ending: &'static str = format!("-{}", first.unwrap().id).leak();
    let failed = BuildError::Failed {
        message: "no route to host".into(),
    };
    let builder = Scripted {
        ends: [(ending, failed)].into(),
        ..Scripted::default()
    };
    let memory = race(&setting, &builder).await;
    let of_naive = built(&memory, "naive");
    assert_eq!(
        of_naive[..4],
        [
            "r1 multi-arch",
            "r1 incremental",
            "r2 multi-arch",
            "r2 incremental"
        ]
    );
    let samples = memory.samples();
    let naive: Vec<Outcome> = samples
        .iter()
        .filter(|sample| sample.slot.variant == "naive")
        .map(|sample| sample.outcome)
        .collect();
    use Outcome::{Failed, Ok, Skipped};
    assert_eq!(naive[..4], [Failed, Skipped, Ok, Ok]);
    // What the failed build left in its cache mounts is not found.
    let requests = requests(&builder, "naive");
    assert_ne!(
        requests[0].0.cache_mount_namespace,
        requests[1].0.cache_mount_namespace
    );
    let of_cross = built(&memory, "cross");
    let begun = of_cross.iter().filter(|b| b.ends_with("multi-arch"));
    assert_eq!(begun.count(), 1, "{of_cross:?}");
}

#[tokio::test]
async fn a_gate_that_goes_on_makes_the_state_again_that_it_had() {
    let setting = gate(BuildKind::Incremental);
    let whole = race(&setting, &Scripted::default()).await;
    for cut in 1..whole.samples().len() {
        let finished: Vec<_> = whole.samples()[..cut].iter().copied().cloned().collect();
        let earlier = Resumption {
            samples: &finished,
            cuts: 1,
        };
        let (builder, mut memory) = (Scripted::default(), Memory::default());
        let stop = CancellationToken::new();
        let end = go_on(&setting, &builder, &mut memory, &stop, earlier).await;
        assert_eq!(end.unwrap(), RunEnd::Completed);
        // Each slot once, those of before it was cut off not again.
        let ids: Vec<&str> = whole.samples().iter().map(|s| s.slot.id.as_str()).collect();
        let built: Vec<&str> = memory
            .samples()
            .iter()
            .map(|s| s.slot.id.as_str())
            .collect();
        assert_eq!(built, ids[cut..], "cut after {cut}");
        for variant in ["naive", "cross"] {
            let requests = requests(&builder, variant);
            let Some((first, _)) = requests.first() else {
                continue;
            };
            assert!(first.no_cache && first.reference.ends_with("multi-arch"));
            let places: BTreeSet<_> = requests.iter().map(|(r, _)| &r.shared_key).collect();
            assert_eq!(places.len(), 1, "{places:?}");
            let begun = requests.iter().filter(|(r, _)| r.no_cache).count();
            assert_eq!(begun, 1, "cut after {cut}");
        }
    }
}
