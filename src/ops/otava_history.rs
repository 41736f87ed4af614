//! A history in CSV, one row a run: what `--format otava=FILE` adds to.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use csv::StringRecord;

use super::files::write_whole;
use crate::print::masked;

/// The columns that tell runs apart and put them in order.
const RUN: &str = "run";
const TIME: &str = "time";

/// Adds the rows of `text`, which begins with a header, to the history in
/// `file`, and makes it where there is none. A row of a run that is there takes
/// that one's place, and one of an earlier run goes before those of later ones.
///
/// # Errors
/// The file cannot be read or written, or has other columns.
pub fn add(file: &Path, text: &str) -> anyhow::Result<()> {
    let held = match fs::read_to_string(file) {
        Ok(held) => held,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    // As it will be written, so that the columns are those that are held.
    let added = Table::of(&masked(text)).context("the rows to add are no CSV")?;
    let merged = if held.trim().is_empty() {
        added
    } else {
        let held = Table::of(&held)
            .with_context(|| format!("{} cannot be read as CSV", file.display()))?;
        if held.header != added.header {
            bail!(
                "{} holds the history of something else: its columns are not those of this run; \
                 name another file",
                file.display()
            );
        }
        held.with(added.rows)
    };
    let merged = merged.text()?;
    if merged == held {
        return Ok(());
    }
    write_whole(file, &merged)
}

struct Table {
    header: StringRecord,
    rows: Vec<StringRecord>,
}

impl Table {
    fn of(text: &str) -> Result<Self, csv::Error> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        Ok(Self {
            header: reader.headers()?.clone(),
            rows: reader.records().collect::<Result<_, _>>()?,
        })
    }

    fn with(mut self, rows: Vec<StringRecord>) -> Self {
        let at = |name| self.header.iter().position(|column| column == name);
        let (run, time) = (at(RUN), at(TIME));
        let cell = |row: &StringRecord, at: Option<usize>| {
            at.and_then(|at| row.get(at)).unwrap_or_default().to_owned()
        };
        for row in rows {
            let known = self.rows.iter();
            let known = run.and_then(|_| {
                let mut known = known.enumerate();
                known.find(|(_, held)| cell(held, run) == cell(&row, run))
            });
            if let Some((at, _)) = known {
                self.rows[at] = row;
                continue;
            }
            // Times are in UTC and of one form, so that they sort as texts.
            let later = self
                .rows
                .iter()
                .rposition(|held| cell(held, time) <= cell(&row, time));
            let at = later.map_or(0, |at| at + 1);
            self.rows.insert(at, row);
        }
        self
    }

    fn text(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for record in std::iter::once(&self.header).chain(&self.rows) {
            writer.write_record(record)?;
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "time,run,commit,a.b.cold\n";

    fn row(day: u32, run: &str, seconds: u32) -> String {
        format!("2026-11-{day:02}T10:00:00Z,{run},c{day},{seconds}\n")
    }

    #[test]
    fn a_history_grows_by_rows_of_the_same_columns() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.csv");
        let read = || fs::read_to_string(&file).unwrap();
        let (one, two, three) = (row(1, "r1", 10), row(2, "r2", 11), row(3, "r3", 12));
        add(&file, &format!("{HEADER}{one}")).unwrap();
        add(&file, &format!("{HEADER}{three}")).unwrap();
        assert_eq!(read(), format!("{HEADER}{one}{three}"));
        // An earlier run that is reported later goes where it belongs.
        add(&file, &format!("{HEADER}{two}")).unwrap();
        assert_eq!(read(), format!("{HEADER}{one}{two}{three}"));
        let error = add(&file, "time,run,commit,b\n5,r9,c,6\n").unwrap_err();
        assert!(error.to_string().contains("something else"), "{error}");
        assert_eq!(read(), format!("{HEADER}{one}{two}{three}"));
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "a temporary file is left");
    }

    #[test]
    fn a_run_that_is_reported_twice_is_one_row() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.csv");
        let (one, two) = (row(1, "r1", 10), row(2, "r2", 11));
        for text in [&one, &two, &one] {
            add(&file, &format!("{HEADER}{text}")).unwrap();
        }
        let held = fs::read_to_string(&file).unwrap();
        assert_eq!(held, format!("{HEADER}{one}{two}"));
        // A resumed run has other figures than when it was cut off.
        let resumed = row(1, "r1", 12);
        add(&file, &format!("{HEADER}{resumed}")).unwrap();
        let held = fs::read_to_string(&file).unwrap();
        assert_eq!(held, format!("{HEADER}{resumed}{two}"));
    }

    #[test]
    fn a_history_of_a_row_without_its_end_or_with_names_that_are_quoted_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("history.csv");
        let header = "time,run,commit,\"a,b\"\"c.cold\"\n";
        let (one, two) = (row(1, "r1", 10), row(2, "r2", 11));
        fs::write(&file, format!("{header}{}", one.trim_end())).unwrap();
        add(&file, &format!("{header}{two}")).unwrap();
        let held = fs::read_to_string(&file).unwrap();
        assert_eq!(held, format!("{header}{one}{two}"));
    }
}
