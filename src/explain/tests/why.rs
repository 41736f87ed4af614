//! Causes that streams alone tell, and those that take more. The rest is planted
//! and built in tests/live/why.rs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Build, Conditions};
use crate::explain::Explanation;
use crate::explain::why::{
    Between, Cause, Certainty, ContextFiles, FileChange, Files, How, Known, Root, Unknown, Value,
    why,
};
use crate::model::NoCache;
use crate::provenance::{self, Copied, digest_without_cache};
use crate::trace::status::Vertex;

fn cached(vertex: &mut Vertex) {
    vertex.cached = true;
}

/// FROM, COPY and two RUNs, with what stands before each digest.
fn build(mark: &str, change: impl Fn(&str, &mut Vertex)) -> Explanation {
    let id = |name: &str| format!("{mark}{name}");
    let mut build = Build::default();
    for (name, text, inputs, time) in [
        (
            "base",
            "[1/4] FROM docker.io/library/a:1@sha256:aa",
            vec![],
            0..10,
        ),
        ("load", "[internal] load build context", vec![], 0..10),
        ("copy", "[2/4] COPY . .", vec!["base", "load"], 10..20),
        ("run", "[3/4] RUN make", vec!["copy"], 20..1020),
        ("test", "[4/4] RUN make test", vec!["run"], 1020..1520),
    ] {
        let inputs: Vec<String> = inputs.into_iter().map(id).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        build = build
            .step(&id(name), text, &inputs, time)
            .but(|vertex| change(name, vertex));
    }
    build.explain(&Conditions::default())
}

fn known(explanation: &Explanation) -> Known<'_> {
    static NONE: BTreeMap<usize, String> = BTreeMap::new();
    static NO_ARGUMENTS: BTreeMap<String, String> = BTreeMap::new();
    Known {
        explanation,
        provenance: None,
        arguments: Some(&NO_ARGUMENTS),
        written: &NONE,
        no_cache: None,
        place: None,
    }
}

fn causes(build: &Explanation, earlier: &Explanation) -> Vec<Root> {
    why(&known(build), &known(earlier), &Between::default()).causes
}

struct Changed(&'static [(&'static str, How)], Certainty);

impl ContextFiles for Changed {
    fn changed(&self, context: &str, copied: &[Copied]) -> Option<Files> {
        assert_eq!((context, copied[0].source.as_str()), ("context", "."));
        Some(Files {
            changes: self
                .0
                .iter()
                .map(|(path, how)| FileChange {
                    path: (*path).to_owned(),
                    how: *how,
                })
                .collect(),
            certainty: self.1,
            everything: false,
            is_named: false,
        })
    }
}

#[test]
fn what_follows_from_a_step_has_its_cause_and_its_cost() {
    let earlier = build("a", |_, _| {});
    let now = build("b", |_, _| {});
    let [root] = &causes(&now, &earlier)[..] else {
        panic!("not one cause")
    };
    let Cause::Files(files) = &root.cause else {
        panic!("{root:?}")
    };
    assert!(files.everything && files.certainty == Certainty::Unknown);
    let names = root.all().map(|at| now.steps[at].instruction.as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["COPY . .", "RUN make", "RUN make test"]
    );
    assert_eq!(root.critical.as_millis(), 1510);
}

#[test]
fn nothing_is_said_of_what_was_cached() {
    let earlier = build("a", |_, _| {});
    let now = build("b", |_, vertex| cached(vertex));
    let found = why(&known(&now), &known(&earlier), &Between::default());
    assert!(found.causes.is_empty());
    assert_eq!((found.executed, found.cached), (0, 3));
}

#[test]
fn files_are_told_as_far_as_they_are_known() {
    let earlier = build("a", |_, _| {});
    let now = build("b", |_, _| {});
    let of = |changed: &Changed, emptied| {
        let between = Between {
            files: Some(changed),
            emptied,
            ..Between::default()
        };
        let found = why(&known(&now), &known(&earlier), &between);
        found.causes[0].cause.clone()
    };
    let edited = Changed(&[("x", How::Content)], Certainty::Exact);
    let Cause::Files(files) = of(&edited, false) else {
        panic!()
    };
    assert_eq!(files.changes[0].path, "x");
    // Where none changed, its record is gone.
    for certainty in [Certainty::Exact, Certainty::TimeStamps] {
        assert_eq!(of(&Changed(&[], certainty), false), Cause::Pruned);
    }
    assert_eq!(of(&Changed(&[], Certainty::Unknown), true), Cause::Pruned);
}

