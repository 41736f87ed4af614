//! How a check ends, and what its findings name.

use std::path::{Path, PathBuf};

use super::settings::Settings;
use crate::git::Repository;
use crate::model::RunEnd;
use crate::ops::race::Raced;
use crate::ops::report::{self, show_check};
use crate::ops::{Exit, adhoc, results};
use crate::report::{CheckOutcome, CheckView, View};
use crate::store;

/// Shows what came of it, and chooses the exit code.
pub(super) async fn finish(
    mut check: CheckView,
    raced: &Raced,
    settings: &Settings,
) -> anyhow::Result<Exit> {
    check.headline.push_str(settings.fatal_note());
    // A run that was interrupted is judged when it has gone on.
    if raced.end == RunEnd::Completed {
        store::write_check(&raced.stored.dir, &check)?;
        results::send_rest(&settings.race.results, &raced.stored.dir).await;
    }
    show_check(&check, Some(raced), &settings.race)?;
    if raced.end == RunEnd::Completed {
        // The race has written its report without it.
        let view = View {
            check: Some(check.clone()),
            ..raced.view.clone()
        };
        let reports = &settings.race.reports;
        report::write(reports, &raced.stored, &view, &raced.explained)?;
    }
    if raced.end == RunEnd::Interrupted {
        return Ok(Exit::Interrupted);
    }
    Ok(match check.outcome {
        CheckOutcome::Passed => Exit::Good,
        CheckOutcome::Failed => Exit::Finding,
        CheckOutcome::Undecided => Exit::CouldNot,
    })
}

/// The Dockerfile as findings name it: relative to the repository, where it is
/// in one.
pub(super) fn shown_dockerfile(path: &Path) -> PathBuf {
    let inside = path.canonicalize().ok().and_then(|real| {
        let repository = Repository::find(real.parent()?).ok()?;
        Some(real.strip_prefix(repository.top()).ok()?.to_owned())
    });
    inside.unwrap_or_else(|| adhoc::relative_name(path).into())
}
