//! The record of a race that is about to begin: what can be raced here, by which
//! rules and in which order.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::fitness::{self, Fit};
use super::input::RaceInput;
use super::{eligibility, new_record};
use crate::engine::private::EmulatorsInUse;
use crate::model::{
    AUTO_ROUNDS, BaseImage, Contamination, FUTILITY_ROUNDS, FailureRule, LEAST_DELTA, Platform,
    Rules, RunRecord, Stopping,
};
use crate::ops::cells::{Cells, keep_emulators};
use crate::options::{RaceOptions, Rounds};
use crate::plan::{self, PlanInput};
use crate::scenario::{Scenario, Snapshot};

/// A race that could begin.
pub struct Draft {
    /// Its record, with its plan and without noise floors.
    pub record: RunRecord,
    /// What is raced, as the snapshot holds it.
    pub scenarios: Vec<Scenario>,
    /// The base images of each builder.
    pub base_images: Vec<Vec<BaseImage>>,
    /// Keeps the emulators of this machine as they are.
    pub held: Option<EmulatorsInUse>,
}

/// The draft of the race that begins now. Whatever the race needs is there then;
/// what cannot be raced here is taken out of it.
pub async fn draft(
    cells: &Cells<'_>,
    input: &mut RaceInput<'_>,
    args: &RaceOptions,
    snapshot: &Snapshot,
    stop: &CancellationToken,
) -> anyhow::Result<Draft> {
    let native = &cells.first().native;
    let is_here = cells.sessions().iter().any(|session| session.is_local);
    let held = match cells.emulators() {
        None if is_here => keep_emulators(stop).await?,
        _ => None,
    };
    let Fit {
        emulators,
        base_images,
    } = fitness::of_cells(cells, input).await?;
    eligibility::report_left_out(&input.choice.left_out);
    let mut copies = eligibility::copies(snapshot.scenarios(), &input.scenarios);
    let command = input.choice.repeated(&input.command, &copies);
    for copy in &mut copies {
        copy.expand(cells.values());
    }
    let scenarios = copies.as_slice();

    // Below 2^53, so that every reader of JSON reads the same number.
    let seed = args.seed.unwrap_or_else(|| rand::random::<u64>() >> 11);
    let inputs: Vec<PlanInput> = scenarios.iter().map(|s| plan_input(s, native)).collect();
    report_added_kinds(&inputs);
    let rounds = args.rounds.unwrap_or(input.rounds);
    let planned = match rounds {
        Rounds::Fixed(rounds) => rounds,
        Rounds::Auto => AUTO_ROUNDS,
    };
    let mut record = new_record::of_run(new_record::RecordInput {
        args,
        command: &command,
        choice: &input.choice,
        commit: new_record::commit_of(input.project.root(), &written(args)),
        scenarios,
        cells,
        seed,
        rounds,
        rules: rules(args, rounds, planned, input.stops_when_open),
        emulators: emulators.first().cloned().unwrap_or_default(),
        base_images: fitness::each_once(&base_images),
    })?;
    cells.describe(&mut record, &emulators);
    record.plan = plan::plan(&inputs, planned + record.rules.spare_rounds, seed);
    record.rounds = planned;
    Ok(Draft {
        record,
        scenarios: copies,
        base_images,
        held,
    })
}

/// What a run writes.
fn written(args: &RaceOptions) -> Vec<PathBuf> {
    let files = args.formats.iter().filter_map(|o| o.file.clone());
    files
        .chain([args.results.folder.clone(), args.reports.clone()])
        .collect()
}

fn rules(args: &RaceOptions, rounds: Rounds, planned: u32, stops_when_open: bool) -> Rules {
    let contamination = (!args.keep_contaminated).then(Contamination::default);
    let stopping = match rounds {
        Rounds::Fixed(_) => Stopping::Fixed,
        Rounds::Auto if stops_when_open => Stopping::Gate,
        Rounds::Auto => Stopping::Auto,
    };
    Rules {
        stopping,
        futility_rounds: (stopping == Stopping::Gate).then_some(FUTILITY_ROUNDS),
        failures: Some(match stopping {
            Stopping::Fixed => FailureRule::ONCE,
            Stopping::Auto | Stopping::Gate => FailureRule::LOOKS,
        }),
        // In place of rounds that are dropped, or, where a look needs times, in
        // which a build failed.
        spare_rounds: match (contamination, stopping) {
            (None, Stopping::Fixed) => 0,
            _ => planned.div_ceil(2),
        },
        contamination,
        delta: args.delta.unwrap_or(LEAST_DELTA),
        noise_floor: Vec::new(),
    }
}

fn plan_input(scenario: &Scenario, native: &Platform) -> PlanInput {
    PlanInput {
        scenario: scenario.name.clone(),
        variants: scenario.variants.iter().map(|v| v.name.clone()).collect(),
        kinds: scenario.kinds.clone(),
        native_only: scenario.native_only(native),
    }
}

fn report_added_kinds(inputs: &[PlanInput]) {
    for input in inputs {
        for added in plan::with_prerequisites(&input.kinds, input.native_only).added {
            errln!(
                "note: {} builds {added} too, since what was asked for starts from it",
                input.scenario
            );
        }
    }
}
