//! Whether a race could run here, and what to do where it could not. Checks
//! are plain data: `doctor` shows all of them, `run` stops at the first that
//! fails.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::binfmt;
use super::emulator::{self, Execution};
use super::private::{self, Paths};
use super::{Endpoint, Engine, EngineError};
use crate::buildkit::{Dial, DockerDial};
use crate::escape::one_line;
use crate::model::{EmulatorInfo, Platform};

const GIB: u64 = 1 << 30;

/// Free space below which a race could fill the disk: two platforms of one
/// Go toolchain, their layers and caches take about this.
const DISK_FAIL: u64 = 2 * GIB;
const DISK_WARN: u64 = 10 * GIB;

/// Share of CPU time given to other guests above which times mean little.
const STEAL_WARN: f64 = 0.02;

/// How long BuildKit may take to answer.
const BUILDKIT_LIMIT: Duration = Duration::from_secs(5);

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All is as it should be.
    Ok,
    /// A race runs, and its times may say less.
    Warn,
    /// No race could run.
    Fail,
}

/// One thing that was checked, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked: `engine`, `linux/arm64`, `disk of results`.
    pub name: String,
    /// How bad the finding is.
    pub status: Status,
    /// What was found, on one line.
    pub finding: String,
    /// What to do about it, on one line; nothing where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    /// Where all is well.
    pub fn ok(name: &str, finding: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status: Status::Ok,
            finding: finding.into(),
            advice: None,
        }
    }

    fn bad(
        name: &str,
        status: Status,
        finding: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            status,
            finding: finding.into(),
            advice: Some(advice.into()),
        }
    }
}

/// Which platforms run on an engine, by programs that were tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The emulators of those platforms that run and are not native.
    pub emulators: Vec<EmulatorInfo>,
    /// The platforms that do not run.
    pub failed: Vec<NotRun>,
}

/// A platform whose programs do not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRun {
    /// The platform.
    pub platform: Platform,
    /// Why they do not run, and what to do about it, on one line.
    pub reason: String,
    /// Whether that is certain: of some architectures buildrace has no program
    /// to try.
    pub is_certain: bool,
}

/// Runs a program of each platform, in a container.
///
/// # Errors
/// The engine cannot be asked.
pub async fn try_each(engine: &Engine, platforms: &[Platform]) -> Result<Tried, EngineError> {
    Ok(tried(emulator::try_platforms(engine, platforms).await?))
}

/// What trying platforms came to.
pub fn tried(executions: Vec<Execution>) -> Tried {
    let (good, bad): (Vec<_>, Vec<_>) = executions.into_iter().partition(|e| e.outcome.is_ok());
    let failed = bad.into_iter().map(|execution| {
        let check = platform_check(&execution);
        let advice = check.advice.unwrap_or_default();
        NotRun {
            is_certain: has_program(&execution.platform),
            platform: execution.platform,
            reason: format!("{}: {advice}", check.finding),
        }
    });
    Tried {
        emulators: good.iter().filter_map(Execution::emulator_info).collect(),
        failed: failed.collect(),
    }
}

/// Looks at what a race in an engine's own BuildKit depends on: the engine, its
/// BuildKit, these platforms, its disk.
pub async fn examine_engine(endpoint: &Endpoint, platforms: &[Platform]) -> Vec<Check> {
    let mut checks = Vec::new();
    match Engine::connect_unchecked(endpoint).await {
        Err(error @ EngineError::Podman { .. }) => checks.push(unfit(&error)),
        Err(error) => checks.push(Check::bad(
            "engine",
            Status::Fail,
            error.to_string(),
            "see its log",
        )),
        Ok(engine) => {
            engine_checks(&engine, &mut checks).await;
            checks.extend(examine_platforms(&engine, platforms).await);
        }
    }
    checks
}

/// Looks at what this machine does to times: the disk of `results`, and what
/// makes CPUs uneven.
pub async fn examine_machine(results: &Path) -> Vec<Check> {
    let governor = Path::new("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    vec![
        disk_check("disk of results", results),
        governor_check(governor),
        steal_check(Duration::from_secs(1)).await,
    ]
}

