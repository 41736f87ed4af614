//! Makes the tables of `docs/verdict.md` that say what the rule finds and what
//! it costs, beside two gates that people use.
//!
//! `cargo run --release --example power` prints them, `-- --write FILE` puts
//! them between the marks in a page. They come out the same each time.

mod flaky;
mod gate;
mod limits;
mod machine;
mod tables;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;

const BEGIN: &str = "<!-- power:begin -->\n";
const END: &str = "<!-- power:end -->\n";

/// Simulates gates and tells how often they fail, and what they cost.
#[derive(Parser)]
struct Args {
    /// Put the tables between the marks in this page, in place of printing them
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let Some(file) = Args::parse().write else {
        print!("{}", tables::all());
        return Ok(());
    };
    let name = file.display();
    let page = std::fs::read_to_string(&file).with_context(|| format!("cannot read {name}"))?;
    let (before, after) = around(&page).with_context(|| format!("no marks in {name}"))?;
    let page = format!("{before}{}{after}", tables::all());
    std::fs::write(&file, page).with_context(|| format!("cannot write {name}"))
}

/// What comes before the tables of a page and after them, marks included.
fn around(page: &str) -> Option<(&str, &str)> {
    let begin = page.find(BEGIN)? + BEGIN.len();
    let end = begin + page[begin..].find(END)?;
    Some((&page[..begin], &page[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between the marks.
    fn written() -> &'static str {
        let page = include_str!("../../docs/verdict.md");
        let (before, after) = around(page).expect("the page has marks");
        &page[before.len()..page.len() - after.len()]
    }

    /// The other tables take minutes without optimisation.
    #[test]
    fn the_page_has_what_is_computed() {
        for computed in [
            tables::as_used(&[5]),
            tables::changing(),
            tables::flakes(&flaky::RATES[1..2]),
        ] {
            for row in computed.lines() {
                assert!(written().contains(row), "`make power` says {row}");
            }
        }
    }
}
