//! The time axis of a picture.

use std::time::Duration;

/// From times to places on the axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    seconds: f64,
    left: f64,
    right: f64,
}

impl Scale {
    /// From `left` to `right`, in pixels, for a build of this length.
    pub(super) fn new(span: Duration, left: f64, right: f64) -> Self {
        Self {
            seconds: span.as_secs_f64(),
            left,
            right,
        }
    }

    /// The place of a time, seconds since the build began.
    pub(super) fn x(self, at: f64) -> f64 {
        if self.seconds > 0.0 {
            self.left + (at / self.seconds).clamp(0.0, 1.0) * (self.right - self.left)
        } else {
            self.left
        }
    }

    /// Round times, about six of them, with the digits that tell them apart.
    pub(super) fn ticks(self) -> Vec<(f64, String)> {
        if self.seconds <= 0.0 {
            return vec![(0.0, "0 s".to_owned())];
        }
        let rough = self.seconds / 6.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        (0..)
            .map(|tick| f64::from(tick) * step)
            .take_while(|at| *at <= self.seconds)
            .take(20)
            .map(|at| (at, format!("{at:.digits$} s")))
            .collect()
    }
}
