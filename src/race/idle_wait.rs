//! Waiting, before a sample, until the machine has come to rest: an engine goes
//! on deleting for seconds after it has answered that something is pruned, and
//! what a build leaves to do must not be part of the next.

use std::time::{Duration, Instant};

use super::host_counters::Counters;

/// Time over which the machine is measured once.
const INTERVAL: Duration = Duration::from_millis(200);
/// Share of time below which CPUs and disk are taken to rest, and the intervals
/// in a row that must be so. The last is what a sample has of the moment before
/// it, and the first may be that after the sample before.
const AT_REST: f64 = 0.1;
const QUIET_INTERVALS: u32 = 2;

/// Longest wait, and the same where it is no matter what else the machine does.
const LIMIT: Duration = Duration::from_secs(5);
const LIMIT_KEEPING: Duration = Duration::from_secs(2);
/// The same after so many waits in a row that found no rest: whoever makes the
/// machine busy will not stop for the next sample either.
const LIMIT_BUSY: Duration = Duration::from_millis(800);
const IN_VAIN: u32 = 2;
/// How much longer the wait is for each round in a row that was dropped, and the
/// longest: a burst of work elsewhere must not use up the rounds that are left.
const LIMIT_A_DROPPED_ROUND: Duration = Duration::from_secs(10);
const LONGEST_DROPPED: u32 = 3;

/// Watches the machine between samples.
#[derive(Debug, Default)]
pub struct Rest {
    /// Longest wait, where one was chosen.
    settle: Option<Duration>,
    /// Whether no round is dropped for what the machine does.
    keeping: bool,
    /// Intervals in a row, up to now, in which the machine was at rest.
    quiet: u32,
    /// Waits in a row that ended at their limit.
    in_vain: u32,
    /// Rounds in a row that were dropped.
    dropped: u32,
}

/// What the wait before a sample found.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// Share of CPU time that was busy in the last interval, of 1.
    pub busy: Option<f64>,
    /// Whether this is the wait with which the limit shrank.
    pub gave_up: bool,
}

impl Rest {
    /// Of a run that waits `settle` at most, where that was chosen. `keeping` is whether
    /// it drops no round for what the machine does.
    pub fn new(settle: Option<Duration>, keeping: bool) -> Self {
        Self {
            settle,
            keeping,
            ..Self::default()
        }
    }

    /// Waits until the machine is at rest, and not for long; at least one
    /// interval is measured.
    pub async fn before(&mut self) -> Before {
        let limit = self.limit();
        let began = Instant::now();
        loop {
            let busy = self.measure().await;
            let is_quiet = self.quiet >= QUIET_INTERVALS;
            if is_quiet || began.elapsed() >= limit {
                let in_vain = self.in_vain;
                self.waited(is_quiet);
                return Before {
                    busy,
                    gave_up: self.settle.is_none() && in_vain < IN_VAIN && self.in_vain >= IN_VAIN,
                };
            }
        }
    }

    fn limit(&self) -> Duration {
        if let Some(settle) = self.settle {
            return settle;
        }
        if self.dropped > 0 {
            return LIMIT_A_DROPPED_ROUND * self.dropped.min(LONGEST_DROPPED);
        }
        match (self.in_vain >= IN_VAIN, self.keeping) {
            (true, _) => LIMIT_BUSY,
            (false, true) => LIMIT_KEEPING,
            (false, false) => LIMIT,
        }
    }

    /// A round has ended, which is dropped for what was disturbed in it, or
    /// counts.
    pub fn round_ended(&mut self, is_dropped: bool) {
        self.dropped = if is_dropped { self.dropped + 1 } else { 0 };
    }

    fn waited(&mut self, is_quiet: bool) {
        self.in_vain = if is_quiet { 0 } else { self.in_vain + 1 };
    }

    /// Measures the machine after a sample, unless nobody waits: the share of CPU time that
    /// was busy.
    pub async fn after(&mut self) -> Option<f64> {
        self.disturbed();
        // It is a part of the wait, where there is one.
        if self.settle == Some(Duration::ZERO) {
            return None;
        }
        self.measure().await
    }

    /// Something was done on the machine since the last interval.
    pub fn disturbed(&mut self) {
        self.quiet = 0;
    }

    async fn measure(&mut self) -> Option<f64> {
        let before = Counters::now();
        let began = Instant::now();
        tokio::time::sleep(INTERVAL).await;
        let after = Counters::now();
        let busy = after.cpu_shares_since(&before).0;
        let disk = match (after.pressure[2], before.pressure[2]) {
            (Some(now), Some(then)) => {
                now.saturating_sub(then) as f64 / began.elapsed().as_micros().max(1) as f64
            }
            _ => 0.0,
        };
        let is_quiet = busy.unwrap_or(0.0) < AT_REST && disk < AT_REST;
        self.quiet = if is_quiet { self.quiet + 1 } else { 0 };
        busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_always_busy_is_waited_for_twice() {
        let mut rest = Rest::default();
        for (is_quiet, in_vain) in [(false, 1), (true, 0), (false, 1), (false, 2), (false, 3)] {
            rest.waited(is_quiet);
            assert_eq!(rest.in_vain, in_vain);
        }
        assert!(rest.in_vain >= IN_VAIN);
        rest.waited(true);
        assert!(rest.in_vain < IN_VAIN);
    }

    #[test]
    fn a_round_in_a_dropped_ones_place_waits_longer() {
        let mut rest = Rest {
            in_vain: IN_VAIN,
            ..Rest::default()
        };
        assert_eq!(rest.limit(), LIMIT_BUSY);
        for limit in [10, 20, 30, 30].map(Duration::from_secs) {
            rest.round_ended(true);
            assert_eq!(rest.limit(), limit);
        }
        rest.round_ended(false);
        assert_eq!(rest.limit(), LIMIT_BUSY);
    }

    #[tokio::test]
    async fn the_longest_wait_can_be_chosen() {
        let ten = Duration::from_secs(10);
        assert_eq!(Rest::new(Some(ten), false).limit(), ten);
        let mut at_once = Rest::new(Some(Duration::ZERO), true);
        let before = at_once.before().await;
        assert!(!before.gave_up);
        assert_eq!(at_once.after().await, None);
        // What drops a round, or keeps it out of a noise floor, is measured.
        assert_eq!(before.busy.is_some(), cfg!(target_os = "linux"));
    }

    #[tokio::test]
    async fn what_was_seen_after_a_sample_counts_before_the_next() {
        let mut rest = Rest::default();
        rest.after().await;
        assert!(rest.quiet <= 1);
        rest.quiet = 1;
        rest.disturbed();
        assert_eq!(rest.quiet, 0);
    }
}