/// Whether no check says that a race could not run.
pub fn could_run(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.status != Status::Fail)
}

/// No builder answers, for this reason.
pub fn no_builder(reason: &str) -> Check {
    let private = Paths::of_user()
        .and_then(|paths| private::status(&paths))
        .map(|status| status.state);
    let advice = match private {
        Ok(private::State::Stopped | private::State::Stuck) => {
            "the private engine is made and does not answer: run `buildrace engine up`"
        }
        Ok(private::State::HalfMade) => {
            "the private engine is half-made: run `buildrace engine up` to repair it"
        }
        _ => "start an engine, name one with --host, or run `buildrace engine up`",
    };
    Check::bad("builder", Status::Fail, one_line(reason), advice)
}

/// The image of a container of buildrace's own is not to be had.
pub fn no_own_builder(image: &str) -> Check {
    Check::bad(
        "cache",
        Status::Warn,
        format!(
            "what a race adds to the engine's cache stays in it: {image}, of which a builder of buildrace's own is made, is neither there nor offered by a registry"
        ),
        format!(
            "docker pull {image}, or name another with --builder container --driver-opt image=…"
        ),
    )
}

/// An engine that answers and cannot run a race.
fn unfit(error: &EngineError) -> Check {
    // The message has both halves.
    let text = error.to_string();
    let (finding, advice) = text.split_once(": ").unwrap_or((&text, ""));
    Check::bad("engine", Status::Fail, finding, advice)
}

async fn engine_checks(engine: &Engine, checks: &mut Vec<Check>) {
    let facts = engine.facts();
    checks.push(match facts.check() {
        Ok(()) => Check::ok(
            "engine",
            format!(
                "Docker Engine {} at {} ({}), {} in the containerd image store",
                facts.version, facts.endpoint.host, facts.endpoint.found_by, facts.storage_driver
            ),
        ),
        Err(error) => unfit(&error),
    });
    checks.push(buildkit_check(&facts.endpoint, &facts.version).await);
}

/// Looks at these platforms on an engine, and at its disk.
pub async fn examine_platforms(engine: &Engine, platforms: &[Platform]) -> Vec<Check> {
    let mut checks = Vec::new();
    match emulator::try_platforms(engine, platforms).await {
        Ok(executions) => checks.extend(executions.iter().map(platform_check)),
        Err(error) => checks.push(Check::bad(
            "platforms",
            Status::Fail,
            error.to_string(),
            "see the engine's log",
        )),
    }
    checks.extend(examine_disk(engine));
    checks
}

/// The free space on an engine's disk, where that is on this machine.
pub fn examine_disk(engine: &Engine) -> Option<Check> {
    let data_root = engine.facts().data_root.as_ref();
    let data_root = data_root.filter(|_| engine.is_local())?;
    Some(disk_check("disk of the engine", Path::new(data_root)))
}

/// BuildKit answers where the engine upgrades `/grpc` to HTTP/2. Its own
/// version is not to be had: an engine that embeds it does not tell.
async fn buildkit_check(endpoint: &Endpoint, engine_version: &str) -> Check {
    let answer = async {
        let dial = DockerDial::with_tls(&endpoint.host, endpoint.tls.as_ref())?;
        dial.dial().await.map(drop)
    };
    let finding = match tokio::time::timeout(BUILDKIT_LIMIT, answer).await {
        Ok(Ok(())) => {
            return Check::ok(
                "buildkit",
                format!("that of Docker Engine {engine_version} answers over the engine's /grpc"),
            );
        }
        Ok(Err(error)) => one_line(&error.to_string()),
        Err(_) => format!(
            "the engine's /grpc does not answer within {} s",
            BUILDKIT_LIMIT.as_secs()
        ),
    };
    Check::bad(
        "buildkit",
        Status::Fail,
        finding,
        "a proxy in between may not pass upgrades: name the engine's own socket with --host",
    )
}