#[test]
fn what_is_not_looked_for_is_told_by_its_digest_or_by_what_was_asked_for() {
    let earlier = build("a", |_, _| {});
    let now = build("a", |name, vertex| {
        if name == "run" {
            vertex.digest = digest_without_cache("arun");
        }
        if name == "copy" {
            vertex.cached = true;
        }
        if name == "test" {
            vertex.inputs = vec![digest_without_cache("arun")];
        }
    });
    let found = causes(&now, &earlier);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].cause, Cause::NoCache);
    assert_eq!(found[0].following.len(), 1);

    let now = build("b", |_, _| {});
    let asked = Known {
        no_cache: Some(&NoCache::Everything),
        ..known(&now)
    };
    let found = why(&asked, &known(&earlier), &Between::default()).causes;
    assert_eq!((found.len(), &found[0].cause), (1, &Cause::NoCache));
    let other = NoCache::Stages(vec!["other".into()]);
    let asked = Known {
        no_cache: Some(&other),
        ..asked
    };
    let found = why(&asked, &known(&earlier), &Between::default()).causes;
    assert!(matches!(found[0].cause, Cause::Files(_)), "{found:?}");
}

/// A build without a context.
fn without_context(mark: &str, text: &str, digest: &str) -> Explanation {
    let run = format!("[2/2] {text}");
    Build::default()
        .step("base", &format!("[1/2] FROM a@{digest}"), &[], 0..10)
        .step(mark, &run, &["base"], 10..20)
        .explain(&Conditions::default())
}

#[test]
fn a_step_alone_is_told_by_its_base_its_name_and_its_digest() {
    let earlier = without_context("a", "RUN make", "sha256:aa");
    let of = |mark, text, digest| {
        let now = without_context(mark, text, digest);
        let mut found = causes(&now, &earlier);
        assert_eq!(found.len(), 1);
        found.remove(0).cause
    };
    let Cause::BaseImage { before, after, .. } = of("b", "RUN make", "sha256:bb") else {
        panic!()
    };
    assert_eq!([before, after], ["sha256:aa", "sha256:bb"]);
    assert!(matches!(
        of("b", "RUN make all", "sha256:aa"),
        Cause::Instruction { .. }
    ));
    assert_eq!(of("a", "RUN make", "sha256:aa"), Cause::Pruned);
    // A stream does not say what an ARG above it is.
    assert_eq!(
        of("b", "RUN make", "sha256:aa"),
        Cause::Unknown(Unknown::Definition)
    );
}

#[test]
fn a_build_argument_is_told_by_its_value_in_the_name_and_hidden_if_it_is_a_secret() {
    let earlier = without_context("a", "RUN echo hunter1", "sha256:aa");
    let now = without_context("b", "RUN echo hunter2", "sha256:aa");
    for (name, is_secret) in [("VERSION", false), ("API_TOKEN", true), ("KEY_FILE", false)] {
        let of = |value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let [before, after] = [of("hunter1"), of("hunter2")];
        let found = why(
            &Known {
                arguments: Some(&after),
                ..known(&now)
            },
            &Known {
                arguments: Some(&before),
                ..known(&earlier)
            },
            &Between::default(),
        );
        let Cause::Argument { variables } = &found.causes[0].cause else {
            panic!("{found:?}")
        };
        assert_eq!(variables[0].name, name);
        assert_eq!(variables[0].after == Value::Hidden, is_secret);
    }
}

#[test]
fn another_place_and_a_failure_before_are_told_last() {
    let earlier = without_context("a", "RUN make", "sha256:aa");
    let now = without_context("a", "RUN make", "sha256:aa");
    let of = |earlier: &Known<'_>| {
        let now = Known {
            place: Some("new"),
            ..known(&now)
        };
        let found = why(&now, earlier, &Between::default());
        found.causes[0].cause.clone()
    };
    let elsewhere = Known {
        place: Some("old"),
        ..known(&earlier)
    };
    assert!(matches!(of(&elsewhere), Cause::OtherBuilder { .. }));
    let failed = Build::default()
        .step("base", "[1/2] FROM a@sha256:aa", &[], 0..10)
        .step("a", "[2/2] RUN make", &["base"], 10..20)
        .but(|vertex| vertex.error = "exit code: 1".to_owned())
        .explain(&Conditions::default());
    assert_eq!(of(&known(&failed)), Cause::NotBuilt);
}

