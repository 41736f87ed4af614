//! Jobs of CI with a remote cache.

use super::super::jobs;
use super::super::view::View;
use crate::escape;

/// The table of a scenario; its texts are fit to be shown.
pub(super) struct Jobs {
    pub(super) title: &'static str,
    pub(super) name: String,
    pub(super) headers: [&'static str; 9],
    pub(super) rows: Vec<[String; 9]>,
    pub(super) how: &'static str,
}

/// The tables of those that have such jobs.
pub(super) fn jobs(view: &View) -> Vec<Jobs> {
    let scenarios = view.scenarios.iter();
    let tables = scenarios.map(|scenario| Jobs {
        title: jobs::TITLE,
        name: escape::columns(&scenario.name, 48),
        headers: jobs::HEADERS,
        rows: jobs::rows(scenario),
        how: jobs::HOW,
    });
    tables.filter(|table| !table.rows.is_empty()).collect()
}