/// What running a program of a platform showed.
pub fn platform_check(execution: &Execution) -> Check {
    let platform = &execution.platform;
    let name = platform.to_string();
    let under = execution.handler.as_ref().map(|handler| {
        let version = execution
            .emulator_info()
            .and_then(|info| info.version)
            .map_or_else(String::new, |version| format!(" (QEMU {version})"));
        format!(
            "handler {}, flags {}, interpreter {}{version}",
            one_line(&handler.name),
            one_line(&handler.flags),
            one_line(&handler.interpreter.display().to_string()),
        )
    });
    match (&execution.outcome, under) {
        (Ok(()), None) if execution.native => {
            Check::ok(&name, "runs natively; a program of it ran")
        }
        (Ok(()), None) => Check::ok(
            &name,
            "a program of it ran, under an emulator not visible from here",
        ),
        (Ok(()), Some(under)) => Check::ok(&name, format!("a program of it ran: {under}")),
        (Err(reason), None) => Check::bad(
            &name,
            Status::Fail,
            format!("no emulator for {platform}: a program of it does not run ({reason})"),
            emulator_advice(platform),
        ),
        (Err(reason), Some(under)) => {
            let advice = match &execution.handler {
                Some(handler) if !handler.enabled => format!(
                    "switch the handler on: echo 1 > /proc/sys/fs/binfmt_misc/{}",
                    one_line(&handler.name)
                ),
                Some(handler) if !handler.flags.contains('F') => format!(
                    "the handler lacks flag F, so it does not work in containers; {}",
                    emulator_advice(platform)
                ),
                _ => emulator_advice(platform),
            };
            Check::bad(
                &name,
                Status::Fail,
                format!("the emulator for {platform} does not work ({reason}): {under}"),
                advice,
            )
        }
    }
}

/// Whether there is a program of the platform to try.
fn has_program(platform: &Platform) -> bool {
    platform.os() == "linux" && binfmt::architecture(platform.architecture()).is_some()
}

/// Architectures that QEMU emulates, and that buildrace has no handler for.
const ONLY_QEMU: [&str; 7] = [
    "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "sparc64",
];

/// What to do about a platform whose programs do not run.
pub fn emulator_advice(platform: &Platform) -> String {
    let architecture = platform.architecture();
    if platform.os() != "linux" {
        return format!("QEMU emulates Linux, not {}", one_line(platform.os()));
    }
    if binfmt::architecture(architecture).is_some() {
        return format!(
            "run `buildrace engine up --emulate {architecture}`, or install Debian's qemu-user-static or tonistiigi/binfmt on the engine's machine"
        );
    }
    if ONLY_QEMU.contains(&architecture) {
        return "`buildrace engine up` has no emulator for it: install tonistiigi/binfmt on the engine's machine".to_owned();
    }
    format!(
        "{} is not an architecture that QEMU emulates",
        one_line(architecture)
    )
}

/// Free space where `path` is, or will be.
fn disk_check(name: &str, path: &Path) -> Check {
    let existing = path
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("."));
    let free = match rustix::fs::statvfs(if existing.as_os_str().is_empty() {
        Path::new(".")
    } else {
        existing
    }) {
        Ok(stat) => stat.f_bavail * stat.f_frsize,
        Err(error) => {
            return Check::bad(
                name,
                Status::Warn,
                format!("free space of {} unknown: {error}", existing.display()),
                "see that it has room",
            );
        }
    };
    disk_verdict(name, path, free)
}

fn disk_verdict(name: &str, path: &Path, free: u64) -> Check {
    let finding = format!(
        "{:.1} GiB free at {}",
        free as f64 / GIB as f64,
        path.display()
    );
    let status = match free {
        f if f < DISK_FAIL => Status::Fail,
        f if f < DISK_WARN => Status::Warn,
        _ => return Check::ok(name, finding),
    };
    Check::bad(
        name,
        status,
        finding,
        format!("a race wants {} GiB: make room", DISK_WARN / GIB),
    )
}

