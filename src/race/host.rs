//! What the machine is and what it is doing while a sample is built, from
//! `/proc` and `/sys`. It describes the machine that buildrace runs on, which
//! is the builder's own for every engine reached over a local socket.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use procfs::prelude::*;

use super::rest::Rest;
use crate::model::{HostInfo, HostUse};

/// How often memory is looked at during a sample.
const MEMORY_INTERVAL: Duration = Duration::from_secs(1);

/// Facts about the machine that do not change during a run. What cannot be
/// read is `None`.
pub fn host_info() -> HostInfo {
    let cpu_info = procfs::CpuInfo::current().ok();
    HostInfo {
        cpu_model: cpu_info
            .as_ref()
            .and_then(|info| info.model_name(0).map(str::to_owned)),
        cores: std::thread::available_parallelism()
            .ok()
            .and_then(|cores| u32::try_from(cores.get()).ok()),
        memory_bytes: procfs::Meminfo::current().ok().map(|info| info.mem_total),
        kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .ok()
            .map(|text| text.trim().to_owned()),
        os: os_release_name(Path::new("/etc/os-release")),
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

/// Counters that only grow; the difference of two says what happened between.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters {
    /// Ticks of all CPUs: busy, stolen, all.
    cpu: Option<(u64, u64, u64)>,
    /// Microseconds in which some task waited: CPU, memory, disk.
    pub(super) pressure: [Option<u64>; 3],
}

impl Counters {
    pub(super) fn now() -> Self {
        let cpu = procfs::KernelStats::current().ok().map(|stats| {
            let total = stats.total;
            let steal = total.steal.unwrap_or(0);
            let idle = total.idle + total.iowait.unwrap_or(0);
            let busy = total.user
                + total.nice
                + total.system
                + total.irq.unwrap_or(0)
                + total.softirq.unwrap_or(0);
            (busy, steal, busy + steal + idle)
        });
        let pressure = [
            procfs::CpuPressure::current().ok().map(|p| p.some.total),
            procfs::MemoryPressure::current().ok().map(|p| p.some.total),
            procfs::IoPressure::current().ok().map(|p| p.some.total),
        ];
        Self { cpu, pressure }
    }

    pub(super) fn cpu_shares_since(&self, before: &Self) -> (Option<f64>, Option<f64>) {
        let (Some(now), Some(then)) = (self.cpu, before.cpu) else {
            return (None, None);
        };
        let all = now.2.saturating_sub(then.2);
        if all == 0 {
            return (None, None);
        }
        let share = |now: u64, then: u64| now.saturating_sub(then) as f64 / all as f64;
        (Some(share(now.0, then.0)), Some(share(now.1, then.1)))
    }
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
    last_memory_look: Instant,
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
            last_memory_look: now,
        }
    }

    /// Called often during the sample; looks at most once a second.
    pub fn tick(&mut self) {
        if self.disk.is_none() || self.last_memory_look.elapsed() < MEMORY_INTERVAL {
            return;
        }
        self.last_memory_look = Instant::now();
        let least = self.used.memory_available_min;
        self.used.memory_available_min = match (least, memory_available()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Ends the sample and looks at the machine once more, which is where the
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
    procfs::LoadAverage::current()
        .ok()
        .map(|load| f64::from(load.one))
}

fn memory_available() -> Option<u64> {
    procfs::Meminfo::current().ok()?.mem_available
}

/// Bytes that are free to users on the disk that holds a path.
pub(super) fn disk_free(path: &Path) -> Option<u64> {
    let stats = nix::sys::statvfs::statvfs(path).ok()?;
    Some(stats.blocks_available() as u64 * stats.fragment_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_cpu_time_between_two_looks() {
        let at = |cpu| Counters {
            cpu: Some(cpu),
            ..Counters::default()
        };
        let (busy, steal) = at((150, 30, 400)).cpu_shares_since(&at((100, 10, 200)));
        assert_eq!((busy, steal), (Some(0.25), Some(0.1)));
        let same = at((1, 1, 1));
        assert_eq!(same.cpu_shares_since(&same), (None, None));
    }

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
