//! Runs a real program of a platform in a container of an engine: the only
//! proof that its steps could run there. The program is a few instructions,
//! made here, so that no image is needed to ask.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptionsBuilder, WaitContainerOptions};
use futures_util::StreamExt;

use super::binfmt::{self, Architecture};
use super::oci::{self, LayerWriter, PlatformImage};
use super::{Engine, EngineError, temporary};
use crate::escape::one_line;
use crate::model::{Platform, says_container_was_not_started};
use crate::temporary::Folder;

/// What the program exits with, and nothing else does.
const EXIT_CODE: i64 = 42;

/// How often a container that did not start is started again.
const MAX_ATTEMPTS: u32 = 3;

const RUN_LIMIT: Duration = Duration::from_secs(30);

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Runs a program of each platform and returns, for each, why it did not run.
/// First it removes what interrupted processes left behind.
///
/// # Errors
/// The engine cannot be asked at all.
pub(crate) async fn run(
    engine: &Engine,
    platforms: &[Platform],
) -> Result<Vec<(Platform, Result<(), String>)>, EngineError> {
    engine.remove_leftovers().await;
    let folder = Folder::new("probe").map_err(EngineError::file(
        "cannot create a folder in",
        std::env::temp_dir(),
    ))?;
    let mut image = oci::Image {
        reference: format!(
            "docker.io/library/{}:{}",
            temporary::PROBE_REPOSITORY,
            temporary::tag(&COUNT.fetch_add(1, Ordering::Relaxed).to_string())
        ),
        platforms: Vec::new(),
    };
    let mut outcomes = Vec::new();
    for platform in platforms {
        match binfmt::architecture(platform.architecture()) {
            Some(architecture) if platform.os() == "linux" => {
                let path = folder.path().join(platform.slug());
                let layer = write_layer(&path, architecture)
                    .map_err(EngineError::file("cannot write", path))?;
                image.platforms.push((
                    platform.clone(),
                    PlatformImage {
                        layers: vec![layer],
                        cmd: vec!["/probe".into()],
                        labels: HashMap::from([(temporary::LABEL.into(), temporary::owner())]),
                        ..PlatformImage::default()
                    },
                ));
            }
            _ => outcomes.push((
                platform.clone(),
                Err("buildrace knows no program for it".to_owned()),
            )),
        }
    }
    if image.platforms.is_empty() {
        return Ok(outcomes);
    }
    let reference = image.reference.clone();
    let loaded: Vec<Platform> = image.platforms.iter().map(|(p, _)| p.clone()).collect();
    oci::load(engine, vec![image]).await?;
    let mut failed = None;
    for platform in loaded {
        match run_started(engine, &reference, &platform).await {
            Ok(outcome) => outcomes.push((platform, outcome)),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    engine.remove_image(&reference).await?;
    failed.map_or(Ok(outcomes), Err)
}

/// Runs it until a container has started, which on a busy machine runc may fail at.
async fn run_started(
    engine: &Engine,
    reference: &str,
    platform: &Platform,
) -> Result<Result<(), String>, EngineError> {
    for _ in 1..MAX_ATTEMPTS {
        let outcome = run_one(engine, reference, platform).await;
        match &outcome {
            Ok(Err(reason)) if says_container_was_not_started(reason) => {}
            _ => return outcome,
        }
    }
    run_one(engine, reference, platform).await
}

async fn run_one(
    engine: &Engine,
    reference: &str,
    platform: &Platform,
) -> Result<Result<(), String>, EngineError> {
    let body = ContainerCreateBody {
        image: Some(reference.to_owned()),
        network_disabled: Some(true),
        labels: Some(HashMap::from([(
            temporary::LABEL.to_owned(),
            temporary::owner(),
        )])),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::new()
        .platform(&platform.to_string())
        .build();
    let created = engine
        .docker()
        .create_container(Some(options), body)
        .await
        .map_err(|error| EngineError::api(format!("creating a {platform} container"), error))?;
    let outcome = match engine.docker().start_container(&created.id, None).await {
        Err(DockerError::DockerResponseServerError { message, .. }) => Err(one_line(&message)),
        Err(error) => Err(one_line(&error.to_string())),
        Ok(()) => wait(engine, &created.id).await,
    };
    engine.remove_container(&created.id).await?;
    Ok(outcome)
}

async fn wait(engine: &Engine, id: &str) -> Result<(), String> {
    let mut ends = Box::pin(
        engine
            .docker()
            .wait_container(id, None::<WaitContainerOptions>),
    );
    let code = match tokio::time::timeout(RUN_LIMIT, ends.next()).await {
        Err(_) => return Err(format!("it did not end within {} s", RUN_LIMIT.as_secs())),
        Ok(Some(Ok(end))) => end.status_code,
        Ok(Some(Err(DockerError::DockerContainerWaitError { code, .. }))) => code,
        Ok(Some(Err(error))) => return Err(one_line(&error.to_string())),
        Ok(None) => return Err("the engine did not say how it ended".into()),
    };
    match code {
        EXIT_CODE => Ok(()),
        code => Err(format!("it ended with {code} instead of {EXIT_CODE}")),
    }
}

fn write_layer(path: &std::path::Path, architecture: &Architecture) -> std::io::Result<oci::Layer> {
    let program = program(architecture);
    let mut tar = tar::Builder::new(LayerWriter::create(path)?);
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    tar.append_data(&mut header, "probe", program.as_slice())?;
    tar.into_inner()?.finish("buildrace probe".into())
}

/// A program of a platform that exits with a code which nothing else exits with,
/// and that code; `None` where buildrace knows no program for it.
pub fn trial_program(platform: &Platform) -> Option<(Vec<u8>, i64)> {
    let architecture = binfmt::architecture(platform.architecture())?;
    (platform.os() == "linux").then(|| (program(architecture), EXIT_CODE))
}

/// `exit(42)` in the architecture's own instructions.
fn code(architecture: &Architecture) -> &'static [u8] {
    match architecture.oci {
        // mov edi, 42; mov eax, 60; syscall
        "amd64" => b"\xbf\x2a\0\0\0\xb8\x3c\0\0\0\x0f\x05",
        // mov ebx, 42; mov eax, 1; int 0x80
        "386" => b"\xbb\x2a\0\0\0\xb8\x01\0\0\0\xcd\x80",
        // mov x8, #93; mov x0, #42; svc #0
        "arm64" => b"\xa8\x0b\x80\xd2\x40\x05\x80\xd2\x01\0\0\xd4",
        // mov r7, #1; mov r0, #42; svc #0
        "arm" => b"\x01\x70\xa0\xe3\x2a\0\xa0\xe3\0\0\0\xef",
        // li a7, 93; li a0, 42; ecall
        "riscv64" => b"\x93\x08\xd0\x05\x13\x05\xa0\x02\x73\0\0\0",
        // li r0, 1; li r3, 42; sc
        "ppc64le" => b"\x01\0\0\x38\x2a\0\x60\x38\x02\0\0\x44",
        // lghi %r2, 42; svc 1
        "s390x" => b"\xa7\x29\0\x2a\x0a\x01",
        other => unreachable!("{other} is in the table of architectures and has no program"),
    }
}

/// A complete ELF program: file header, one program header, the code.
fn program(architecture: &Architecture) -> Vec<u8> {
    const BASE: u64 = 0x10_0000;
    let code = code(architecture);
    let (header_size, entry_size): (u64, u64) = if architecture.wide {
        (64, 56)
    } else {
        (52, 32)
    };
    let start = header_size + entry_size;
    let length = start + code.len() as u64;
    let number = |bytes: &mut Vec<u8>, value: u64, width: usize| {
        if architecture.big_endian {
            bytes.extend(&value.to_be_bytes()[8 - width..]);
        } else {
            bytes.extend(&value.to_le_bytes()[..width]);
        }
    };
    let word = if architecture.wide { 8 } else { 4 };
    let flags = match architecture.oci {
        "arm" => 0x0500_0200, // EABI 5
        "ppc64le" => 2,       // ELFv2
        _ => 0,
    };
    let mut bytes = architecture.elf_start().to_vec();
    number(&mut bytes, 1, 4); // version
    number(&mut bytes, BASE + start, word); // entry
    number(&mut bytes, header_size, word); // program headers at
    number(&mut bytes, 0, word); // section headers at
    number(&mut bytes, flags, 4);
    number(&mut bytes, header_size, 2);
    number(&mut bytes, entry_size, 2);
    number(&mut bytes, 1, 2); // program headers
    for _ in 0..3 {
        number(&mut bytes, 0, 2); // section headers
    }
    number(&mut bytes, 1, 4); // PT_LOAD
    if architecture.wide {
        number(&mut bytes, 5, 4); // readable, executable
    }
    number(&mut bytes, 0, word); // offset
    number(&mut bytes, BASE, word);
    number(&mut bytes, BASE, word);
    number(&mut bytes, length, word);
    number(&mut bytes, length, word);
    if !architecture.wide {
        number(&mut bytes, 5, 4);
    }
    number(&mut bytes, 0x1_0000, word); // alignment
    bytes.extend(code);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machines_program_runs_here() {
        let native = Platform::linux(std::env::consts::ARCH);
        let architecture = binfmt::architecture(native.architecture()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe");
        std::fs::write(&path, program(architecture)).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        // A test beside this one may fork while the file is open for writing,
        // and its child holds it open until it executes something.
        let status = loop {
            match std::process::Command::new(&path).status() {
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                other => break other.unwrap(),
            }
        };
        assert_eq!(status.code().map(i64::from), Some(EXIT_CODE));
    }

    #[test]
    fn every_architecture_has_a_program() {
        for architecture in &binfmt::ARCHITECTURES {
            let bytes = program(architecture);
            assert!(bytes.starts_with(&architecture.elf_start()));
            let headers = if architecture.wide { 64 + 56 } else { 52 + 32 };
            assert_eq!(
                &bytes[headers..],
                code(architecture),
                "{}",
                architecture.oci
            );
        }
    }
}
