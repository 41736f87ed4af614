//! What the kernel counts of CPU time and of tasks that wait. Only Linux does:
//! sysinfo knows neither stolen time nor pressure, and gives the busy share of
//! the time since its own last look, while that of a sample and those between
//! samples are measured at once.

/// Counters that only grow; the difference of two says what happened between.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters {
    cpu: Option<CpuTime>,
    /// Microseconds in which some task waited: for CPU, for memory, for disks.
    pub(super) pressure: [Option<u64>; 3],
}

/// Time of all CPUs since the machine was started, in ticks.
#[derive(Debug, Clone, Copy)]
struct CpuTime {
    busy: u64,
    /// Given to other guests of the machine that this one runs on.
    stolen: u64,
    all: u64,
}

impl Counters {
    /// Reads the counters.
    #[cfg(target_os = "linux")]
    pub(super) fn now() -> Self {
        use procfs::prelude::*;

        let cpu = procfs::KernelStats::current().ok().map(|stats| {
            let total = stats.total;
            let stolen = total.steal.unwrap_or(0);
            let idle = total.idle + total.iowait.unwrap_or(0);
            let busy = total.user
                + total.nice
                + total.system
                + total.irq.unwrap_or(0)
                + total.softirq.unwrap_or(0);
            CpuTime {
                busy,
                stolen,
                all: busy + stolen + idle,
            }
        });
        let pressure = [
            procfs::CpuPressure::current().ok().map(|p| p.some.total),
            procfs::MemoryPressure::current().ok().map(|p| p.some.total),
            procfs::IoPressure::current().ok().map(|p| p.some.total),
        ];
        Self { cpu, pressure }
    }

    /// Knows nothing.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn now() -> Self {
        Self::default()
    }

    /// Shares of all CPU time since `before` that were busy, and stolen.
    pub(super) fn cpu_shares_since(&self, before: &Self) -> (Option<f64>, Option<f64>) {
        let (Some(now), Some(then)) = (self.cpu, before.cpu) else {
            return (None, None);
        };
        let all = now.all.saturating_sub(then.all);
        if all == 0 {
            return (None, None);
        }
        let share = |now: u64, then: u64| now.saturating_sub(then) as f64 / all as f64;
        (
            Some(share(now.busy, then.busy)),
            Some(share(now.stolen, then.stolen)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_cpu_time_between_two_looks() {
        let at = |busy, stolen, all| Counters {
            cpu: Some(CpuTime { busy, stolen, all }),
            ..Counters::default()
        };
        let (busy, steal) = at(150, 30, 400).cpu_shares_since(&at(100, 10, 200));
        assert_eq!((busy, steal), (Some(0.25), Some(0.1)));
        let same = at(1, 1, 1);
        assert_eq!(same.cpu_shares_since(&same), (None, None));
    }
}
