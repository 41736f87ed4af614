//! A status stream as BuildKit's plain printer prints it, for tests: what it writes and
//! when, by the display's own clock (`util/progress/progressui` of moby/buildkit:
//! `UpdateFrom` and `trace.update` in `display.go`, `textMux` in `printer.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::trace::SolveStatus;
use crate::trace::status::{Vertex, VertexLog, VertexStatus};

/// Times between two refreshes while updates come, and while none do.
const REFRESH: SignedDuration = SignedDuration::from_millis(100);
const TICK: SignedDuration = SignedDuration::from_millis(150);
/// How long a step may keep others from being shown.
const ANTI_FLICKER: f64 = 5.0;
const MAX_DELAY: f64 = 10.0;

/// A line and when it was written.
pub(crate) type Printed = (Timestamp, String);

/// Prints a stream whose updates arrive as soon as what they tell of has happened.
pub(crate) fn printed(stream: &[SolveStatus]) -> Vec<Printed> {
    let mut display = Display::default();
    for status in stream {
        let Some(now) = latest(status).max(display.now) else {
            continue;
        };
        while let Some(before) = display.now
            && now.duration_since(before) > TICK
        {
            display.now = Some(before + TICK);
            display.refresh();
        }
        display.now = Some(now);
        display.update(status);
        let is_due = |last: Timestamp| now.duration_since(last) >= REFRESH;
        if display.refreshed.is_none_or(is_due) {
            display.refreshed = Some(now);
            display.refresh();
        }
    }
    display.refresh();
    display.error_logs();
    display.lines
}

/// The last moment that an update tells of.
fn latest(status: &SolveStatus) -> Option<Timestamp> {
    let vertexes = status.vertexes.iter();
    let vertexes = vertexes.flat_map(|v| [v.started, v.completed]);
    let statuses = status.statuses.iter();
    let statuses = statuses.flat_map(|s| [s.timestamp, s.completed]);
    let logs = status.logs.iter().map(|log| log.timestamp);
    vertexes.chain(statuses).chain(logs).flatten().max()
}

#[derive(Debug, Default)]
struct Shown {
    vertex: Vertex,
    index: usize,
    intervals: BTreeMap<Timestamp, Option<Timestamp>>,
    parts: Vec<VertexStatus>,
    moved: BTreeSet<String>,
    /// Lines of output that were not printed, and whether the last goes on.
    logs: Vec<String>,
    is_partial: bool,
    /// Bytes of the first of them that were printed.
    offset: usize,
    /// The last lines that were printed.
    last_logs: Vec<String>,
    count: u32,
    since: Option<Timestamp>,
}

impl Shown {
    fn is_completed(&self) -> bool {
        let last = self.intervals.last_key_value();
        last.is_some_and(|(_, end)| end.is_some())
    }

    fn took(&self) -> f64 {
        let mut merged: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (start, end) in &self.intervals {
            let end = end.unwrap_or(*start);
            match merged.last_mut() {
                Some(last) if last.1 >= *start => last.1 = last.1.max(end),
                _ => merged.push((*start, end)),
            }
        }
        let lengths = merged.iter().map(|(start, end)| end.duration_since(*start));
        lengths.map(|length| length.as_secs_f64()).sum()
    }
}

#[derive(Debug, Default)]
struct Display {
    now: Option<Timestamp>,
    refreshed: Option<Timestamp>,
    shown: BTreeMap<String, Shown>,
    /// In the order in which they began.
    begun: Vec<String>,
    updates: BTreeSet<String>,
    current: Option<String>,
    printed_parts: BTreeMap<String, (i64, Option<Timestamp>)>,
    indexes: usize,
    lines: Vec<Printed>,
    /// A line without its end.
    open: String,
}

impl Display {
    fn write(&mut self, text: &str) {
        let now = self.now.unwrap_or(Timestamp::UNIX_EPOCH);
        for piece in text.split_inclusive('\n') {
            self.open.push_str(piece);
            if piece.ends_with('\n') {
                let line = std::mem::take(&mut self.open);
                self.lines
                    .push((now, line.trim_end_matches('\n').to_owned()));
            }
        }
    }

    fn counted(&mut self, digest: &str) {
        let now = self.now;
        if let Some(shown) = self.shown.get_mut(digest) {
            if shown.count == 0 {
                shown.since = now;
            }
            shown.count += 1;
            self.updates.insert(digest.to_owned());
        }
    }

    fn update(&mut self, status: &SolveStatus) {
        for vertex in &status.vertexes {
            let known = self.shown.entry(vertex.digest.clone()).or_default();
            let had_started = !known.intervals.is_empty();
            let is_changed = vertex.started.is_some() && known.vertex != *vertex;
            if vertex.started.is_some() || !had_started {
                known.vertex = vertex.clone();
            }
            if let Some(started) = vertex.started {
                known.intervals.insert(started, vertex.completed);
                if !had_started {
                    self.begun.push(vertex.digest.clone());
                }
            }
            if is_changed {
                self.counted(&vertex.digest);
            }
        }
        for part in &status.statuses {
            let Some(shown) = self.shown.get_mut(&part.vertex) else {
                continue;
            };
            match shown.parts.iter_mut().find(|known| known.id == part.id) {
                Some(known) => *known = part.clone(),
                None => shown.parts.push(part.clone()),
            }
            shown.moved.insert(part.id.clone());
            self.counted(&part.vertex);
        }
        for log in &status.logs {
            self.log(log);
        }
    }

