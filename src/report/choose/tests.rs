//! What `choose` says of runs that reports are tested with.

use std::collections::BTreeMap;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;

use super::{WorkflowInput, choose, github, json, recommendation};
use crate::explain::RunExplanation;
use crate::fleet::{Answer, CacheMount, Caches, Cell, Fleet, How, Nodes, Prices, Strategy};
use crate::model::{
    BuildKind, BuildPart, CacheMode, CacheMounts, CiCacheInfo, Invocation, Outcome, PartKind,
    Platform, Run, Sample,
};
use crate::report::fixture::{self, ARTICLE};
use crate::stats::Interval;
use crate::verdict::Assessment;

fn run(rounds: u32) -> Run {
    let (record, samples) = fixture::run(&ARTICLE, rounds);
    fixture::of(&record, &samples)
}

fn answer(run: &Run, fleet: Option<&Fleet>) -> Answer {
    let scenario = &run.record.scenarios[0];
    let explained = RunExplanation::default();
    Answer::of(&Assessment::of(run), scenario, &explained, fleet)
}

fn fleet(prices: bool) -> Fleet {
    Fleet {
        builds_per_day: 20.0,
        days: 22,
        mix: "source=0.8,dependencies=0.15,cold=0.05".parse().unwrap(),
        prices: prices.then(|| Prices {
            currency: "USD".into(),
            runner_minutes: BTreeMap::from([("amd64".to_owned(), 0.01)]),
            gb_month: Some(0.1),
            setup_seconds: 20.0,
            whole_minutes: true,
        }),
    }
}

/// With what only traces tell: how it builds, and a prediction.
fn with_model(mut answer: Answer) -> Answer {
    for strategy in &mut answer.strategies {
        let is_naive = strategy.variant == "naive";
        strategy.how = Some(How {
            emulated: if is_naive { 0.93 } else { 0.0 },
            cross: !is_naive,
        });
    }
    let mut model = answer.strategies[0].clone();
    model.nodes = Nodes::NativeModel;
    model.runners = answer.platforms.clone();
    for cell in model.cells.values_mut() {
        *cell = Cell::Model(Interval {
            low: 5.1,
            high: 6.9,
        });
    }
    answer.strategies.insert(2, model);
    let choice = answer.choice.as_mut().unwrap();
    for place in [&mut choice.best]
        .into_iter()
        .chain(
            choice
                .reference
                .as_mut()
                .map(|compared| &mut compared.other),
        )
        .chain(choice.next.as_mut().map(|compared| &mut compared.other))
    {
        *place += usize::from(*place >= 2);
    }
    choice.perhaps = Some(2);
    answer
}

#[test]
fn the_answer_on_a_terminal() {
    let answer = with_model(answer(&run(6), None));
    assert_snapshot!("terminal", choose(&answer, 100, false));
    // No table fits.
    assert_snapshot!("narrow", choose(&answer, 44, false));
}

#[test]
fn a_fleet_has_a_month_and_says_what_it_leaves_out() {
    let run = run(3);
    let answer = answer(&run, Some(&fleet(true)));
    assert_snapshot!("fleet", choose(&answer, 110, false));
    let told = json(std::slice::from_ref(&answer));
    let cross = &told["scenarios"][0]["strategies"][3];
    assert_eq!(cross["name"], "cross/kept");
    // 85% of 440 builds: 352 edits, and 22 cold jobs.
    let mean = |job: &str| cross["jobs"][job]["mean_seconds"].as_f64().unwrap();
    let minutes = (352.0 * (mean("source") + 20.0) + 22.0 * (mean("cold") + 20.0)) / 60.0;
    let expected = cross["minutes_a_month"]["expected"].as_f64().unwrap();
    assert!((expected - minutes).abs() < 1e-6, "{expected} {minutes}");
    let price = cross["price_a_month"]["expected"].as_f64().unwrap();
    assert!((price - 374.0 * 0.01).abs() < 1e-9, "{price}");
}

#[test]
fn colours_are_asked_for() {
    let answer = answer(&run(3), None);
    assert!(!choose(&answer, 100, false).contains('\u{1b}'));
    assert!(choose(&answer, 100, true).contains('\u{1b}'));
}

/// A run in which each build of a kind of a variant ends otherwise.
fn failing(variant: &str, kind: BuildKind, outcome: Outcome) -> Run {
    let mut run = run(6);
    let is_it = |sample: &&mut Sample| sample.slot.variant == variant && sample.slot.kind == kind;
    for sample in run.samples.iter_mut().filter(is_it) {
        fixture::fail(sample, outcome);
    }
    run
}

