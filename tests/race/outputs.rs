//! When a sample's image is looked at, and what its smoke test must print.

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use buildrace::buildkit::BuildError;
use buildrace::model::{BuildKind, Event, Outcome, Platform, ProgramEnd, ProgramOutput, Sample};
use buildrace::plan::{self, PlanInput};
use buildrace::race::{ImageStore, ImageStoreError, SmokeRunner};
use buildrace::scenario::{Output, Smoke};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::scripted::{Memory, Scripted, Setting, run_with, setting};

/// An OCI archive that holds an empty image for each platform.
pub fn write_archive(path: &Path, platforms: &[Platform]) {
    let mut tar = tar::Builder::new(std::fs::File::create(path).unwrap());
    let mut add = |name: &str, content: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_bytes())
            .unwrap();
    };
    let mut blob = |media_type: &str, content: String| {
        let digest = hex::encode(Sha256::digest(&content));
        add(&format!("blobs/sha256/{digest}"), &content);
        let media_type = format!("application/vnd.oci.image.{media_type}.v1+json");
        serde_json::json!({
            "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": content.len(),
        })
    };
    let mut manifests = Vec::new();
    for platform in platforms {
        let of = serde_json::json!({
            "os": platform.os(), "architecture": platform.architecture(),
        });
        let mut config = of.clone();
        config["rootfs"] = serde_json::json!({"type": "layers", "diff_ids": []});
        let config = blob("config", config.to_string());
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": [],
        });
        let mut manifest = blob("manifest", manifest.to_string());
        manifest["platform"] = of;
        manifests.push(manifest);
    }
    let index = serde_json::json!({"schemaVersion": 2, "manifests": manifests});
    add("index.json", &index.to_string());
    add("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    tar.into_inner().unwrap().flush().unwrap();
}

/// Runs nothing, and says that everything printed this.
#[derive(Default)]
struct Parrot {
    prints: &'static str,
    /// How many runs the engine fails first.
    fails: Mutex<u32>,
    /// Images that are there.
    images: Mutex<Vec<String>>,
    /// What was run.
    ran: Mutex<Vec<(String, Platform)>>,
}

#[async_trait]
impl ImageStore for Parrot {
    fn image_name(&self, unique: &str) -> String {
        let name = format!("parrot:{unique}");
        self.images.lock().unwrap().push(name.clone());
        name
    }
    async fn remove(&self, image: &str) -> Result<(), ImageStoreError> {
        self.images.lock().unwrap().retain(|name| name != image);
        Ok(())
    }
}

#[async_trait]
impl SmokeRunner for Parrot {
    async fn run(
        &self,
        image: &str,
        platform: &Platform,
        command: &[String],
        _: &CancellationToken,
    ) -> Result<ProgramOutput, ImageStoreError> {
        assert!(self.images.lock().unwrap().contains(&image.to_owned()));
        assert_eq!(command, ["tiny", "--version"]);
        let mut fails = self.fails.lock().unwrap();
        if *fails > 0 {
            *fails -= 1;
            return Err(ImageStoreError("the engine is on fire".into()));
        }
        let ran = (image.to_owned(), platform.clone());
        self.ran.lock().unwrap().push(ran);
        Ok(ProgramOutput {
            stdout: self.prints.into(),
            stderr: Vec::new(),
            end: ProgramEnd::Exited(0),
        })
    }
}

/// Two rounds of `tiny`'s `naive`, with a smoke test.
fn tested(kinds: &[BuildKind]) -> Setting {
    let mut setting = setting(kinds, &["naive"]);
    let command = vec!["tiny".into(), "--version".into()];
    setting.scenarios[0].output = Some(Output {
        binaries: Vec::new(),
        smoke: Some(Smoke::new(command, "^tiny {nonce}$".into()).unwrap()),
    });
    let input = PlanInput {
        scenario: "tiny".into(),
        variants: vec!["naive".into()],
        kinds: kinds.to_vec(),
        native_only: false,
    };
    setting.record.rounds = 2;
    setting.record.plan = plan::plan(&[input], 2, 1);
    setting
}

async fn race(setting: &Setting, builder: &Scripted, parrot: &Parrot) -> Memory {
    let mut memory = Memory::default();
    let stop = CancellationToken::new();
    run_with(setting, builder, Some(parrot), &mut memory, &stop)
        .await
        .unwrap();
    assert!(parrot.images.lock().unwrap().is_empty(), "an image is left");
    memory
}

fn warnings(memory: &Memory) -> Vec<&str> {
    let events = memory.events.iter();
    let messages = events.filter_map(|event| match event {
        Event::Warning { message, .. } => Some(message.as_str()),
        _ => None,
    });
    messages.collect()
}

