//! What a person sees while one Dockerfile is built, and when the build has ended.

use std::time::{Duration, Instant};

use super::lines::{NAME_WIDTH, clock, failure_lines};
use super::picture::Picture;
use super::plain::{SIGN_OF_LIFE, running};
use crate::escape;
use crate::model::{Failure, Platform};
use crate::report::number;
use crate::trace::Trace;

/// The display of one build, redrawn in place or a line at a time.
pub struct BuildProgress {
    /// `Dockerfile for linux/amd64, linux/arm64`.
    title: String,
    started: Instant,
    spoke: Instant,
    picture: Option<Picture>,
}

impl BuildProgress {
    /// A display of the build of a Dockerfile, redrawn in place where `live`.
    pub fn new(dockerfile: &str, platforms: &[Platform], live: bool) -> Self {
        let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
        let title = format!(
            "{} for {}",
            escape::terminal(dockerfile, NAME_WIDTH),
            names.join(", ")
        );
        let picture = live.then(|| Picture::new(0, |_| "{spinner} {msg}"));
        if picture.is_none() {
            errln!("building {title}");
        }
        Self {
            title,
            started: Instant::now(),
            spoke: Instant::now(),
            picture,
        }
    }

    /// Shows what the build is doing.
    pub fn tick(&mut self, trace: &Trace) {
        let time = clock(self.started.elapsed());
        if let Some(picture) = &mut self.picture {
            picture.fit();
            let room = picture.width.saturating_sub(2);
            let head = format!("building {}, {time}", self.title);
            picture.show(escape::columns(&head, room), trace);
        } else if self.spoke.elapsed() >= SIGN_OF_LIFE {
            self.spoke = Instant::now();
            errln!("      {time} so far, at {}", running(trace));
        }
    }

    /// Takes the live picture away.
    pub fn close(&mut self) {
        if let Some(picture) = &mut self.picture {
            picture.close();
        }
    }

    /// Says how the build ended.
    pub fn ended(&self, wall: Duration, trace: &Trace, failure: Option<&Failure>) {
        let time = number::seconds(wall.as_secs_f64());
        let title = &self.title;
        match failure {
            None => errln!(
                "built {title} in {time}: {} steps, {} cached; nothing is kept of the result but \
                 the builder's cache",
                trace.count(),
                trace.cached_count()
            ),
            Some(failure) => errln!(
                "{title} was not built: it ended after {time}{}",
                failure_lines(failure)
            ),
        }
    }
}
