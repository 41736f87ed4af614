//! A race that could begin, and has not: what `check` asks about before it
//! decides whether anything is to be measured.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::building::{StartedRun, build, learn_from_last_run};
use super::draft::draft;
use super::input::RaceInput;
use super::raced::Raced;
use crate::buildkit::Secret;
use crate::model::{Run, RunRecord};
use crate::ops::builder::BuilderSession;
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
        session: &BuilderSession,
        mut input: RaceInput<'a>,
        args: &RaceOptions,
    ) -> anyhow::Result<Self> {
        let masks = redaction::masks(&input, &args.redact)?;
        temporary_folders::sweep();
        let skip = left_out([&args.results, &args.reports], &input.scenarios)?;
        let snapshot = Snapshot::take(&input.scenarios, &skip)?;
        let (mut record, scenarios) = draft(session, &mut input, args, &snapshot).await?;
        record.rules.noise_floor = calibration::noise_floor(&args.results, &record)?;
        Ok(Self {
            input,
            snapshot,
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
        session: &BuilderSession,
        args: &RaceOptions,
        stop: &CancellationToken,
    ) -> anyhow::Result<Raced> {
        let Self {
            input,
            snapshot,
            scenarios,
            record,
            masks,
        } = self;
        let stored = redaction::record(&record, &masks)?;
        let started = StartedRun {
            expected: learn_from_last_run(&args.results, &record),
            writer: RunWriter::create(&args.results, &stored)?,
            run: Run::new(stored),
            masks,
            record,
            cuts: 0,
        };
        let copies = (&snapshot, scenarios.as_slice());
        build(session, &input, args, copies, started, stop).await
    }
}

/// Races, and leaves results and report.
///
/// # Errors
/// It could not begin, or could not go on; what was measured before is stored
/// and reported.
pub async fn race(
    session: &BuilderSession,
    input: RaceInput<'_>,
    args: &RaceOptions,
    stop: &CancellationToken,
) -> anyhow::Result<Raced> {
    let prepared = Prepared::new(session, input, args).await?;
    prepared.race(session, args, stop).await
}
