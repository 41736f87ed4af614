//! A matrix of builders: each is opened, told, and closed again, whatever becomes
//! of the others.

use std::collections::BTreeSet;

use anyhow::{Context, bail};

use super::cell_set::Cells;
use super::driver_options::{of_address, of_own_builder};
use crate::ops::builder::BuilderSession;
use crate::options::{BuilderOptions, Matrix, RaceOptions};

/// Does something on every builder of a matrix.
pub(super) async fn with<T>(
    options: &RaceOptions,
    matrix: &Matrix,
    work: impl AsyncFnOnce(&Cells<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if options.builder.builder.is_some() {
        bail!("--matrix builder= names the builders: leave out --builder");
    }
    let names = matrix.builder_names();
    let values = matrix.values.iter().map(|value| value.value.as_str());
    let each: Vec<BuilderOptions> = values.map(|v| of_value(&options.builder, v)).collect();
    check_options(&options.builder, &each)?;
    let mut sessions = Vec::with_capacity(names.len());
    let mut opened = Ok(());
    for (name, options) in names.iter().zip(&each) {
        match BuilderSession::named(name, options).await {
            Ok(session) => sessions.push(session),
            Err(error) => {
                opened = Err(error.context(format!("--matrix builder={name}")));
                break;
            }
        }
    }
    let result = match opened {
        Ok(()) => on(&names, &sessions, work).await,
        Err(error) => Err(error),
    };
    for session in sessions {
        session.close().await;
    }
    result
}

async fn on<T>(
    names: &[String],
    sessions: &[BuilderSession],
    work: impl AsyncFnOnce(&Cells<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    check_differ(names, sessions).await?;
    work(&Cells::of_builders(names, sessions)).await
}

/// The options of one builder, of those that were given for all.
fn of_value(all: &BuilderOptions, value: &str) -> BuilderOptions {
    let (is_own, is_address) = (value == "container", value.contains("://"));
    let driver_opt = match (is_own, is_address) {
        (true, _) => of_own_builder(&all.driver_opt),
        (_, true) => of_address(&all.driver_opt),
        _ => Vec::new(),
    };
    BuilderOptions {
        host: all.host.clone(),
        builder: Some(value.to_owned()),
        driver_opt,
        buildkitd_config: all.buildkitd_config.clone().filter(|_| is_own),
    }
}

/// Fails where an option is of none of the builders.
fn check_options(all: &BuilderOptions, each: &[BuilderOptions]) -> anyhow::Result<()> {
    let is_used = |option: &String| each.iter().any(|one| one.driver_opt.contains(option));
    if let Some(unused) = all.driver_opt.iter().find(|option| !is_used(option)) {
        bail!(
            "--driver-opt {unused:?} is of none of the builders: `container` and addresses have \
             options, those of other builders are buildx's"
        );
    }
    if all.buildkitd_config.is_some() && each.iter().all(|one| one.buildkitd_config.is_none()) {
        bail!("--buildkitd-config is of `container`, which is none of the builders");
    }
    Ok(())
}

/// Fails where two are the same BuildKit: a difference would be noise, and each
/// would take the other's builds for a stranger's.
async fn check_differ(names: &[String], sessions: &[BuilderSession]) -> anyhow::Result<()> {
    let mut known: Vec<(&str, BTreeSet<String>)> = Vec::new();
    for (name, session) in names.iter().zip(sessions) {
        let workers = session.builder.workers().await;
        let workers = workers.with_context(|| format!("--matrix builder={name}"))?;
        let ids = workers.into_iter().map(|worker| worker.id);
        let ids: BTreeSet<String> = ids.filter(|id| !id.is_empty()).collect();
        check_new(&known, name, &ids)?;
        known.push((name, ids));
    }
    Ok(())
}

fn check_new(
    known: &[(&str, BTreeSet<String>)],
    name: &str,
    ids: &BTreeSet<String>,
) -> anyhow::Result<()> {
    let same = known.iter().find(|(_, others)| !others.is_disjoint(ids));
    if let Some((other, _)) = same {
        bail!(
            "--matrix: {other} and {name} are the same BuildKit; `buildrace calibrate` measures how \
             much the times of one builder vary"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_of_one_buildkit_are_refused() {
        let ids = |ids: &[&str]| -> BTreeSet<String> { ids.iter().map(|i| (*i).into()).collect() };
        let known = [("a", ids(&["x"])), ("b", ids(&["y", "z"]))];
        assert!(check_new(&known, "c", &ids(&["w"])).is_ok());
        let error = check_new(&known, "c", &ids(&["z"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("b and c are the same BuildKit"), "{error}");
        // Whoever tells no id is not refused.
        assert!(check_new(&[("a", ids(&[]))], "c", &ids(&[])).is_ok());
    }

    #[test]
    fn an_option_goes_to_the_builders_that_have_it() {
        let all = BuilderOptions {
            driver_opt: vec!["memory=2g".into(), "cacert=/ca.pem".into()],
            ..BuilderOptions::default()
        };
        let options = |value: &str| of_value(&all, value).driver_opt;
        assert_eq!(options("container"), ["memory=2g"]);
        assert_eq!(options("tcp://10.0.0.1:1234"), ["cacert=/ca.pem"]);
        assert_eq!(options("default"), [""; 0]);
        let each = |values: &[&str]| -> Vec<BuilderOptions> {
            values.iter().map(|value| of_value(&all, value)).collect()
        };
        assert!(check_options(&all, &each(&["container", "tcp://a"])).is_ok());
        let error = check_options(&all, &each(&["container", "default"])).unwrap_err();
        assert!(error.to_string().contains("cacert=/ca.pem"), "{error}");
    }
}
