//! How noisy builders are, as null races found: kept beside the results, a
//! line a kind, appended.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{StoreError, open};
use crate::model::{BuildKind, BuilderInfo, NoiseFloor, RunRecord, ScenarioInfo};

/// The file, in the folder of the results.
pub const CALIBRATION_FILE: &str = "calibration.jsonl";

/// Bytes of the file that are read; a line has some hundreds.
const MOST: u64 = 16 << 20;

/// How much the times of one kind differ from themselves on a builder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// When it was measured.
    pub at: Timestamp,
    /// The null race.
    pub run: String,
    /// The builder.
    pub builder: BuilderKey,
    /// What was built.
    pub scenario: String,
    /// The kind.
    pub kind: BuildKind,
    /// Rounds that it stands on.
    pub rounds: u32,
    /// The Dockerfile, as the run's record has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<String>,
    /// With what confidence the share is an upper bound. One of before this was
    /// recorded is none, and may be of disturbed rounds: it is not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Upper bound of the 95th percentile of the estimated change where there
    /// is none, as a share.
    pub share: f64,
}

/// What two runs must share for the noise of one to be that of the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuilderKey {
    /// As in `run.json`.
    pub driver: String,
    /// As in `run.json`.
    pub engine_version: Option<String>,
    /// As in `run.json`.
    pub buildkit_version: Option<String>,
    /// As in `run.json`.
    pub storage: Option<String>,
    /// As in `run.json`.
    pub cpu_model: Option<String>,
    /// As in `run.json`.
    pub cores: Option<u32>,
}

impl BuilderKey {
    /// The builder of a run.
    pub fn of(record: &RunRecord) -> Self {
        Self::of_builder(record, &record.builder)
    }

    /// One of a run's builders. Its machine is taken for the first one's.
    fn of_builder(record: &RunRecord, builder: &BuilderInfo) -> Self {
        Self {
            driver: builder.driver.clone(),
            engine_version: builder.engine_version.clone(),
            buildkit_version: builder.buildkit_version.clone(),
            storage: builder.storage.clone(),
            cpu_model: record.host.cpu_model.clone(),
            cores: record.host.cores,
        }
    }
}

/// Appends calibrations to the file in a folder of results.
///
/// # Errors
/// It cannot be written.
pub fn append(results: &Path, found: &[Calibration]) -> Result<(), StoreError> {
    let path = results.join(CALIBRATION_FILE);
    let lines = lines(found)?;
    let write = || {
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(&lines)?;
        file.sync_all()
    };
    write().map_err(StoreError::write(&path))
}

/// Calibrations as the file has them, a line each.
///
/// # Errors
/// One cannot be written as JSON.
pub fn lines(found: &[Calibration]) -> Result<Vec<u8>, StoreError> {
    let mut lines = Vec::new();
    for calibration in found {
        serde_json::to_writer(&mut lines, calibration)
            .map_err(|error| StoreError::Unfit(error.to_string()))?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// All calibrations in a folder of results; none where the file is not there.
///
/// # Errors
/// It cannot be read, or holds something else.
pub fn read(results: &Path) -> Result<Vec<Calibration>, StoreError> {
    let path = results.join(CALIBRATION_FILE);
    let file = match open::to_read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        file => file.map_err(StoreError::read(&path))?,
    };
    let mut text = Vec::new();
    file.take(MOST)
        .read_to_end(&mut text)
        .map_err(StoreError::read(&path))?;
    parse(&text, &path)
}

/// Calibrations, a line each; `path` is where they are from.
///
/// # Errors
/// A line is something else.
pub fn parse(text: &[u8], path: &Path) -> Result<Vec<Calibration>, StoreError> {
    let mut found = Vec::new();
    let texts = text.split_inclusive(|byte| *byte == b'\n');
    for (line, text) in (1..).zip(texts) {
        let malformed = |problem: String| StoreError::Malformed {
            path: path.to_owned(),
            line,
            problem,
        };
        let calibration: Calibration =
            serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
        if !(0.0..10.0).contains(&calibration.share) {
            return Err(malformed(format!(
                "the share {} is no noise floor",
                calibration.share
            )));
        }
        found.push(calibration);
    }
    Ok(found)
}

/// The noise floors that are known for what a run builds where it builds it: the
/// newest of the same scenario and kind, and of the same Dockerfile where the
/// scenario comes from a command line and is but a folder's name. What other
/// scenarios showed says nothing: a build of a tenth of a second differs from
/// itself by more than one of a minute.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn noise_floor(results: &Path, record: &RunRecord) -> Result<Vec<NoiseFloor>, StoreError> {
    let known = read(results)?;
    let mut floors = Vec::new();
    for scenario in &record.scenarios {
        for &kind in &scenario.kinds {
            let newest = |builder: &BuilderInfo| {
                let here = BuilderKey::of_builder(record, builder);
                let of_this = known.iter().filter(|known| {
                    known.confidence.is_some()
                        && known.builder == here
                        && known.kind == kind
                        && known.scenario == scenario.name
                        && is_of(known, scenario)
                });
                // Lines of other machines come when they are fetched.
                of_this.max_by_key(|known| known.at)
            };
            // Of several builders the noisiest.
            let builders = scenario.variants.iter().map(|v| record.builder_of(v));
            let found = builders.filter_map(newest);
            let found = found.max_by(|one, other| one.share.total_cmp(&other.share));
            if let Some(found) = found {
                floors.push(NoiseFloor {
                    scenario: scenario.name.clone(),
                    kind,
                    share: found.share,
                    run: found.run.clone(),
                });
            }
        }
    }
    Ok(floors)
}

