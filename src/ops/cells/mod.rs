//! What a race builds on: one builder, or each value of a matrix.

mod builders;
mod emulators;

use std::collections::BTreeSet;

use anyhow::bail;
use tokio_util::sync::CancellationToken;

pub use emulators::{Emulators, keep as keep_emulators};

use super::builder::BuilderSession;
use crate::model::{EmulatorInfo, RunRecord, split_cell};
use crate::options::{Axis, Matrix, RaceOptions};
use crate::race::Emulation;
use crate::scenario::Cell;

/// The builders of a race, and what tells its cells apart.
pub struct Cells<'a> {
    /// One at least.
    sessions: Vec<&'a BuilderSession>,
    axis: Option<Axis>,
    /// Names of the matrix's values, each with where it is built; none where there
    /// is no matrix.
    values: Vec<(String, Cell)>,
    emulators: Option<Emulators>,
}

impl<'a> Cells<'a> {
    /// A race on one builder.
    pub fn one(session: &'a BuilderSession) -> Self {
        Self {
            sessions: vec![session],
            axis: None,
            values: Vec::new(),
            emulators: None,
        }
    }

    /// The builder that stands for the race: the only one, or that of the first
    /// value.
    pub fn first(&self) -> &'a BuilderSession {
        self.sessions[0]
    }

    /// Every builder; a variant's cell names it by its place here.
    pub fn sessions(&self) -> &[&'a BuilderSession] {
        &self.sessions
    }

    /// Names of the matrix's values, each with where it is built; none where there
    /// is no matrix.
    pub fn values(&self) -> &[(String, Cell)] {
        &self.values
    }

    /// What a builder is called, where there are several.
    pub fn name_of(&self, place: usize) -> Option<&str> {
        let mut values = self.values.iter();
        let of_place = values.find(|(_, cell)| cell.place == place);
        of_place
            .filter(|_| self.sessions.len() > 1)
            .map(|(name, _)| name.as_str())
    }

    /// What changes emulators between builds, where something does.
    pub fn emulators(&self) -> Option<&Emulators> {
        self.emulators.as_ref()
    }

    /// The same for the runner.
    pub fn emulation(&self) -> Option<&dyn Emulation> {
        self.emulators.as_ref().map(|emulators| emulators as _)
    }

    /// `builder=default,farm`: what is typed to have the same again. Addresses are
    /// left out: they belong to this machine.
    pub fn typed(&self) -> Option<String> {
        let values = self.values.iter().map(|(name, cell)| match &cell.qemu {
            Some(version) => version.as_str(),
            None => name.as_str(),
        });
        let values: Vec<&str> = values.collect();
        Some(format!("{}={}", self.axis?.as_str(), values.join(",")))
    }

    /// Notes in a record what builds each variant. `emulators` are those of each
    /// value.
    pub fn describe(&self, record: &mut RunRecord, emulators: &[Vec<EmulatorInfo>]) {
        let variants = record.scenarios.iter_mut().flat_map(|s| &mut s.variants);
        for variant in variants {
            let value = split_cell(&variant.name).1;
            let mut values = self.values.iter().enumerate();
            let Some((at, (_, cell))) = values.find(|(_, (name, _))| Some(name.as_str()) == value)
            else {
                continue;
            };
            variant.emulators = emulators.get(at).cloned();
            let is_several = self.axis == Some(Axis::Builder);
            variant.builder = is_several.then(|| self.sessions[cell.place].info.clone());
        }
    }

    /// Does something on the builders that are meant, and ends the sessions however
    /// that went.
    ///
    /// # Errors
    /// One does not answer, two are the same, or what `work` says.
    pub async fn with<T>(
        options: &RaceOptions,
        stop: &CancellationToken,
        work: impl AsyncFnOnce(&Cells<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        match &options.matrix {
            Some(matrix) if matrix.axis == Axis::Builder => {
                builders::with(options, matrix, work).await
            }
            Some(matrix) => {
                BuilderSession::with(&options.builder, async |session| {
                    let cells = Cells::of_qemus(session, matrix, stop).await?;
                    let result = work(&cells).await;
                    let restored = cells.restore();
                    // The first error is the one to tell.
                    let result = result?;
                    restored?;
                    Ok(result)
                })
                .await
            }
            None => {
                BuilderSession::with(&options.builder, async |session| {
                    work(&Cells::one(session)).await
                })
                .await
            }
        }
    }

    async fn of_qemus(
        session: &'a BuilderSession,
        matrix: &Matrix,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let wanted: Vec<&str> = matrix.values.iter().map(|v| v.value.as_str()).collect();
        let emulators = Emulators::hold(session, &wanted, stop).await?;
        let values = emulators.versions().map(|version| {
            let cell = Cell {
                place: 0,
                qemu: Some(version.to_owned()),
            };
            (format!("qemu-{version}"), cell)
        });
        Ok(Self {
            sessions: vec![session],
            axis: Some(Axis::Qemu),
            values: values.collect(),
            emulators: Some(emulators),
        })
    }

    fn restore(&self) -> anyhow::Result<()> {
        match &self.emulators {
            Some(emulators) => emulators.restore(),
            None => Ok(()),
        }
    }
}

/// The matrix of a run that goes on: as it is typed now, else as it was.
///
/// # Errors
/// It is another one; its builders were named by addresses, which results do not
/// hold.
pub fn matrix_again(
    then: Option<Matrix>,
    now: Option<Matrix>,
    record: &RunRecord,
) -> anyhow::Result<Option<Matrix>> {
    let Some(then) = then else {
        if now.is_some() {
            bail!("run {} has no matrix: leave out --matrix", record.run);
        }
        return Ok(None);
    };
    if let Some(now) = now {
        return Ok(Some(now));
    }
    let variants = record.scenarios.iter().flat_map(|s| &s.variants);
    let nameless = variants.filter_map(|variant| {
        let value = split_cell(&variant.name).1?;
        let builder = variant.builder.as_ref()?;
        (builder.name.is_none() && builder.driver == "remote").then_some(value)
    });
    let nameless: BTreeSet<&str> = nameless.collect();
    if !nameless.is_empty() {
        let names: Vec<&str> = nameless.into_iter().collect();
        bail!(
            "run {} does not hold the address of {}: repeat --matrix builder=… as it was typed",
            record.run,
            names.join(" and ")
        );
    }
    Ok(Some(then))
}
