//! What charts say of a ratio, always with what it is a ratio of; and of cases and conditions.

use crate::escape;
use crate::model::{BuildKind, Platform};
use crate::report::number;
use crate::report::view::{ScenarioView, View};
use crate::report::words::join;
use crate::stats::Ratio;

/// A ratio in words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    pub(super) text: String,
    /// Whether it says that there is a change.
    pub(super) is_clear: bool,
}

/// A candidate over what it is compared with: `122× faster than naive`, `29% less time than naive`,
/// `no clear change from naive`.
pub(super) fn against(ratio: &Ratio, contradicted: bool, base: &str) -> Note {
    if is_open(ratio, contradicted) {
        return open(base);
    }
    let described = number::describe_comparison(ratio);
    let reserve = number::reserve(ratio);
    let text = match described.split_once('%') {
        Some((change, _)) => {
            let about = if change.starts_with("about") {
                "about "
            } else {
                ""
            };
            let share = change.trim_start_matches(|c: char| !c.is_ascii_digit());
            match ratio.estimate < 1.0 {
                true => format!("{about}{share}% less time than {base}"),
                false => format!("{about}{share}% more time than {base}"),
            }
        }
        None if described.ends_with('×') => format!("{described} {base}'s time"),
        None => format!("{described} than {base}"),
    };
    with_reserve(text, reserve)
}

/// What further platforms cost over the native one alone: `12.7× its amd64 build`, `+41% over its
/// amd64 build`.
pub(super) fn cost(ratio: &Ratio, contradicted: bool, native: &Platform) -> Note {
    let base = format!("its {} build", architecture(native));
    let described = number::describe_cost(ratio);
    if is_open(ratio, contradicted) || !described.contains(['×', '%']) {
        return open(&base);
    }
    let between = if described.ends_with('%') {
        " over"
    } else {
        ""
    };
    with_reserve(
        format!("{described}{between} {base}"),
        number::reserve(ratio),
    )
}

fn open(base: &str) -> Note {
    Note {
        text: format!("no clear change from {base}"),
        is_clear: false,
    }
}

fn with_reserve(text: String, reserve: Option<&str>) -> Note {
    match reserve {
        Some(reserve) => Note {
            text: format!("{text} {reserve}"),
            is_clear: false,
        },
        None => Note {
            text,
            is_clear: true,
        },
    }
}

/// Whether a ratio leaves open whether anything changed.
fn is_open(ratio: &Ratio, contradicted: bool) -> bool {
    let is_none = (ratio.estimate - 1.0).abs() < 0.005;
    contradicted || number::includes_one(ratio) || is_none
}

/// `amd64`, `arm/v7`; of another system `windows/amd64`.
pub(super) fn architecture(platform: &Platform) -> String {
    let text = platform.to_string();
    text.strip_prefix("linux/").unwrap_or(&text).to_owned()
}

/// What a kind builds: `linux/amd64 alone`, `linux/amd64 + linux/arm64`, `both again, after an edit`.
pub(super) fn case(scenario: &ScenarioView, kind: BuildKind) -> String {
    let all = || {
        let names: Vec<String> = scenario.platforms.iter().map(ToString::to_string).collect();
        match names.len() {
            0..=2 => names.join(" + "),
            count => format!("all {count}: {}", names.join(" + ")),
        }
    };
    let again = || match scenario.platforms.len() {
        2 if scenario.kinds.contains(&BuildKind::MultiArch) => "both".to_owned(),
        3.. if scenario.kinds.contains(&BuildKind::MultiArch) => {
            format!("all {}", scenario.platforms.len())
        }
        _ => all(),
    };
    match kind {
        BuildKind::Cold => format!("{} alone", scenario.native),
        BuildKind::MultiArch => all(),
        BuildKind::Incremental => format!("{} again, after an edit", again()),
        BuildKind::IncrementalOf(edit) => format!("{} again, after the edit {edit}", again()),
        BuildKind::Noop => format!("{} again, unchanged", again()),
        BuildKind::CacheExport(cache) => format!("{}, and the cache {cache} exported", all()),
        BuildKind::CiCache(cache, None) => {
            format!("{} again, after an edit, from the cache {cache}", again())
        }
        BuildKind::CiCache(cache, Some(edit)) => {
            format!(
                "{} again, after the edit {edit}, from the cache {cache}",
                again()
            )
        }
        BuildKind::Concurrent(count) => {
            format!(
                "{} again, {count} builds at once, each after an edit",
                again()
            )
        }
    }
}

/// What a reader must know to believe a chart: the machine, the emulators, how often it was built,
/// and what is not as it should be. Parts come from outside.
pub(super) fn conditions(view: &View) -> String {
    let mut parts = Vec::new();
    let cores = view.host.cores.map(|cores| match cores {
        1 => "1 core".to_owned(),
        cores => format!("{cores} cores"),
    });
    let cpu = view.host.cpu_model.as_ref().filter(|cpu| !cpu.is_empty());
    let cpu = cpu.map(|cpu| escape::terminal(cpu, 60));
    let machine: Vec<String> = cores.into_iter().chain(cpu).collect();
    if !machine.is_empty() {
        parts.push(machine.join(", "));
    }
    for value in view.matrix.iter().take(4) {
        parts.push(escape::terminal(&value.describe(), 160));
    }
    if view.matrix.is_empty() {
        let version = view.builder.buildkit_version.as_ref();
        let version = version.filter(|version| !version.is_empty());
        parts.extend(version.map(|version| format!("BuildKit {}", escape::terminal(version, 40))));
        let emulators = view.emulators.iter().take(4);
        parts.extend(emulators.map(|emulator| escape::terminal(&emulator.describe(), 80)));
    }
    parts.extend(view.describe_nodes().map(|nodes| format!("nodes: {nodes}")));
    parts.push(match view.n() {
        0 => "no times".to_owned(),
        n => format!("n = {n}"),
    });
    parts.extend(match view.stand_ins().len() {
        0 => None,
        1 => Some("stand-in base image".to_owned()),
        _ => Some("stand-in base images".to_owned()),
    });
    if !view.dropped.is_empty() {
        parts.push(format!("rounds dropped: {}", view.dropped.len()));
    }
    if !view.failures.is_empty() {
        let (failed, built) = (view.failures.len(), view.measured);
        parts.push(format!("{failed} of {built} builds failed"));
    }
    if view.unfinished().is_some() {
        let word = match view.interrupted {
            0 => "unfinished",
            _ => "interrupted",
        };
        let built = view.measured - view.interrupted;
        parts.push(format!("{word}: {built} of {} samples", view.planned));
    }
    parts.join(" · ")
}

/// Which run a chart is of.
pub(super) fn origin(view: &View) -> String {
    format!(
        "buildrace {}, run {}",
        escape::terminal(&view.buildrace, 40),
        escape::terminal(&view.run, 80)
    )
}

/// The names of scenarios, for a chart's title.
pub(super) fn subjects(view: &View) -> String {
    let names = view.scenarios.iter().take(12);
    join(names.map(|scenario| escape::terminal(&scenario.name, 80)))
}
