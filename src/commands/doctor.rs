//! `buildrace doctor`: whether a race could run here, and what to do.

use std::path::Path;

use crate::cli::DoctorArgs;
use crate::engine::preflight::{self, Check, Status};
use crate::ops::Exit;
use crate::ops::builder::examine;
use crate::options::BuilderOptions;

/// Runs `buildrace doctor`. Exit code 0: a race could run; 2: it could not.
///
/// # Errors
/// The checks cannot be written as JSON.
pub async fn run(args: DoctorArgs) -> anyhow::Result<Exit> {
    let options = BuilderOptions::from(&args.builder);
    let checks = examine(&options, &args.platform, Path::new(".")).await;
    let could_run = preflight::could_run(&checks);
    if args.json {
        let report = serde_json::json!({"could_run": could_run, "checks": checks});
        crate::ops::console::print_json(&report)?;
    } else {
        for check in &checks {
            outln!("{}", text(check));
        }
        let failed = checks
            .iter()
            .filter(|check| check.status == Status::Fail)
            .count();
        outln!("{}", conclusion(failed));
    }
    Ok(if could_run {
        Exit::Good
    } else {
        Exit::CouldNot
    })
}

fn conclusion(failed: usize) -> String {
    match failed {
        0 => {
            "Ready: a race can run here. Begin with `buildrace compare Dockerfile Dockerfile.new`."
                .to_owned()
        }
        1 => "Not ready: 1 check failed.".to_owned(),
        failed => format!("Not ready: {failed} checks failed."),
    }
}

fn text(check: &Check) -> String {
    let status = match check.status {
        Status::Ok => "ok  ",
        Status::Warn => "warn",
        Status::Fail => "FAIL",
    };
    let mut text = format!("{status}  {}: {}", check.name, check.finding);
    if let Some(advice) = &check.advice {
        text.push_str("\n      → ");
        text.push_str(advice);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conclusion_says_whether_a_race_can_run() {
        assert!(conclusion(0).starts_with("Ready: a race can run here."));
        assert_eq!(conclusion(1), "Not ready: 1 check failed.");
        assert_eq!(conclusion(2), "Not ready: 2 checks failed.");
    }
}
