//! Noise floors of a fleet: an object for each null race, which nobody writes
//! again, and beside the runs of this machine the lines of all of them.

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::cache::on_disk;
use super::client::AT_ONCE;
use super::{BucketError, Cache, listing};
use crate::store::StoreError;
use crate::store::calibration::{self, Calibration};

/// Bytes of an object: a line has some hundreds, and a race a few kinds.
const MAX_BYTES: u64 = 1 << 20;

impl Cache {
    /// Fetches the noise floors that are not here.
    ///
    /// # Errors
    /// The store does not answer, or an object holds something else.
    pub async fn fetch_calibrations(&self) -> Result<(), BucketError> {
        let here = self.calibrations().await?;
        let here: BTreeSet<&str> = here.iter().map(|line| line.run.as_str()).collect();
        let runs = self.calibrated().await?;
        let missing = runs.iter().filter(|run| !here.contains(run.as_str()));
        let fetched = missing.map(|run| self.calibration(run));
        let fetched = stream::iter(fetched.collect::<Vec<_>>());
        let fetched: Vec<Vec<Calibration>> = fetched.buffered(AT_ONCE).try_collect().await?;
        let fetched: Vec<Calibration> = fetched.into_iter().flatten().collect();
        if fetched.is_empty() {
            return Ok(());
        }
        self.make_results()?;
        let results = self.results.clone();
        on_disk(move || Ok(calibration::append(&results, &fetched)?)).await
    }

    /// Puts the noise floors of this machine into the store, as far as they are not
    /// there, and tells of how many null races they were.
    ///
    /// # Errors
    /// The store fails.
    pub async fn push_calibrations(&self) -> Result<usize, BucketError> {
        let unsent = self.unsent_calibrations().await?;
        for run in &unsent {
            let lines = self.calibrations().await?.into_iter();
            let lines: Vec<Calibration> = lines.filter(|line| line.run == *run).collect();
            let text = calibration::lines(&lines)?;
            self.bucket.put(&listing::calibration(run), text).await?;
        }
        Ok(unsent.len())
    }

    /// The null races of this machine whose noise floors the store does not have.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn unsent_calibrations(&self) -> Result<Vec<String>, BucketError> {
        let here = self.calibrations().await?;
        if here.is_empty() {
            return Ok(Vec::new());
        }
        let there = self.calibrated().await?;
        let runs: BTreeSet<String> = here.into_iter().map(|line| line.run).collect();
        Ok(runs
            .into_iter()
            .filter(|run| !there.contains(run))
            .collect())
    }

    async fn calibrations(&self) -> Result<Vec<Calibration>, BucketError> {
        let results = self.results.clone();
        on_disk(move || Ok(calibration::read(&results)?)).await
    }

    /// The null races that the store has.
    async fn calibrated(&self) -> Result<BTreeSet<String>, BucketError> {
        let listed = self.bucket.list(listing::CALIBRATIONS).await?;
        let runs = listed.iter();
        let runs = runs.filter_map(|listed| listing::run_of_calibration(&listed.key));
        Ok(runs.map(str::to_owned).collect())
    }

    async fn calibration(&self, run: &str) -> Result<Vec<Calibration>, BucketError> {
        let key = listing::calibration(run);
        let Some(object) = self.bucket.get(&key, MAX_BYTES).await? else {
            return Ok(Vec::new());
        };
        let address = self.bucket.url().of(&key);
        match calibration::parse(&object.bytes, Path::new(&address)) {
            Ok(lines) if lines.iter().all(|line| line.run == run) => Ok(lines),
            Ok(_) => Err(BucketError::Damaged {
                object: address,
                problem: "it is of another run".to_owned(),
            }),
            Err(StoreError::Malformed { line, problem, .. }) => Err(BucketError::Damaged {
                object: address,
                problem: format!("line {line}: {problem}"),
            }),
            Err(error) => Err(error.into()),
        }
    }
}