fn outcomes(memory: &Memory) -> Vec<Outcome> {
    let samples = memory.samples();
    samples.iter().map(|sample| sample.outcome).collect()
}

#[tokio::test]
async fn an_image_that_is_right_is_run_once_on_each_platform() {
    let setting = tested(&[BuildKind::Cold, BuildKind::MultiArch]);
    let builder = Scripted::default();
    let parrot = Parrot {
        prints: "tiny dev",
        ..Parrot::default()
    };
    let memory = race(&setting, &builder, &parrot).await;
    assert_eq!(outcomes(&memory), [Outcome::Ok; 4]);
    assert_eq!(warnings(&memory), [""; 0]);
    let ran = parrot.ran.lock().unwrap();
    let mut platforms: Vec<String> = ran.iter().map(|(_, p)| p.to_string()).collect();
    platforms.sort();
    assert_eq!(platforms, ["linux/amd64", "linux/amd64", "linux/arm64"]);
    for sample in memory.samples() {
        assert_eq!(
            sample.output_checked,
            sample.slot.round == 1,
            "{}",
            sample.slot.id
        );
    }
}

#[tokio::test]
async fn a_program_without_the_edit_is_wrong_output() {
    let kinds = [
        BuildKind::MultiArch,
        BuildKind::Incremental,
        BuildKind::Noop,
    ];
    let setting = tested(&kinds);
    let builder = Scripted::default();
    let parrot = Parrot {
        prints: "tiny dev",
        ..Parrot::default()
    };
    let memory = race(&setting, &builder, &parrot).await;
    let [ok, wrong, skipped] = [Outcome::Ok, Outcome::WrongOutput, Outcome::Skipped];
    let found = outcomes(&memory);
    assert_eq!(found[..3], [ok, wrong, skipped]);
    let samples = memory.samples();
    let failure = samples[1].failure.as_ref().unwrap();
    let expected =
        "tiny --version on linux/amd64 printed \"tiny dev\" and exited with code 0; expected";
    assert!(failure.message.contains(expected), "{}", failure.message);
    // The other platform is told, too.
    assert!(failure.log_tail[0].contains("on linux/arm64"));
}

#[tokio::test]
async fn what_the_engine_could_not_run_is_looked_at_in_the_next_round() {
    let setting = tested(&[BuildKind::MultiArch]);
    let builder = Scripted::default();
    let parrot = Parrot {
        prints: "something else",
        fails: Mutex::new(1),
        ..Parrot::default()
    };
    let memory = race(&setting, &builder, &parrot).await;
    assert_eq!(outcomes(&memory), [Outcome::Ok, Outcome::WrongOutput]);
    let [warning] = warnings(&memory)[..] else {
        panic!("{:?}", warnings(&memory))
    };
    assert!(warning.ends_with("could not be checked: the engine is on fire"));
    let checked = memory
        .samples()
        .iter()
        .map(|s| s.output_checked)
        .collect::<Vec<_>>();
    assert_eq!(checked, [false, true]);
}

#[tokio::test]
async fn an_image_that_was_built_anew_is_not_the_one_that_was_timed() {
    for export in ["-export", "-smoke"] {
        let setting = tested(&[BuildKind::MultiArch]);
        let anew = format!("-r1-01-tiny-naive-multi-arch{export}");
        let builder = Scripted {
            executed: vec![anew],
            ..Scripted::default()
        };
        let parrot = Parrot {
            prints: "something else",
            ..Parrot::default()
        };
        let memory = race(&setting, &builder, &parrot).await;
        assert_eq!(outcomes(&memory), [Outcome::Ok, Outcome::WrongOutput]);
        let [warning] = warnings(&memory)[..] else {
            panic!("{:?}", warnings(&memory))
        };
        let expected = "what was timed: 1 of 1 steps, [linux/arm64 build 2/2] RUN make among them";
        assert!(warning.ends_with(expected), "{warning}");
    }
}

#[tokio::test]
async fn the_first_build_that_succeeds_is_looked_at() {
    let setting = tested(&[BuildKind::MultiArch]);
    let failed = BuildError::Failed {
        message: "no such package".into(),
    };
    let builder = Scripted {
        ends: [("-r1-01-tiny-naive-multi-arch", failed)].into(),
        ..Scripted::default()
    };
    let parrot = Parrot {
        prints: "something else",
        ..Parrot::default()
    };
    let memory = race(&setting, &builder, &parrot).await;
    let samples: Vec<&Sample> = memory.samples();
    assert_eq!(samples[0].outcome, Outcome::Failed);
    assert_eq!(samples[1].outcome, Outcome::WrongOutput);
}
