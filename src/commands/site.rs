//! `buildrace site`: stored runs as a site of static files.

use anyhow::bail;

use crate::bucket::Part;
use crate::cli::SiteArgs;
use crate::escape;
use crate::ops::results::Results;
use crate::ops::{Exit, site};

/// Writes the site.
///
/// # Errors
/// There is no run, or a file cannot be written.
pub async fn run(args: &SiteArgs) -> anyhow::Result<Exit> {
    let folders = Results::open(&args.results)?.bring_all(Part::Whole).await?;
    if folders.is_empty() {
        bail!(
            "no run in {}: `buildrace compare Dockerfile Dockerfile.new` makes one",
            args.results
        );
    }
    let mut made = site::read(&folders);
    site::explain_changes(&mut made, &folders);
    let without = site::write(&made, &folders, &args.output)?;
    for (folder, why) in &without {
        errln!(
            "warning: {} has no page: {}",
            escape::terminal(folder, 128),
            escape::terminal(why, 1000)
        );
    }
    for (folder, why) in &made.unreadable {
        errln!(
            "warning: {} is left out: {}",
            escape::terminal(folder, 128),
            escape::terminal(why, 1000)
        );
    }
    let changes = made.changes().len();
    errln!(
        "site: {} ({} runs, {changes} changes)",
        args.output.join("index.html").display(),
        made.runs.len()
    );
    Ok(match made.unreadable.is_empty() && without.is_empty() {
        true => Exit::Good,
        false => Exit::CouldNot,
    })
}
