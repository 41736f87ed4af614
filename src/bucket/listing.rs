//! Which object is where. `runs` has what a folder of results has, and `index` an
//! entry for each run that is there whole.

use crate::store::is_name;

/// Entries, in a folder a day.
pub(super) const INDEX: &str = "index";
/// Noise floors, an object a null race.
pub(super) const CALIBRATIONS: &str = "calibrations";
/// The day of a run whose name begins with none.
const UNDATED: &str = "undated";

/// The day that a run began, by its name: `2026-11-29`.
fn day(run: &str) -> String {
    let digits = run
        .get(..8)
        .filter(|day| day.bytes().all(|b| b.is_ascii_digit()));
    match digits {
        Some(day) => format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]),
        None => UNDATED.to_owned(),
    }
}

/// A run's entry.
pub(super) fn entry(run: &str) -> String {
    format!("{INDEX}/{}/{run}.json", day(run))
}

/// The run that an entry is of; `None` for what is no entry.
pub(super) fn run_of_entry(key: &str) -> Option<&str> {
    let (_, name) = key.rsplit_once('/')?;
    let run = name.strip_suffix(".json").filter(|run| is_name(run))?;
    (key == entry(run)).then_some(run)
}

/// A file of a run. One that went on after it was cut off has other files, and
/// the earlier ones stay: who reads by the earlier entry finds them.
pub(super) fn file(run: &str, resumed: usize, name: &str) -> String {
    match resumed {
        0 => format!("runs/{run}/{name}"),
        times => format!("resumed/{run}/{times}/{name}"),
    }
}

/// What a null race found.
pub(super) fn calibration(run: &str) -> String {
    format!("{CALIBRATIONS}/{run}.jsonl")
}

/// The null race that an object is of.
pub(super) fn run_of_calibration(key: &str) -> Option<&str> {
    let name = key.strip_prefix(CALIBRATIONS)?.strip_prefix('/')?;
    name.strip_suffix(".jsonl").filter(|run| is_name(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_tells_its_run_and_nothing_else_does() {
        let run = "20261129T101500Z-3f9a1c";
        assert_eq!(entry(run), format!("index/2026-11-29/{run}.json"));
        for run in [run, "mine", "@home"] {
            assert_eq!(run_of_entry(&entry(run)), Some(run));
        }
        for key in [
            "index/2026-11-28/20261129T101500Z-3f9a1c.json",
            "index/undated/..json",
            "index/mine.json",
            "index/undated/x/mine.json",
            "index/undated/mine.json.tmp",
        ] {
            assert_eq!(run_of_entry(key), None, "{key}");
        }
    }
}
