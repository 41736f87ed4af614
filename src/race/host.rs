//! What the machine is and what it is doing while a sample is built. It
//! describes the machine that buildrace runs on, which is the builder's own
//! for every engine reached over a local socket.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::host_counters::Counters;
use super::idle_wait::Rest;
use crate::model::{HostInfo, HostUse};

/// How often the memory that is available is read during a sample.
const MEMORY_INTERVAL: Duration = Duration::from_secs(1);

/// Facts about the machine that do not change during a run. What cannot be
/// read is `None`.
pub fn host_info() -> HostInfo {
    let system = System::new_with_specifics(
        RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram()),
    );
    HostInfo {
        cpu_model: system
            .cpus()
            .first()
            .map(|cpu| cpu.brand().to_owned())
            .filter(|brand| !brand.is_empty()),
        // Those that this process may use; sysinfo counts all.
        cores: std::thread::available_parallelism()
            .ok()
            .and_then(|cores| u32::try_from(cores.get()).ok()),
        memory_bytes: Some(system.total_memory()).filter(|bytes| *bytes > 0),
        kernel: System::kernel_version(),
        os: os_release_name(Path::new("/etc/os-release")).or_else(System::long_os_version),
        governor: std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
            .ok()
            .map(|text| text.trim().to_owned()),
    }
}

fn os_release_name(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map(|name| name.trim_matches('"').to_owned())
}

/// Watches the machine over one sample.
#[derive(Debug)]
pub struct HostSampler {
    /// A path on the disk whose free space matters; `None` where nothing is
    /// watched.
    disk: Option<PathBuf>,
    started: Instant,
    before: Counters,
    used: HostUse,
    memory_read: Instant,
}

impl HostSampler {
    /// Begins. The share of CPU time that was busy just before is known from
    /// the wait for the machine to come to rest. Without a `disk` the builder is
    /// another machine, and nothing is watched.
    pub fn start(disk: Option<&Path>, busy_before: Option<f64>) -> Self {
        let used = match disk {
            None => HostUse::default(),
            Some(disk) => HostUse {
                cpu_busy_before: busy_before,
                load_before: load(),
                disk_free_before: disk_free(disk),
                memory_available_min: memory_available(),
                ..HostUse::default()
            },
        };
        let now = Instant::now();
        Self {
            disk: disk.map(Path::to_owned),
            started: now,
            before: Counters::now(),
            used,
            memory_read: now,
        }
    }

    /// Called often during the sample; reads memory at most once a second.
    pub fn tick(&mut self) {
        if self.disk.is_none() || self.memory_read.elapsed() < MEMORY_INTERVAL {
            return;
        }
        self.memory_read = Instant::now();
        let least = self.used.memory_available_min;
        self.used.memory_available_min = match (least, memory_available()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Ends the sample and measures the machine once more, which is where the
    /// wait before the next sample begins.
    pub async fn finish(mut self, rest: &mut Rest) -> HostUse {
        let Some(disk) = &self.disk else {
            return self.used;
        };
        let after = Counters::now();
        let elapsed = self.started.elapsed();
        (self.used.cpu_busy, self.used.cpu_steal) = after.cpu_shares_since(&self.before);
        let micros = elapsed.as_micros().max(1) as f64;
        let share = |resource: usize| {
            let (now, then) = (after.pressure[resource]?, self.before.pressure[resource]?);
            Some((now.saturating_sub(then) as f64 / micros).min(1.0))
        };
        self.used.pressure_cpu = share(0);
        self.used.pressure_memory = share(1);
        self.used.pressure_io = share(2);
        self.used.load_after = load();
        self.used.disk_free_after = disk_free(disk);
        self.used.cpu_busy_after = rest.after().await;
        self.used
    }
}

fn load() -> Option<f64> {
    Some(System::load_average().one)
}

fn memory_available() -> Option<u64> {
    let ram = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(ram));
    Some(system.available_memory()).filter(|bytes| *bytes > 0)
}

/// Bytes that are free to users on the disk that holds a path.
pub(super) fn disk_free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sample_is_watched_from_before_to_after() {
        let folder = tempfile::tempdir().unwrap();
        let mut sampler = HostSampler::start(Some(folder.path()), Some(0.25));
        sampler.tick();
        let used = sampler.finish(&mut Rest::default()).await;
        for share in [used.cpu_busy_before, used.cpu_busy_after]
            .into_iter()
            .flatten()
        {
            assert!((0.0..=1.0).contains(&share), "{share}");
        }
        assert!(used.disk_free_before.is_some() && used.disk_free_after.is_some());
        assert!(used.memory_available_min.is_some());
    }
}
