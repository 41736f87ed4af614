//! Suites: scenarios that are raced together, by one name. They are the tables
//! of `scenarios/suites.toml`; `docs/scenarios.md` describes them.

use super::document::{At, Problem, Table, parse};
use super::error::{ScenarioError, choice, quoted};
use super::file::read_file;
use super::format::{check_line, read_kind};
use super::name::check_name;
use super::project::Project;
use crate::model::BuildKind;

/// The file in `scenarios/` that suites are written in.
const SUITES_FILE: &str = "suites.toml";

pub(super) const SUITE_KEYS: [&str; 4] = ["title", "scenarios", "kinds", "rounds"];

/// Scenarios that are raced together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// The name by which a command line asks for it.
    pub name: String,
    /// One line on what it is for.
    pub title: String,
    /// Names of its scenarios, in its order.
    pub scenarios: Vec<String>,
    /// Kinds to build; those of each scenario where empty.
    pub kinds: Vec<BuildKind>,
    /// Rounds where the command line names none: `auto` or a number, as
    /// written.
    pub rounds: Option<At<String>>,
}

impl Project {
    /// The suites, in the order of the file; none where there is no file.
    ///
    /// # Errors
    /// The first thing that is wrong with any of them; a suite of scenarios
    /// that there are none of, too.
    pub fn suites(&self) -> Result<Vec<Suite>, ScenarioError> {
        let path = self.root().join("scenarios").join(SUITES_FILE);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let bytes = read_file(&path)
            .map_err(|error| ScenarioError::io("read", self.relative(&path), error))?;
        let text = self.utf8(&path, bytes)?;
        let known = self.names()?;
        read(&text, &known).map_err(|problem| self.invalid(&path, &text, &problem))
    }

    /// The suite of this name.
    ///
    /// # Errors
    /// There is none, or something is wrong with any of them.
    pub fn suite(&self, name: &str) -> Result<Suite, ScenarioError> {
        let suites = self.suites()?;
        let known = suites.iter().map(|suite| suite.name.clone()).collect();
        let mut suites = suites.into_iter();
        suites
            .find(|suite| suite.name == name)
            .ok_or_else(|| ScenarioError::UnknownName {
                what: "suite",
                name: name.to_owned(),
                known,
            })
    }

    /// An error at a place of the suites' file.
    pub fn wrong_in_suites(&self, at: &At<String>, message: &str) -> ScenarioError {
        let path = self.root().join("scenarios").join(SUITES_FILE);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        self.invalid(&path, &text, &at.problem(message))
    }
}

/// Reads a `suites.toml` of a project that has the scenarios `known`.
fn read(text: &str, known: &[String]) -> Result<Vec<Suite>, Problem> {
    let document = parse(text)?;
    let names: Vec<_> = document.get_ref().keys().collect();
    let every: Vec<&str> = names.iter().map(|name| name.get_ref().as_ref()).collect();
    let root = Table::new("", 0..0, document.get_ref(), &every)?;
    let mut suites = Vec::with_capacity(names.len());
    for name in &names {
        let written = name.get_ref().as_ref();
        check_name("suite", written).map_err(|message| Problem::new(name.span(), message))?;
        if let Some(table) = root.table(written, &SUITE_KEYS)? {
            suites.push((name.span().start, read_suite(written, &table, known)?));
        }
    }
    suites.sort_by_key(|(place, _)| *place);
    Ok(suites.into_iter().map(|(_, suite)| suite).collect())
}

fn read_suite(name: &str, table: &Table<'_, '_>, known: &[String]) -> Result<Suite, Problem> {
    let title = table.required_string("title", "one line on what the suite is for")?;
    let scenario = |written: &str| {
        if known.iter().any(|name| name == written) {
            return Ok(written.to_owned());
        }
        Err(format!(
            "unknown scenario {}: {}",
            quoted(written),
            choice(written, known)
        ))
    };
    let scenarios = table.list("scenarios", scenario)?.ok_or_else(|| {
        table.problem(format!(
            "missing key \"scenarios\" of [{name}]: a list like [\"go-hello\"]"
        ))
    })?;
    let kinds = table.list("kinds", read_kind)?;
    Ok(Suite {
        name: name.to_owned(),
        title: title.try_map(|text| check_line("title", text))?.value,
        scenarios: scenarios.value,
        kinds: kinds.map(|kinds| kinds.value).unwrap_or_default(),
        rounds: table.scalar("rounds")?,
    })
}

#[cfg(test)]
#[path = "suite_tests.rs"]
mod tests;