/// Whether a calibration of a scenario's name is of what the scenario builds.
fn is_of(known: &Calibration, scenario: &ScenarioInfo) -> bool {
    let is_own = scenario.digest.is_empty();
    let name = |path: &str| Path::new(path).file_name().map(ToOwned::to_owned);
    let mut built = scenario.variants.iter().map(|v| name(&v.dockerfile));
    !is_own
        || known
            .dockerfile
            .as_deref()
            .is_none_or(|file| built.any(|it| it == name(file)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn calibration(record: &RunRecord, scenario: &str, share: f64) -> Calibration {
        Calibration {
            at: record.started,
            run: record.run.clone(),
            builder: BuilderKey::of(record),
            scenario: scenario.into(),
            kind: BuildKind::Cold,
            rounds: 12,
            dockerfile: None,
            confidence: Some(0.95),
            share,
        }
    }

    #[test]
    fn the_newest_of_the_same_scenario_counts_and_of_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let record = fixture::record(&["naive", "cross"], 1);
        let floors = || noise_floor(folder.path(), &record).unwrap();
        assert_eq!(floors(), []);
        // A tiny build's noise is not that of another.
        append(folder.path(), &[calibration(&record, "tiny", 0.3)]).unwrap();
        assert_eq!(floors(), []);
        for share in [0.02, 0.01] {
            append(folder.path(), &[calibration(&record, "go-hello", share)]).unwrap();
            assert_eq!(floors()[0].share, share);
        }
        // One that claims less than a bound changes nothing.
        let point = Calibration {
            confidence: None,
            ..calibration(&record, "go-hello", 0.2)
        };
        append(folder.path(), &[point]).unwrap();
        assert_eq!(floors()[0].share, 0.01);
        // Another machine's noise is not this one's.
        let mut other = record.clone();
        other.host.cores = Some(64);
        assert_eq!(noise_floor(folder.path(), &other).unwrap(), []);
    }

    #[test]
    fn of_two_dockerfiles_in_a_folder_each_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = fixture::record(&["base", "worktree"], 1);
        record.scenarios[0].digest.clear();
        for variant in &mut record.scenarios[0].variants {
            variant.dockerfile = "images/Dockerfile".into();
        }
        let of = |file: &str, share| Calibration {
            dockerfile: Some(file.into()),
            ..calibration(&record, "go-hello", share)
        };
        append(
            folder.path(),
            &[of("Dockerfile", 0.02), of("tiny.Dockerfile", 0.3)],
        )
        .unwrap();
        let share = |record: &RunRecord| {
            let floors = noise_floor(folder.path(), record).unwrap();
            floors.first().map(|floor| floor.share)
        };
        assert_eq!(share(&record), Some(0.02));
        for variant in &mut record.scenarios[0].variants {
            variant.dockerfile = "other.Dockerfile".into();
        }
        assert_eq!(share(&record), None);
    }

    #[test]
    fn what_is_no_calibration_is_named_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let record = fixture::record(&["naive"], 1);
        append(folder.path(), &[calibration(&record, "a", 0.01)]).unwrap();
        let path = folder.path().join(CALIBRATION_FILE);
        let good = std::fs::read_to_string(&path).unwrap();
        for (text, problem) in [
            ("nonsense\n".to_owned(), "expected"),
            (good.replace("0.01", "-3"), "no noise floor"),
        ] {
            std::fs::write(&path, format!("{good}{text}")).unwrap();
            let message = read(folder.path()).unwrap_err().to_string();
            assert!(
                message.contains(":2: ") && message.contains(problem),
                "{message}"
            );
        }
    }
}