#[test]
fn what_does_not_build_or_builds_something_else_is_not_recommended() {
    for (kind, outcome) in [
        (BuildKind::MultiArch, Outcome::Failed),
        (BuildKind::Incremental, Outcome::Failed),
        (BuildKind::MultiArch, Outcome::WrongOutput),
    ] {
        let answer = answer(&failing("cross", kind, outcome), None);
        let best = answer.recommended().unwrap();
        assert_eq!(best.variant, "naive", "{kind} {outcome}");
        let text = choose(&answer, 200, false);
        let told = format!("cross is not recommended: its builds end as {outcome}");
        assert!(text.contains(&told), "{text}");
    }
    let mut run = failing("cross", BuildKind::MultiArch, Outcome::Failed);
    run.samples.retain(|sample| sample.slot.variant == "cross");
    let answer = answer(&run, None);
    assert_eq!(answer.choice, None);
    assert!(recommendation(&answer)[0].starts_with("Nothing to recommend"));
}

#[test]
fn few_rounds_are_said_to_be_few() {
    let first = |rounds| recommendation(&answer(&run(rounds), None)).remove(0);
    assert!(first(6).contains("(clear)"), "{}", first(6));
    let few = "3 rounds: too few for a verdict";
    assert!(first(3).contains(few), "{}", first(3));
    assert!(first(1).contains("1 round: too few"), "{}", first(1));
}

#[test]
fn outside_text_is_harmless() {
    let (record, samples) = fixture::hostile_run();
    let run = fixture::of(&record, &samples);
    let answer = answer(&run, Some(&fleet(true)));
    let text = choose(&answer, 100, false);
    let is_harmless = |text: &str| {
        let mut control = text.chars().filter(|c| c.is_control() && *c != '\n');
        control.next().is_none() && !text.contains('\u{202e}')
    };
    assert!(is_harmless(&text), "{text}");
    for strategy in &answer.strategies {
        let mut strategy = strategy.clone();
        strategy.dockerfile = fixture::hostile();
        let text = workflow(&strategy, &fixture::hostile());
        assert!(is_harmless(&text), "{text}");
        let parsed = parsed(&text);
        let file = parsed["jobs"]["build"]["steps"].as_array().unwrap();
        let file = file.iter().find_map(|step| step["with"]["file"].as_str());
        assert!(file.unwrap().starts_with("=cmd|' /C calc'"), "{file:?}");
    }
}

fn workflow(strategy: &Strategy, context: &str) -> String {
    github(&WorkflowInput {
        strategy,
        platforms: &[Platform::linux("amd64"), Platform::linux("arm64")],
        native: &Platform::linux("amd64"),
        context,
        run: "20261123T204500Z-3f9a1c",
        command: &Invocation::new("choose", ["go-hello".to_owned()]).to_string(),
    })
}

fn parsed(workflow: &str) -> Value {
    serde_saphyr::from_str(workflow).unwrap_or_else(|error| panic!("{error}: {workflow}"))
}

/// The actions that a job uses, in their order.
fn actions<'a>(workflow: &'a Value, job: &str) -> Vec<&'a str> {
    let steps = workflow["jobs"][job]["steps"].as_array().unwrap();
    steps
        .iter()
        .filter_map(|step| step["uses"].as_str())
        .collect()
}

