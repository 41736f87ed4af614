//! `buildrace compare --bake`: races targets of a bake file against others, or against
//! themselves at another Git revision.

use anyhow::bail;

use super::both::{names, race_both};
use crate::cli::CompareArgs;
use crate::model::Invocation;
use crate::ops::Exit;
use crate::ops::adhoc::{self, Options};
use crate::ops::bake;
use crate::ops::baked_sides::{BakeSides, alone};
use crate::ops::race::check_writable;
use crate::ops::revisions::Side;
use crate::ops::signals::stop_on_signals;
use crate::options::{BakeOptions, BuildOptions, RaceOptions};
use crate::scenario::{AdhocDockerfile, bake_name};

/// Races them.
///
/// # Errors
/// It could not begin, or could not go on.
pub(super) async fn run(args: CompareArgs, race_options: RaceOptions) -> anyhow::Result<Exit> {
    check_writable(&race_options).await?;
    let stop = stop_on_signals();
    let build = BuildOptions::from(&args.build);
    let typed = BakeOptions {
        files: args.file.clone(),
        set: args.bake_args.set.clone(),
        allow: args.bake_args.allow.clone(),
    };
    let mut options = Options::read(&build)?;
    let names = names(&args.names)?;
    let reference = bake::targets(&args.reference.to_string_lossy())?;
    let candidate = args.candidate.as_deref();
    let candidate = candidate.map(|typed| bake::targets(&typed.to_string_lossy()));
    let candidate = candidate.transpose()?;
    let mut sorted = [Some(reference.clone()), candidate.clone()];
    sorted
        .iter_mut()
        .flatten()
        .for_each(|targets| targets.sort());
    if sorted[0] == sorted[1] {
        bail!(
            "{} and {} are the same targets, so there is nothing to compare; name others, or \
             compare them with another revision: --against REV",
            reference.join(","),
            candidate.unwrap_or_default().join(",")
        );
    }
    // Copies of the two states are removed when it is dropped.
    let mut sides = None;
    let (title, mut dockerfiles) = match &args.against {
        Some(revision) => {
            let found = BakeSides::open(
                &typed,
                &build,
                &options,
                Some(revision),
                &race_options,
                &stop,
            );
            let Some(found) = found.await? else {
                return Ok(Exit::Interrupted);
            };
            let revisions = &sides.insert(found).revisions;
            let what = reference.join(",");
            if revisions.is_unchanged()? {
                bail!(
                    "what bake builds of {what} is the same in {} and in the working tree, so \
                     there is nothing to compare",
                    revisions.base.describe()
                );
            }
            let title = format!(
                "{what} in the working tree against {}",
                revisions.base.describe()
            );
            let mut dockerfiles = Vec::new();
            for side in [Side::Base, Side::Worktree] {
                let sides = sides.as_ref().expect("it was just put there");
                dockerfiles.push(sides.dockerfile(side, &reference, &mut options).await?);
            }
            (title, dockerfiles)
        }
        None => {
            let mut dockerfiles = Vec::new();
            for targets in [Some(&reference), candidate.as_ref()].into_iter().flatten() {
                let name = bake_name(targets);
                dockerfiles.push(alone(name, targets, &typed, &build, &mut options).await?);
            }
            let of = |targets: &[String]| targets.join(",");
            let title = match &candidate {
                Some(candidate) => format!("{} against {}", of(candidate), of(&reference)),
                None => of(&reference),
            };
            number(&mut dockerfiles);
            (title, dockerfiles)
        }
    };
    for (dockerfile, name) in dockerfiles.iter_mut().zip(names.into_iter().flatten()) {
        dockerfile.name = name;
    }
    let several = |it: &&AdhocDockerfile| it.bake.as_ref().is_some_and(|it| it.targets.len() > 1);
    if race_options.image_size
        && let Some(found) = dockerfiles.iter().find(several)
    {
        bail!(
            "--image-size measures one image, and bake builds several of {}",
            found.name
        );
    }
    let scenario = adhoc::scenario(&options, title, dockerfiles)?;
    race_both(
        scenario,
        options,
        command(&args, &typed, &build),
        &race_options,
        &stop,
    )
    .await
}

/// Tells two apart that would have the same name.
fn number(dockerfiles: &mut [AdhocDockerfile]) {
    if let [one, other] = dockerfiles
        && one.name == other.name
    {
        one.name.push_str("-1");
        other.name.push_str("-2");
    }
}

fn command(args: &CompareArgs, typed: &BakeOptions, build: &BuildOptions) -> Invocation {
    let operands = [Some(&args.reference), args.candidate.as_ref()];
    let operands = operands.into_iter().flatten();
    let operands = operands.map(|it| it.to_string_lossy().into_owned());
    let mut command = Invocation::new("compare", operands);
    command.flag("bake");
    bake::add_options(&mut command, typed);
    if let Some(revision) = &args.against {
        command.option("against", revision);
    }
    command.list("names", &args.names);
    adhoc::add_options(&mut command, build);
    command
}
