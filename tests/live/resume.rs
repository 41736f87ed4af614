//! A run whose process is killed, and what `run --resume` makes of it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use buildrace::builder::{Builder, NodeBuilder};
use buildrace::model::{BuildKind, Outcome};
use buildrace::store::{StoredRun, read_run};

use crate::harness::signal;
use crate::project::Project;
use crate::race::wait_for;
use crate::support::{Engine, unique};

struct Cut {
    project: Project,
    host: String,
}

impl Cut {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buildrace"));
        command
            .current_dir(self.project.path())
            .arg("run")
            .args(args)
            .args(["--host", &self.host, "--builder", "default"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn folder(&self) -> Option<PathBuf> {
        let results = fs::read_dir(self.project.path().join("results")).ok()?;
        let mut folders: Vec<_> = results.flatten().map(|entry| entry.path()).collect();
        folders.retain(|folder| folder.join("run.json").is_file());
        assert!(folders.len() <= 1, "a resumed run got a folder of its own");
        folders.pop()
    }

    fn stored(&self) -> StoredRun {
        read_run(&self.folder().unwrap()).unwrap()
    }

    /// Ids of the samples that have begun, in order.
    fn begun(&self) -> Vec<String> {
        let events = self.folder().map(|folder| folder.join("events.jsonl"));
        let text = events.and_then(|events| fs::read_to_string(events).ok());
        let text = text.unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).ok()?;
            (event["event"] == "sample-started")
                .then(|| event["sample"].as_str().unwrap().to_owned())
        });
        lines.collect()
    }

    /// Kills a run when the sample at this place of the plan has been building
    /// for a while.
    fn kill_in(&self, mut child: Child, place: usize) {
        wait_for("the sample to kill the run in", || {
            let ended = child.try_wait().unwrap();
            assert_eq!(ended, None, "it ended before sample {place}");
            let begun = self.begun();
            let sample = self.folder()?;
            let sample = read_run(&sample).ok()?.run.record.plan[place - 1]
                .id
                .clone();
            (begun.last() == Some(&sample)).then_some(())
        });
        std::thread::sleep(std::time::Duration::from_millis(2500));
        signal(&child, "KILL");
        child.wait().unwrap();
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Removes the records that hold steps of a test, and says which there were.
async fn take_away(host: &str, mark: &str) -> Vec<String> {
    let builder = NodeBuilder::docker(host).await.unwrap();
    let mut records = builder.cache_records().await.unwrap();
    records.retain(|record| record.description.contains(mark));
    let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
    if !ids.is_empty() {
        builder.prune(&ids).await.unwrap();
    }
    records
        .into_iter()
        .map(|record| record.description)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_resumed_with_the_same_plan_and_no_sample_twice() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let cut = Cut {
        project: Project::new(),
        host: engine.host.clone(),
    };
    // Both variants are alike, so that their counts must be.
    let mark = unique("mark");
    let dockerfile = format!(
        "FROM debian:trixie-slim\nRUN echo {mark}\nCOPY . /src\nRUN cat /src/greeting && : {mark}\n\
         RUN --mount=type=cache,target=/kept sleep 4 && : {mark}\n"
    );
    for variant in ["naive", "cross"] {
        let path = format!("dockerfiles/tiny/{variant}.Dockerfile");
        cut.project.write(&path, &dockerfile);
    }

    let run = ["tiny", "--rounds", "1", "--kinds", "incremental"];
    let run = [
        &run[..],
        &["--seed", "7", "--keep-contaminated", "--settle=0s"],
    ]
    .concat();
    cut.kill_in(cut.command(&run).spawn().unwrap(), 3);
    let killed = cut.stored();
    assert_eq!(killed.run.samples.len(), 2);
    assert_eq!(killed.run.end, None);
    let id = killed.run.record.run.clone();
    let run_json = fs::read(killed.dir.join("run.json")).unwrap();

    // Another Dockerfile would be another thing.
    let variant = &killed.run.record.plan[2].variant;
    let path = format!("dockerfiles/tiny/{variant}.Dockerfile");
    cut.project
        .write(&path, &dockerfile.replace("sleep 4", "sleep 5"));
    let output = cut.command(&["--resume", &id]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains(&path), "{}", text(&output));
    assert_eq!(cut.stored(), killed, "a refused resumption left a trace");
    cut.project.write(&path, &dockerfile);

    // Killed again, within a chain whose first build is there.
    let child = cut.command(&["--resume", &id]).spawn().unwrap();
    wait_for("the resumed run", || {
        (!cut.stored().run.resumed.is_empty()).then_some(())
    });
    let output = cut.command(&["--resume", &id]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    let busy = "is being written by another buildrace";
    assert!(text(&output).contains(busy), "{}", text(&output));
    cut.kill_in(child, 4);
    assert_eq!(cut.stored().run.samples.len(), 3);
    let torn = killed.dir.join("events.jsonl");
    let mut events = fs::read_to_string(&torn).unwrap();
    events.push_str("{\"event\":\"warn");
    fs::write(&torn, events).unwrap();

    let folder = killed.dir.to_str().unwrap();
    let output = cut.command(&["--resume", folder]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("[4/4]"), "{}", text(&output));
    let run = cut.stored();
    assert_eq!(fs::read(run.dir.join("run.json")).unwrap(), run_json);
    assert_eq!(
        (run.run.resumed.len(), &run.run.samples[..2]),
        (2, &killed.run.samples[..])
    );
    let ids: Vec<&str> = run.run.samples.iter().map(|s| s.slot.id.as_str()).collect();
    let plan: Vec<&str> = run.run.record.plan.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, plan);
    // What the killed builds left has made nothing faster.
    for sample in &run.run.samples {
        assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
        let cached = match sample.slot.kind {
            BuildKind::MultiArch => 0,
            _ => run.run.samples[1].cached_steps,
        };
        assert_eq!(sample.cached_steps, cached, "{}", sample.slot.id);
    }
    let summary = cut
        .project
        .path()
        .join("reports")
        .join(&id)
        .join("summary.md");
    let summary = fs::read_to_string(summary).unwrap();
    assert!(summary.contains("was cut off and resumed"), "{summary}");
    // Where somebody else builds beside it, a run leaves what may be theirs.
    let beside = "somebody else built at the same time";
    let is_alone = !run.run.warnings.iter().any(|w| w.contains(beside));
    let left = take_away(&cut.host, &mark).await;
    assert!(left.is_empty() || !is_alone, "left: {left:?}");

    let output = cut.command(&["--resume", &id]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(
        text(&output).contains("nothing to resume"),
        "{}",
        text(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_says_how_to_resume_it() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let cut = Cut {
        project: Project::new(),
        host: engine.host.clone(),
    };
    let hang = "FROM debian:trixie-slim\nRUN sleep 600\n";
    cut.project.write("dockerfiles/tiny/naive.Dockerfile", hang);
    let run = ["tiny", "--kinds", "cold", "--variant", "naive"];
    let child = cut.command(&run).spawn().unwrap();
    wait_for("the first sample", || {
        (!cut.begun().is_empty()).then_some(())
    });
    std::thread::sleep(std::time::Duration::from_secs(1));
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    let run = cut.stored();
    assert_eq!(run.run.samples[0].outcome, Outcome::Interrupted);
    let last = text(&output).trim_end().lines().last().unwrap().to_owned();
    let way = format!("buildrace run --resume {}", run.run.record.run);
    assert!(last.ends_with(&way), "{last}");
}