    fn log(&mut self, log: &VertexLog) {
        let Some(shown) = self.shown.get_mut(&log.vertex) else {
            return;
        };
        let start = shown.intervals.last_key_value().map(|(start, _)| *start);
        let since = match (log.timestamp, start) {
            (Some(at), Some(start)) => at.duration_since(start).as_secs_f64(),
            _ => 0.0,
        };
        let time = match since {
            ..10.0 => format!("{since:.3}"),
            ..100.0 => format!("{since:.2}"),
            _ => format!("{since:.1}"),
        };
        let text = String::from_utf8_lossy(&log.data);
        for piece in text.split_inclusive('\n') {
            let line = piece.trim_end_matches('\n');
            match shown.logs.last_mut().filter(|_| shown.is_partial) {
                Some(last) => last.push_str(line),
                None => shown.logs.push(format!("{time} {line}")),
            }
            shown.is_partial = !piece.ends_with('\n');
        }
        let digest = log.vertex.clone();
        self.counted(&digest);
    }

    fn refresh(&mut self) {
        let (mut completed, rest): (Vec<String>, Vec<String>) = self
            .updates
            .iter()
            .cloned()
            .partition(|digest| self.shown[digest].vertex.completed.is_some());
        completed.sort_by_key(|digest| self.shown[digest].vertex.completed);
        let current = self.current.clone();
        let was_current = |digest: &&String| Some(*digest) == current.as_ref();
        if let Some(digest) = completed.iter().find(was_current) {
            self.print(&digest.clone());
        }
        for digest in completed.iter().filter(|digest| !was_current(digest)) {
            self.print(digest);
        }
        if rest.is_empty() {
            let is_open =
                |shown: &Shown| shown.vertex.started.is_some() && shown.vertex.completed.is_none();
            if current
                .as_ref()
                .is_some_and(|digest| is_open(&self.shown[digest]))
            {
                return;
            }
            let mut open = self.shown.iter().filter(|(_, shown)| is_open(shown));
            if let Some(digest) = open.next().map(|(digest, _)| digest.clone()) {
                self.print(&digest);
            }
            return;
        }
        if let Some(digest) = rest.iter().find(was_current) {
            self.print(&digest.clone());
        }
        self.turn(current, &completed, rest);
    }

    /// Turns to another step where one was hidden for long, or has more to say.
    fn turn(&mut self, current: Option<String>, completed: &[String], rest: Vec<String>) {
        let now = self.now.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut candidates: BTreeSet<String> = rest.into_iter().collect();
        candidates.extend(current.clone());
        let waited = |digest: &String| {
            let since = self.shown[digest].since.unwrap_or(now);
            now.duration_since(since).as_secs_f64()
        };
        let speed =
            |digest: &String| f64::from(self.shown[digest].count) / waited(digest).max(1e-9);
        let is_over =
            |digest: &String| waited(digest) > MAX_DELAY && Some(digest) != current.as_ref();
        let over = candidates.iter().find(|digest| is_over(digest)).cloned();
        let fastest = candidates
            .iter()
            .max_by(|a, b| speed(a).total_cmp(&speed(b)));
        let most = over.clone().or(fastest.cloned());
        let sum: f64 = candidates.iter().map(speed).sum();
        let next = match &current {
            None => most,
            Some(digest) if completed.contains(digest) => most,
            Some(_) if over.is_some() => over,
            Some(digest) => {
                let share = speed(digest) / sum;
                (1.0 / (1.0 - share) * ANTI_FLICKER < waited(digest))
                    .then_some(most)
                    .flatten()
            }
        };
        if let Some(digest) = next {
            self.print(&digest);
        }
    }

    fn print(&mut self, digest: &str) {
        let mut shown = self.shown.remove(digest).expect("a step that is known");
        if shown.index == 0 {
            self.indexes += 1;
            shown.index = self.indexes;
        }
        let index = shown.index;
        if self.current.as_deref() != Some(digest) {
            if let Some(current) = self.current.take()
                && let Some(old) = self.shown.get_mut(&current)
            {
                let end = if old.is_partial { "\n" } else { "" };
                (old.offset, old.count) = (0, 0);
                let text = format!("{end}#{} ...\n", old.index);
                self.write(&text);
            }
            if !self.lines.is_empty() {
                self.write("\n");
            }
            self.write(&format!("#{index} {}\n", shown.vertex.name));
        }
        let is_moving = self.print_parts(&mut shown);
        self.print_logs(&mut shown);
        self.current = Some(digest.to_owned());
        if shown.is_completed() && !is_moving {
            self.current = None;
            shown.count = 0;
            if shown.is_partial {
                self.write("\n");
            }
            let error = &shown.vertex.error;
            let end = match () {
                () if error.ends_with("context canceled") => "CANCELED".to_owned(),
                () if !error.is_empty() => format!("ERROR: {error}"),
                () if shown.vertex.cached => "CACHED".to_owned(),
                () => format!("DONE {:.1}s", shown.took()),
            };
            self.write(&format!("#{index} {end}\n"));
        }
        self.updates.remove(digest);
        self.shown.insert(digest.to_owned(), shown);
    }

