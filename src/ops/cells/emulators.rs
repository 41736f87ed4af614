//! A matrix of emulators: the versions of QEMU that a race builds under, and the
//! lock that keeps other races from measuring the wrong one.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio_util::sync::CancellationToken;

use crate::engine::EngineError;
use crate::engine::private::{EmulatorSwitch, EmulatorsInUse, Qemu, WAITING};
use crate::ops::builder::BuilderSession;
use crate::race::Emulation;

/// How often a lock that others have is tried.
const RETRY: Duration = Duration::from_millis(200);

/// The emulators of this machine, and the versions that a race has in their place.
#[derive(Debug)]
pub struct Emulators {
    switch: EmulatorSwitch,
    qemus: Vec<Qemu>,
}

impl Emulators {
    /// Finds the versions that are meant, and takes hold of the emulators.
    ///
    /// # Errors
    /// One is not there; two are the same; the builder is not a private engine's;
    /// not root.
    pub(super) async fn hold(
        session: &BuilderSession,
        wanted: &[&str],
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let engine = session.image_store();
        if !engine.is_some_and(|engine| engine.facts().endpoint.is_private()) {
            bail!(
                "--matrix qemu= replaces the emulators of this machine, and does so for a private \
                 engine alone: `buildrace engine up`, and name it with --builder default where \
                 another builder is in use"
            );
        }
        let mut qemus: Vec<Qemu> = Vec::new();
        for wanted in wanted {
            let qemu = Qemu::find(wanted)?;
            if qemus.contains(&qemu) || qemus.iter().any(|q| q.version == qemu.version) {
                bail!(
                    "--matrix qemu=: {wanted} is QEMU {} once more",
                    qemu.version
                );
            }
            qemus.push(qemu);
        }
        let switch = wait(stop, EmulatorSwitch::hold).await?;
        errln!(
            "note: this race replaces the emulators of the whole machine and puts them back when it \
             ends; other races wait meanwhile"
        );
        Ok(Self { switch, qemus })
    }

    /// The versions, in the order of the matrix.
    pub(super) fn versions(&self) -> impl Iterator<Item = &str> {
        self.qemus.iter().map(|qemu| qemu.version.as_str())
    }

    /// Replaces the emulators of these architectures from now on.
    ///
    /// # Errors
    /// Somebody else registered one of them.
    pub fn take(&self, architectures: &[String]) -> anyhow::Result<()> {
        Ok(self.switch.take(architectures)?)
    }

    pub(super) fn restore(&self) -> anyhow::Result<()> {
        self.switch.restore().context(
            "the emulators of before are not registered again: `buildrace engine up` tries once more",
        )
    }
}

impl Emulation for Emulators {
    fn choose(&self, version: &str) -> Result<(), String> {
        let mut qemus = self.qemus.iter();
        let qemu = qemus.find(|qemu| qemu.version == version);
        let qemu = qemu.ok_or_else(|| format!("there is no QEMU {version}"))?;
        self.switch.choose(qemu).map_err(|error| error.to_string())
    }
}

/// Keeps the emulators of this machine as they are for the time of a race; `None`
/// where nobody could replace them.
///
/// # Errors
/// The user did not want to wait.
pub async fn keep(stop: &CancellationToken) -> anyhow::Result<Option<EmulatorsInUse>> {
    match EmulatorsInUse::hold() {
        Ok(Some(held)) => Ok(Some(held)),
        Ok(None) => Ok(Some(wait(stop, EmulatorsInUse::hold).await?)),
        // Without a cache folder there is no private engine.
        Err(_) => Ok(None),
    }
}

/// Tries until others are done.
async fn wait<T>(
    stop: &CancellationToken,
    hold: impl Fn() -> Result<Option<T>, EngineError>,
) -> anyhow::Result<T> {
    if let Some(held) = hold()? {
        return Ok(held);
    }
    errln!("{WAITING}");
    loop {
        tokio::select! {
            () = stop.cancelled() => bail!("interrupted before the first build"),
            () = tokio::time::sleep(RETRY) => {}
        }
        if let Some(held) = hold()? {
            return Ok(held);
        }
    }
}
