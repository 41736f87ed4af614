//! An image of an engine as a folder with an OCI layout, for a builder that
//! cannot get at the engine's store: what `docker save` writes, unpacked.
//!
//! It is saved once and kept in the user's cache folder, by the image's id.

mod cache;
mod contents;
mod unpack;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::client::asked;
use super::{Engine, EngineError, Progress};
use crate::escape::one_line;
use crate::model::{ImageLayout, Platform};
use cache::{Cache, Place, Record};

/// Pieces of the archive that wait to be written.
const WAITING: usize = 16;

/// The image of this name, complete on these platforms, as an OCI layout: from
/// the user's cache folder, or else from the engine.
///
/// # Errors
/// The engine has no such image, not all of its platforms, or sends it in a
/// form that is no OCI layout; or it cannot be written.
pub async fn save(
    engine: &Engine,
    name: &str,
    platforms: &[Platform],
    progress: &Progress,
) -> Result<ImageLayout, EngineError> {
    save_under(&cache::folder_of_user()?, engine, name, platforms, progress).await
}

/// As [`save`], in a given cache folder.
///
/// # Errors
/// As of [`save`].
pub async fn save_under(
    cache: &Path,
    engine: &Engine,
    name: &str,
    platforms: &[Platform],
    progress: &Progress,
) -> Result<ImageLayout, EngineError> {
    let failed = |reason: String| EngineError::Image {
        name: one_line(name),
        reason,
    };
    let id = engine.image_id(name).await?;
    let id = id.ok_or_else(|| {
        failed("the engine does not hold it, so it cannot be given to the builder".into())
    })?;
    let cache = Cache::under(cache);
    let record = match cache.find(&id, platforms) {
        Some(record) => record,
        None => {
            let lock = cache.lock(progress).await?;
            // Whoever had the lock may have saved it.
            let record = match cache.find(&id, platforms) {
                Some(record) => record,
                None => {
                    progress(&format!(
                        "{}: copying it from the engine for the builder, once",
                        one_line(name)
                    ));
                    let place = cache.begin()?;
                    let (place, record) = receive(engine, name, &id, place).await?;
                    cache.finish(place, &id, &record)?;
                    record
                }
            };
            drop(lock);
            record
        }
    };
    if let Some(lacking) = record.first_lacking(platforms) {
        let held: Vec<String> = record.platforms.iter().map(ToString::to_string).collect();
        return Err(failed(format!(
            "the engine sends it for {}, not for {lacking}: pull or build it for {lacking} as well",
            match held.is_empty() {
                true => "no platform".to_owned(),
                false => held.join(" and "),
            }
        )));
    }
    Ok(ImageLayout {
        name: name.to_owned(),
        folder: cache.entry(&id),
        digest: record.digest,
        platforms: record.platforms,
    })
}

/// Layouts in the user's cache folder whose making was interrupted.
pub fn unfinished() -> Vec<PathBuf> {
    cache::folder_of_user().map_or_else(|_| Vec::new(), |cache| Cache::under(&cache).left())
}

/// Streams the image from the engine into `place`.
async fn receive(
    engine: &Engine,
    name: &str,
    id: &str,
    place: Place,
) -> Result<(Place, Record), EngineError> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let (expected, folder) = (id.to_owned(), place.path().to_owned());
    // The place goes along: if nobody waits any more, it is removed after the
    // last write into it.
    let unpacking = tokio::task::spawn_blocking(move || {
        let unpacked = unpack::unpack(Pipe::of(receiver), &folder);
        let record = unpacked.and_then(|archive| contents::read(&archive, &folder, &expected));
        (place, record)
    });
    let mut archive = Box::pin(engine.docker().export_image(&asked(name)));
    let mut refused = None;
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(|error| {
            let text = error.to_string();
            refused = Some(error);
            io::Error::other(text)
        });
        // If nobody takes it, unpacking has failed and says why.
        if sender.send(piece).await.is_err() || refused.is_some() {
            break;
        }
    }
    drop((archive, sender));
    let action = || format!("saving image {}", one_line(name));
    let (place, unpacked) = unpacking.await.map_err(|error| EngineError::Api {
        action: action(),
        message: error.to_string(),
    })?;
    if let Some(error) = refused {
        return Err(EngineError::api(action(), error));
    }
    let record = unpacked.map_err(|error| EngineError::Image {
        name: one_line(name),
        reason: format!(
            "it cannot be copied from the engine to {}: {}",
            place.path().display(),
            one_line(&error.to_string())
        ),
    })?;
    Ok((place, record))
}

/// Reads what another task sends.
struct Pipe {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    left: Bytes,
}

impl Pipe {
    fn of(receiver: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self {
            receiver,
            left: Bytes::new(),
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.left = piece?,
                None => return Ok(0),
            }
        }
        let taken = self.left.split_to(self.left.len().min(buffer.len()));
        buffer[..taken.len()].copy_from_slice(&taken);
        Ok(taken.len())
    }
}

#[cfg(test)]
mod tests;