    /// Whether a part was not there yet.
    fn print_parts(&mut self, shown: &mut Shown) -> bool {
        let mut is_moving = false;
        for part in &shown.parts {
            if !shown.moved.contains(&part.id) {
                continue;
            }
            let last = self.printed_parts.get(&part.id);
            if let Some((current, at)) = last.filter(|_| part.completed.is_none()) {
                let progress = match part.total {
                    0 => 0.0,
                    total => (part.current - current) as f64 / total as f64,
                };
                let passed = part.timestamp.zip(*at);
                let passed = passed.map_or(0.0, |(now, at)| now.duration_since(at).as_secs_f64());
                if progress < 0.05 && passed < 5.0 {
                    continue;
                }
            }
            is_moving |= part.completed.is_none();
            self.printed_parts
                .insert(part.id.clone(), (part.current, part.timestamp));
            let bytes = match (part.current, part.total) {
                (0, 0) => String::new(),
                (current, 0) => format!(" {}", units(current)),
                (current, total) => format!(" {} / {}", units(current), units(total)),
            };
            let times = part.completed.or(part.timestamp).zip(part.started);
            let time = times.map(|(end, start)| end.duration_since(start).as_secs_f64());
            let time = time.filter(|time| *time > 0.01);
            let time = time.map_or_else(String::new, |time| format!(" {time:.1}s"));
            let done = if part.completed.is_some() {
                " done"
            } else {
                ""
            };
            self.write(&format!(
                "#{} {}{bytes}{time}{done}\n",
                shown.index, part.id
            ));
        }
        shown.moved.clear();
        is_moving
    }

    fn print_logs(&mut self, shown: &mut Shown) {
        let count = shown.logs.len();
        for (at, line) in shown.logs.iter().enumerate() {
            let text = match (at, shown.offset) {
                (0, offset @ 1..) => line[offset..].to_owned(),
                _ => format!("#{} {line}", shown.index),
            };
            self.write(&text);
            if at + 1 < count || !shown.is_partial {
                self.write("\n");
                shown.last_logs.push(line.clone());
            }
        }
        match shown.logs.pop() {
            Some(last) if shown.is_partial => {
                shown.offset = last.len();
                shown.logs = vec![last];
            }
            Some(_) => {
                shown.offset = 0;
                shown.logs.clear();
            }
            None => {}
        }
    }

    fn error_logs(&mut self) {
        for digest in self.begun.clone() {
            let shown = &self.shown[&digest];
            let error = &shown.vertex.error;
            if error.is_empty() || error.ends_with("context canceled") {
                continue;
            }
            let last = shown.last_logs.iter().rev().take(10).rev();
            let last: String = last.map(|line| format!("{line}\n")).collect();
            let text = format!("------\n > {}:\n{last}------\n", shown.vertex.name);
            self.write(&text);
        }
    }
}

/// Bytes as `%.2f` of `github.com/tonistiigi/units` writes them.
fn units(bytes: i64) -> String {
    let mut value = bytes as f64;
    let mut unit = "B";
    for larger in ["kB", "MB", "GB"] {
        if value < 1000.0 {
            break;
        }
        (value, unit) = (value / 1000.0, larger);
    }
    match unit {
        "B" => format!("{bytes}B"),
        _ => format!("{value:.2}{unit}"),
    }
}

/// The log as a terminal or a file has it.
pub(crate) fn text(lines: &[Printed]) -> String {
    lines.iter().map(|(_, line)| format!("{line}\n")).collect()
}

/// The log as GitHub Actions keeps it.
pub(crate) fn github(lines: &[Printed]) -> String {
    let stamped = lines.iter().map(|(at, line)| {
        // The runner reads a line a little after it was written.
        let at = *at + Duration::from_millis(3);
        format!("{} {line}\r\n", at.strftime("%Y-%m-%dT%H:%M:%S.%7fZ"))
    });
    format!(
        "\u{feff}2026-11-23T22:57:00.1234567Z ##[group]Run docker buildx build .\r\n{}",
        stamped.collect::<String>()
    )
}

/// The log as GitLab keeps it with `FF_TIMESTAMPS`.
pub(crate) fn gitlab(lines: &[Printed]) -> String {
    let stamped = lines
        .iter()
        .map(|(at, line)| format!("{} 01E {line}\n", at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ")));
    format!(
        "2026-11-23T22:57:00.123456Z 00O \x1b[0KRunning with gitlab-runner 17.5.0\n\
         2026-11-23T22:57:00.123456Z 00O section_start:1763938620:step_script\r\x1b[0K\
         2026-11-23T22:57:00.123456Z 00O+\x1b[0K\x1b[36;1mExecuting \"step_script\"\x1b[0;m\n{}",
        stamped.collect::<String>()
    )
}