#[test]
fn cache_mounts_that_were_empty_are_with_their_cause() {
    let cache = |target: &str, id: &str, input: i64| json!({ "input": input, "dest": target, "mountType": 3, "cacheOpt": { "ID": id } });
    let run = json!({ "meta": { "args": ["make"] }, "mounts": [
        { "input": 0, "dest": "/" },
        { "input": 0, "dest": "/bound" },
        cache("/new", "/new", -1),
        cache("/old", "/old", -1),
        // A folder that BuildKit makes for its owner, and what another stage has.
        cache("/owned", "/owned", 1),
        cache("/filled", "/filled", 2),
    ] });
    let document = json!({ "buildConfig": {
        "llbDefinition": [
            { "id": "base", "op": { "Op": { "source": {
                "identifier": "docker-image://docker.io/library/a:1@sha256:aa" } } } },
            { "id": "folder", "op": { "Op": { "file": {
                "actions": [{ "Action": { "mkdir": { "path": "/cache" } } }] } } } },
            { "id": "run", "inputs": ["base:0", "folder:0", "base:0"],
                "op": { "Op": { "exec": run } } },
        ],
        "digestMapping": { "b-base": "base", "b-folder": "folder", "b-test": "run" },
    } });
    let provenance = provenance::read(document.to_string().as_bytes()).unwrap();
    let earlier = build("a", |_, _| {});
    let now = build("b-", |_, _| {});
    let build = Known {
        provenance: Some(&provenance),
        ..known(&now)
    };
    let ids = ["/new", "/owned", "/filled", "/bound"].map(str::to_owned);
    let empty = BTreeSet::from(ids);
    let between = Between {
        empty_mounts: Some(&empty),
        ..Between::default()
    };
    let roots = why(&build, &known(&earlier), &between).causes;
    let mounts: Vec<(&str, &str)> = roots
        .iter()
        .flat_map(|root| &root.empty_mounts)
        .map(|mount| {
            let step = &now.steps[mount.step];
            (step.instruction.as_str(), mount.target.as_str())
        })
        .collect();
    assert_eq!(
        mounts,
        [("RUN make test", "/new"), ("RUN make test", "/owned")]
    );
    // A cached step has used no mount.
    let cached = self::build("b-", |_, vertex| cached(vertex));
    let build = Known {
        provenance: Some(&provenance),
        ..known(&cached)
    };
    let roots = why(&build, &known(&earlier), &between).causes;
    assert!(roots.is_empty(), "{roots:?}");
}

/// FROM, then an instruction in each line, of which each continues the one before.
fn chain(mark: &str, lines: &[&str]) -> Explanation {
    let base = format!("{mark}0");
    let count = lines.len() + 1;
    let from = format!("[1/{count}] FROM docker.io/library/a:1@sha256:aa");
    let mut build = Build::default().step(&base, &from, &[], 0..1);
    for (line, at) in lines.iter().zip(1..) {
        let name = format!("[{}/{count}] {line}", at + 1);
        let above = format!("{mark}{}", at - 1);
        let at = at as u64;
        build = build.step(&format!("{mark}{at}"), &name, &[&above], at..at + 1);
    }
    build.explain(&Conditions::default())
}

#[test]
fn a_cause_is_told_once_though_another_stands_between_its_steps() {
    let earlier = chain("a", &["RUN get 1", "RUN touch a", "RUN make 1", "RUN test"]);
    let now = chain("b", &["RUN get 2", "RUN touch b", "RUN make 2", "RUN test"]);
    let arguments = [("V", "1"), ("V", "2")]
        .map(|(name, value)| BTreeMap::from([(name.to_owned(), value.to_owned())]));
    let of = |explanation, at: usize| Known {
        arguments: Some(&arguments[at]),
        ..known(explanation)
    };
    let found = why(&of(&now, 1), &of(&earlier, 0), &Between::default()).causes;
    let told: Vec<Vec<&str>> = found
        .iter()
        .map(|root| root.all())
        .map(|all| all.map(|at| now.steps[at].instruction.as_str()).collect())
        .collect();
    assert_eq!(
        told,
        [
            vec!["RUN get 2", "RUN make 2", "RUN test"],
            vec!["RUN touch b"]
        ]
    );
    assert!(matches!(found[0].cause, Cause::Argument { .. }));
}

/// Each of the steps at its end asks for what changed in all that it builds on.
#[test]
fn many_steps_on_a_long_chain_of_cached_ones_are_told() {
    const LENGTH: usize = 1500;
    let build = |mark: &str, first: &str| {
        let mut build = Build::default();
        let id = |name: &str, at: usize| format!("{mark}{name}{at}");
        for at in 0..LENGTH {
            let name = match at {
                0 => format!("[a 1/9] RUN {first}"),
                at => format!("[a 1/9] RUN chain {at}"),
            };
            let above = at.checked_sub(1).map(|at| id("chain", at));
            let above: Vec<&str> = above.as_deref().into_iter().collect();
            build = build
                .step(&id("chain", at), &name, &above, 0..1)
                .but(cached);
        }
        let end = id("chain", LENGTH - 1);
        for at in 0..LENGTH {
            let name = format!("[b 1/9] RUN end {at}");
            build = build.step(&id("end", at), &name, &[&end], 1..2);
        }
        build.explain(&Conditions::default())
    };
    let (earlier, now) = (build("x", "one"), build("y", "two"));
    let found = why(&known(&now), &known(&earlier), &Between::default());
    assert_eq!((found.executed, found.cached), (LENGTH, LENGTH));
    let is_first =
        |root: &Root| matches!(&root.cause, Cause::Instruction { after, .. } if after == "RUN two");
    assert!(found.causes.iter().all(is_first), "{:?}", found.causes[0]);
}
