//! `buildrace list`: the scenarios of this project.

use anyhow::Context;

use super::Exit;
use crate::cli::ListArgs;
use crate::escape;
use crate::scenario::Project;

/// Prints a line for each scenario, or JSON.
pub fn list(args: &ListArgs) -> anyhow::Result<Exit> {
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let scenarios = Project::find(&here)?.load(&[])?;
    if args.json {
        let rows: Vec<_> = scenarios
            .iter()
            .map(|scenario| {
                serde_json::json!({
                    "name": scenario.name,
                    "title": scenario.title,
                    "platforms": scenario.platforms,
                    "kinds": scenario.kinds,
                    "variants": scenario.variants.iter().map(|v| &v.name).collect::<Vec<_>>(),
                })
            })
            .collect();
        out!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(Exit::Good);
    }
    let width = scenarios.iter().map(|s| s.name.len()).max().unwrap_or(0);
    for scenario in &scenarios {
        let variants: Vec<&str> = scenario.variants.iter().map(|v| v.name.as_str()).collect();
        let platforms: Vec<String> = scenario.platforms.iter().map(ToString::to_string).collect();
        out!(
            "{:width$}  {}  [{}] on {}",
            scenario.name,
            escape::terminal(&scenario.title, 200),
            variants.join(", "),
            platforms.join(", ")
        );
    }
    Ok(Exit::Good)
}
