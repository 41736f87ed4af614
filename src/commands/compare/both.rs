//! What a comparison is, whatever it is of: two variants of one scenario.

use std::path::Path;

use anyhow::{anyhow, bail};
use tokio_util::sync::CancellationToken;

use crate::model::Invocation;
use crate::ops::Exit;
use crate::ops::adhoc::Options;
use crate::ops::cells::Cells;
use crate::ops::race::{Choice, RaceInput, keep_out_of_git, race};
use crate::ops::report::write_formats;
use crate::options::{RaceOptions, Rounds};
use crate::scenario::{Project, Scenario, check_variant_name};

/// Races the variants of a scenario that a command line describes.
pub(super) async fn race_both(
    mut scenario: Scenario,
    options: Options,
    command: Invocation,
    race_options: &RaceOptions,
    stop: &CancellationToken,
) -> anyhow::Result<Exit> {
    Cells::with(race_options, stop, async |cells| {
        options.complete(&mut scenario, &cells.first().native);
        let input = RaceInput {
            project: &Project::at(Path::new("."))?,
            scenarios: vec![scenario],
            secrets: options.secrets,
            rounds: Rounds::Auto,
            stops_when_open: false,
            choice: Choice::default(),
            command,
        };
        keep_out_of_git(race_options)?;
        let raced = race(cells, input, race_options, stop).await?;
        write_formats(&raced, race_options)?;
        Ok(raced.exit())
    })
    .await
}

/// What `--names` calls the two.
///
/// # Errors
/// They are not two, the same, or cannot be names.
pub(super) fn names(written: &[String]) -> anyhow::Result<Option<[String; 2]>> {
    match written {
        [] => Ok(None),
        [one, other] => {
            for name in [one, other] {
                check_variant_name(name).map_err(|message| anyhow!("--names: {message}"))?;
            }
            if one == other {
                bail!("--names: expected two different names, like --names before,after");
            }
            Ok(Some([one.clone(), other.clone()]))
        }
        _ => bail!("--names: expected two names, like --names before,after"),
    }
}
