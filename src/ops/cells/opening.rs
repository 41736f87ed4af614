//! Opening what a race builds on, and closing it again.

use tokio_util::sync::CancellationToken;

use super::builders;
use super::cell_set::Cells;
use crate::ops::builder::BuilderSession;
use crate::options::{Axis, RaceOptions};

impl Cells<'_> {
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
}
