//! What a race builds on: one builder, or each value of a matrix.

use tokio_util::sync::CancellationToken;

use super::driver_options::of_own_builder;
use super::emulators::Emulators;
use crate::model::{EmulatorInfo, RunRecord, split_cell};
use crate::ops::builder::BuilderSession;
use crate::options::{Axis, BuilderOptions, Matrix};
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

    /// The driver options that are typed for it: those of addresses are files of
    /// this machine.
    pub fn typed_options(&self, given: &BuilderOptions) -> Vec<String> {
        match self.axis {
            Some(Axis::Builder) => of_own_builder(&given.driver_opt),
            _ => Vec::new(),
        }
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

    /// The cells of a matrix of builders, one each.
    pub(super) fn of_builders(names: &[String], sessions: &'a [BuilderSession]) -> Self {
        let cell = |place| Cell { place, qemu: None };
        let values = (0..).zip(names).map(|(at, name)| (name.clone(), cell(at)));
        Self {
            sessions: sessions.iter().collect(),
            axis: Some(Axis::Builder),
            values: values.collect(),
            emulators: None,
        }
    }

    /// The cells of a matrix of emulators, on one builder.
    pub(super) async fn of_qemus(
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

    /// Puts back the emulators of before.
    pub(super) fn restore(&self) -> anyhow::Result<()> {
        match &self.emulators {
            Some(emulators) => emulators.restore(),
            None => Ok(()),
        }
    }
}