#[test]
fn a_workflow_of_one_runner_restores_what_was_kept() {
    let answer = with_model(answer(&run(6), None));
    let mut strategy = answer.recommended().unwrap().clone();
    let runs = [
        "RUN --mount=type=cache,target=/root/.cache/go-build go build",
        "RUN --mount=type=cache,id=modules,target=/go/pkg/mod go build",
        "RUN --mount=type=cache,id=x-$TARGETARCH,target=/x make",
    ];
    strategy.cache_mounts = CacheMount::of(runs.into_iter());
    let text = workflow(&strategy, "scenarios/go-hello/src");
    assert_snapshot!("workflow_of_kept_caches", text);
    let parsed = parsed(&text);
    let actions = actions(&parsed, "build");
    assert!(
        !actions.iter().any(|action| action.contains("qemu")),
        "{actions:?}"
    );
    assert!(actions.iter().any(|action| action.contains("cache-dance")));
    let steps = parsed["jobs"]["build"]["steps"].as_array().unwrap();
    let map = steps
        .iter()
        .find_map(|step| step["with"]["cache-map"].as_str());
    let map: Value = serde_json::from_str(map.unwrap()).unwrap();
    assert_eq!(map["cache-mounts/1"]["id"], "modules");
    assert_eq!(map["cache-mounts/2"]["target"], "/root/.cache/go-build");
    let build = &parsed["jobs"]["build"]["steps"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()["with"];
    assert_eq!(build["platforms"], "linux/amd64,linux/arm64");
    assert_eq!(build["cache-to"], "type=gha,mode=max");

    // One that emulates needs an emulator, and lost caches need none.
    let naive = &answer.strategies[0];
    assert_eq!((naive.nodes, naive.caches), (Nodes::One, Caches::Lost));
    let text = workflow(naive, ".");
    let parsed = self::parsed(&text);
    assert!(
        self::actions(&parsed, "build")
            .iter()
            .any(|action| action.contains("qemu"))
    );
    assert!(!text.contains("cache"), "{text}");
}

/// A run with jobs of CI, too: with a cache in a registry, and without a dependency edit.
fn with_remote_cache() -> Run {
    let mut run = run(6);
    let [export, import] = ["cache-export:registry-max", "ci-cache:registry-max"]
        .map(|kind| kind.parse::<BuildKind>().unwrap());
    run.record.ci_caches = vec![CiCacheInfo {
        name: "registry-max".into(),
        kind: "registry".into(),
        mode: Some(CacheMode::Max),
        cache_mounts: CacheMounts::Lost,
        options: Default::default(),
    }];
    run.record.scenarios[0].kinds.extend([export, import]);
    let jobs = [
        (BuildKind::MultiArch, export, 1.2),
        (BuildKind::Incremental, import, 6.0),
    ];
    let copies = jobs.into_iter().flat_map(|(from, kind, factor)| {
        let samples = run.samples.iter().filter(move |s| s.slot.kind == from);
        samples.map(move |sample| {
            let mut copy = sample.clone();
            copy.slot.kind = kind;
            copy.slot.id = format!("{}-{}", copy.slot.id, kind.to_string().replace(':', "-"));
            copy.wall = copy.wall.mul_f64(factor);
            copy.parts = vec![BuildPart {
                part: PartKind::ExportCache,
                seconds: Duration::from_secs(1),
                bytes: Some(3_000_000_000),
            }];
            copy
        })
    });
    let copies: Vec<Sample> = copies.collect();
    run.samples.extend(copies);
    run
}

#[test]
fn a_workflow_restores_the_cache_mounts_that_a_remote_strategy_restored() {
    let mut run = with_remote_cache();
    let text = |run: &Run| {
        let answer = answer(run, None);
        let mut strategy = answer.strategies.last().unwrap().clone();
        let step = "RUN --mount=type=cache,target=/root/.cache/go-build go build";
        strategy.cache_mounts = CacheMount::of([step].into_iter());
        workflow(&strategy, ".")
    };
    assert!(!text(&run).contains("cache-map"));
    run.record.ci_caches[0].cache_mounts = CacheMounts::Restored;
    let restored = text(&run);
    assert!(restored.contains("cache-map"), "{restored}");
    assert!(restored.contains("type=registry"), "{restored}");
    run.record.ci_caches[0].kind = "inline".into();
    let inline = text(&run);
    assert!(inline.contains("cache-to: type=inline\n"), "{inline}");
    assert!(
        inline.contains("cache-from: type=registry,ref="),
        "{inline}"
    );
    run.record.ci_caches[0].mode = None;
    let alone = text(&run);
    assert!(alone.contains("cache-map"), "{alone}");
    assert!(!alone.contains("cache-from"), "{alone}");
}

#[test]
fn remote_caches_are_strategies() {
    let run = with_remote_cache();
    let mut fleet = fleet(true);
    fleet.mix = "source=0.9,cold=0.1".parse().unwrap();
    let answer = answer(&run, Some(&fleet));
    let names: Vec<String> = answer.strategies.iter().map(Strategy::name).collect();
    assert_eq!(
        names[3..],
        ["cross/lost", "cross/kept", "cross/registry-max"]
    );
    let told = json(std::slice::from_ref(&answer));
    let cross = &told["scenarios"][0]["strategies"][5];
    assert_eq!(cross["remote_cache_bytes"], 3_000_000_000u64);
    // 440 builds of a whole minute, and 3 GB.
    let price = cross["price_a_month"]["expected"].as_f64().unwrap();
    assert!((price - (440.0 * 0.01 + 3.0 * 0.1)).abs() < 1e-9, "{price}");
    let text = workflow(&answer.strategies[5], ".");
    let parsed = parsed(&text);
    let build = &parsed["jobs"]["build"]["steps"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()["with"];
    let cache = "type=registry,ref=${{ env.IMAGE }}:buildcache";
    assert_eq!(build["cache-from"], cache);
    assert_eq!(build["cache-to"], format!("{cache},mode=max"));

    // One that fails disqualifies what uses it, and nothing else.
    let mut run = run;
    for sample in &mut run.samples {
        if sample.slot.kind.remote_cache().is_some() {
            fixture::fail(sample, Outcome::NotTransferred);
        }
    }
    let answer = self::answer(&run, None);
    assert_eq!(answer.strategies[5].failed(), Some(Outcome::NotTransferred));
    assert_eq!(answer.recommended().unwrap().name(), "cross/kept");
}

#[test]
fn a_workflow_of_native_runners_joins_their_images() {
    let answer = with_model(answer(&run(6), None));
    let mut strategy = answer.strategies[2].clone();
    strategy.caches = Caches::Kept;
    let text = workflow(&strategy, ".");
    assert_snapshot!("workflow_of_native_runners", text);
    let parsed = parsed(&text);
    let matrix = &parsed["jobs"]["build"]["strategy"]["matrix"]["include"];
    assert_eq!(matrix[1]["platform"], "linux/arm64");
    assert_eq!(matrix[1]["runner"], "ubuntu-24.04-arm");
    assert_eq!(parsed["jobs"]["merge"]["needs"], "build");
    assert!(
        !actions(&parsed, "build")
            .iter()
            .any(|action| action.contains("qemu"))
    );
}