fn governor_check(file: &Path) -> Check {
    match fs::read_to_string(file) {
        Err(_) => Check::ok("cpu governor", "not the guest's to set, or none"),
        Ok(text) if text.trim() == "performance" => Check::ok("cpu governor", "performance"),
        Ok(text) => Check::bad(
            "cpu governor",
            Status::Warn,
            one_line(&text),
            "frequency may drift during a race: `cpupower frequency-set -g performance` as root",
        ),
    }
}

async fn steal_check(over: Duration) -> Check {
    let before = cpu_times();
    tokio::time::sleep(over).await;
    match before.zip(cpu_times()) {
        Some((before, after)) => steal_verdict(before, after),
        None => Check::ok("cpu steal", "unknown: the kernel does not count it"),
    }
}

/// All CPU time and the part of it that went to other guests, in ticks.
type CpuTimes = (u64, u64);

#[cfg(target_os = "linux")]
fn cpu_times() -> Option<CpuTimes> {
    use procfs::prelude::*;

    // Guest time, which the kernel counts too, is in user time already.
    let total = procfs::KernelStats::current().ok()?.total;
    let steal = total.steal?;
    let idle = total.idle + total.iowait?;
    let busy = total.user + total.nice + total.system + total.irq? + total.softirq?;
    Some((busy + idle + steal, steal))
}

/// Only Linux counts stolen time.
#[cfg(not(target_os = "linux"))]
fn cpu_times() -> Option<CpuTimes> {
    None
}

fn steal_verdict(before: CpuTimes, after: CpuTimes) -> Check {
    let all = after.0.saturating_sub(before.0).max(1);
    let steal = after.1.saturating_sub(before.1) as f64 / all as f64;
    let finding = format!("{:.1}% of CPU time went to other guests", steal * 100.0);
    if steal <= STEAL_WARN {
        return Check::ok("cpu steal", finding);
    }
    Check::bad(
        "cpu steal",
        Status::Warn,
        finding,
        "times will scatter: race when the host is quiet, or on a machine of your own",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::binfmt::Handler;

    fn execution(handler: Option<Handler>, outcome: Result<(), String>) -> Execution {
        Execution {
            platform: Platform::linux("riscv64"),
            native: false,
            handler,
            outcome,
        }
    }

    #[test]
    fn a_platform_that_does_not_run_fails_with_what_to_do() {
        let check = platform_check(&execution(None, Err("exec format error".into())));
        assert_eq!(check.status, Status::Fail);
        assert!(
            check.finding.starts_with("no emulator for linux/riscv64"),
            "{check:?}"
        );
        assert!(
            check
                .advice
                .unwrap()
                .contains("engine up --emulate riscv64")
        );
        assert!(!could_run(&[platform_check(&execution(
            None,
            Err(String::new())
        ))]));
        assert!(could_run(&[platform_check(&execution(None, Ok(())))]));
    }

    #[test]
    fn a_handler_without_flag_f_is_named_as_the_cause() {
        let riscv64 = binfmt::architecture("riscv64").unwrap();
        let handler = Handler::sample("qemu-riscv64", riscv64, "OC");
        let check = platform_check(&execution(Some(handler), Err("no such file".into())));
        assert_eq!(check.status, Status::Fail);
        assert!(check.advice.unwrap().contains("lacks flag F"));
    }

    #[test]
    fn little_space_warns_and_less_fails() {
        let status = |free| disk_verdict("disk", Path::new("/x"), free).status;
        assert_eq!(status(50 * GIB), Status::Ok);
        assert_eq!(status(5 * GIB), Status::Warn);
        assert_eq!(status(GIB), Status::Fail);
    }

    #[test]
    fn stolen_time_is_a_share_of_all() {
        let (before, after) = ((1000, 0), (1200, 10));
        assert_eq!(steal_verdict(before, after).status, Status::Warn);
        assert_eq!(steal_verdict(before, before).status, Status::Ok);
    }
}
