//! A race that could begin, and has not: what `check` asks about before it
//! decides whether anything is to be measured.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::building::{StartedRun, build, learn_from_last_run};
use super::draft::{Draft, draft};
use super::input::RaceInput;
use super::raced::Raced;
use super::transfers;
use crate::buildkit::Secret;
use crate::engine::private::EmulatorsInUse;
use crate::model::{BaseImage, Run, RunRecord};
use crate::ops::cells::Cells;
use crate::ops::ignored::left_out;
use crate::ops::{redaction, temporary_folders};
use crate::options::RaceOptions;
use crate::scenario::{Scenario, Snapshot};
use crate::secrets::Masks;
use crate::store::{RunWriter, calibration};

/// A race that could begin: what it builds is copied, and there is what it
/// needs.
pub struct Prepared<'a> {
    input: RaceInput<'a>,
    snapshot: Snapshot,
    /// The base images of each builder.
    base_images: Vec<Vec<BaseImage>>,
    /// Keeps the emulators of this machine as they are.
    held: Option<EmulatorsInUse>,
    /// The copies that are built.
    pub scenarios: Vec<Scenario>,
    /// The record, as it stands before the first build.
    pub record: RunRecord,
    /// What neither results nor screen may say.
    pub masks: Masks,
}

impl<'a> Prepared<'a> {
    /// Copies the sources, and makes emulators and base images ready.
    ///
    /// # Errors
    /// Something that it needs is missing.
    pub async fn new(
        cells: &Cells<'_>,
        mut input: RaceInput<'a>,
        args: &RaceOptions,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let masks = redaction::masks(&input, &args.redact, &args.ci_caches, &args.export)?;
        transfers::add_kinds(cells, &mut input.scenarios, &args.ci_caches)?;
        transfers::check_export(cells, &input.scenarios, &args.export, &args.ci_caches).await?;
        temporary_folders::sweep();
        let skip = left_out([&args.results.folder, &args.reports], &input.scenarios)?;
        let snapshot = Snapshot::take(&input.scenarios, &skip)?;
        let Draft {
            mut record,
            scenarios,
            base_images,
            held,
        } = draft(cells, &mut input, args, &snapshot, stop).await?;
        record.rules.noise_floor = calibration::noise_floor(&args.results.folder, &record)?;
        Ok(Self {
            input,
            snapshot,
            base_images,
            held,
            scenarios,
            record,
            masks,
        })
    }

    /// The secrets of its builds.
    pub fn secrets(&self) -> BTreeMap<String, Secret> {
        self.input.build_secrets()
    }

    /// Races, and leaves results and report.
    ///
    /// # Errors
    /// It could not go on; what was measured before is stored and reported.
    pub async fn race(
        self,
        cells: &Cells<'_>,
        args: &RaceOptions,
        stop: &CancellationToken,
    ) -> anyhow::Result<Raced> {
        let Self {
            input,
            snapshot,
            base_images,
            held: _held,
            scenarios,
            record,
            masks,
        } = self;
        let stored = redaction::record(&record, &masks)?;
        let started = StartedRun {
            expected: learn_from_last_run(&args.results.folder, &record),
            writer: RunWriter::create(&args.results.folder, &stored)?,
            run: Run::new(stored),
            masks,
            record,
            base_images,
            cuts: 0,
        };
        let copies = (&snapshot, scenarios.as_slice());
        build(cells, &input, args, copies, started, stop).await
    }
}

/// Races, and leaves results and report.
///
/// # Errors
/// It could not begin, or could not go on; what was measured before is stored
/// and reported.
pub async fn race(
    cells: &Cells<'_>,
    input: RaceInput<'_>,
    args: &RaceOptions,
    stop: &CancellationToken,
) -> anyhow::Result<Raced> {
    let prepared = Prepared::new(cells, input, args, stop).await?;
    prepared.race(cells, args, stop).await
}
