//! How RUN steps that run at the same time share a node's cores.

use super::super::graph::Nanos;

/// How far off the machine's busy share may be, of itself: other processes,
/// and BuildKit's own work.
const TOLERANCE: f64 = 0.02;

/// The share of a node's cores that one RUN step keeps busy, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Share(f64);

impl Share {
    /// Steps do not slow each other down.
    pub(in super::super) const NONE: Self = Self(0.0);
    /// Each step would use all cores.
    pub(in super::super) const ALL: Self = Self(1.0);

    /// The least and the greatest share that explain how busy the machine
    /// was: with so many RUN steps at each moment (`running`, from when on how
    /// many), cores were busy for `busy` of `length`. Steps that fill the
    /// machine together do not show what one would do alone, so these may be
    /// far apart. Found by halving, since more of a share is never less busy.
    pub(in super::super) fn explaining(
        busy: f64,
        length: Nanos,
        running: &[(Nanos, u32)],
    ) -> Option<(Self, Self)> {
        let wanted = busy * length as f64;
        let explained = |share: f64| -> f64 {
            intervals(running)
                .map(|(from, to, count)| (to - from) as f64 * (f64::from(count) * share).min(1.0))
                .sum()
        };
        if !wanted.is_finite() || wanted <= 0.0 || explained(1.0) <= 0.0 {
            return None;
        }
        // The least share that explains more than that.
        let least = |busy: f64| {
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..50 {
                let middle = (low + high) / 2.0;
                if explained(middle) < busy {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            high
        };
        let low = least(wanted * (1.0 - TOLERANCE));
        let high = least(wanted * (1.0 + TOLERANCE));
        Some((Self(low), Self(high)))
    }

    /// Any share, 0 to 1.
    #[cfg(test)]
    pub(in super::super) fn of(share: f64) -> Self {
        Self(share)
    }

    /// The share, 0 to 1.
    pub(in super::super) fn value(self) -> f64 {
        self.0
    }

    /// Speed of each of `count` steps that run together, 1 for one that has
    /// the cores that it uses.
    pub(super) fn speed(self, count: u32) -> f64 {
        let wanted = f64::from(count) * self.0;
        if wanted > 1.0 { 1.0 / wanted } else { 1.0 }
    }

    /// The same steps on `factor` times the cores, of which they use no more
    /// than before. On fewer cores it may be above 1: a step that would use
    /// more than there are is slower even alone.
    pub(super) fn on_cores(self, factor: f64) -> Self {
        Self(self.0 / factor)
    }

    /// Work that one step had done by each moment, in nanoseconds of running
    /// alone.
    pub(super) fn work(self, running: &[(Nanos, u32)]) -> Work {
        let mut done = 0.0;
        let mut points = Vec::with_capacity(running.len());
        for (from, to, count) in intervals(running) {
            let speed = self.speed(count);
            points.push((from, done, speed));
            done += (to - from) as f64 * speed;
        }
        if let Some(&(last, _)) = running.last() {
            points.push((last, done, 1.0));
        }
        Work { points }
    }
}

/// Work done over time, piecewise linear.
#[derive(Debug)]
pub(super) struct Work {
    /// From when on, work done until then, speed from there on.
    points: Vec<(Nanos, f64, f64)>,
}

impl Work {
    /// Work of a step that ran from `start` to `end`.
    pub(super) fn between(&self, start: Nanos, end: Nanos) -> f64 {
        (self.until(end) - self.until(start)).max(0.0)
    }

    fn until(&self, at: Nanos) -> f64 {
        let place = self.points.partition_point(|(from, ..)| *from <= at);
        match place.checked_sub(1) {
            Some(place) => {
                let (from, done, speed) = self.points[place];
                done + (at - from) as f64 * speed
            }
            None => 0.0,
        }
    }
}

/// From when until when how many ran.
fn intervals(running: &[(Nanos, u32)]) -> impl Iterator<Item = (Nanos, Nanos, u32)> {
    running
        .windows(2)
        .map(|pair| (pair[0].0, pair[1].0, pair[0].1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two steps until 10, one until 30.
    const RUNNING: [(Nanos, u32); 3] = [(0, 2), (10, 1), (30, 0)];

    #[test]
    fn the_share_explains_how_busy_the_machine_was() {
        let busy = |share: f64| (10.0 * f64::min(1.0, 2.0 * share) + 20.0 * share) / 30.0;
        for share in [0.1, 0.4, 0.5, 0.75, 0.9] {
            let (low, high) = Share::explaining(busy(share), 30, &RUNNING).unwrap();
            assert!(low.value() < share && share < high.value(), "{share}");
            assert!(high.value() - low.value() < 0.06, "{low:?} {high:?}");
        }
        // Other work was done too: no step uses more than all there is.
        let (_, high) = Share::explaining(1.0, 30, &RUNNING).unwrap();
        assert_eq!(high, Share::ALL);
        // Two that fill the machine may each need half of it or all of it.
        let (low, high) = Share::explaining(1.0, 10, &[(0, 2), (10, 0)]).unwrap();
        assert!((low.value() - 0.49).abs() < 1e-6 && high == Share::ALL);
        assert_eq!(Share::explaining(0.5, 30, &[]), None);
        assert_eq!(Share::explaining(f64::NAN, 30, &RUNNING), None);
    }

    #[test]
    fn work_is_time_at_the_speed_that_sharing_leaves() {
        let work = Share::ALL.work(&RUNNING);
        assert_eq!(work.between(0, 10), 5.0);
        assert_eq!(work.between(0, 30), 25.0);
        assert_eq!(Share::NONE.work(&RUNNING).between(0, 30), 30.0);
        assert_eq!(Share(0.4).work(&RUNNING).between(5, 30), 25.0);
    }
}
