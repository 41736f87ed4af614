//! The strategies as a table; as a list where no table fits.

use std::fmt::Write;

use tabled::settings::Alignment;

use super::super::number;
use super::super::paint::{Paint, Style};
use super::super::table::{Line, Table};
use super::super::wrap::wrap;
use super::words::{few_digits, name, range};
use crate::escape;
use crate::fleet::{Amount, Answer, Cell, How, Nodes, Strategy};
use crate::model::Job;

/// Blanks between two columns.
const GAP: usize = 3;
/// Columns of a currency.
const MAX_CURRENCY: usize = 12;

/// The table for a terminal `width` columns wide. Ends with a line break.
pub(super) fn table(answer: &Answer, width: usize, paint: Paint) -> String {
    let columns = columns(answer);
    let rows = answer.strategies.iter().enumerate();
    let rows: Vec<Vec<Vec<Line>>> = rows.map(|(place, _)| row(answer, place)).collect();
    let header = columns.iter().map(|name| vec![(Style::Dim, name.clone())]);
    let all: Vec<Vec<Vec<Line>>> = std::iter::once(header.collect())
        .chain(rows.iter().cloned())
        .collect();
    let table = Table::new(&all, GAP, Alignment::right(), paint);
    if table.width() <= width {
        return table.rows().concat();
    }
    let mut out = String::new();
    for row in rows {
        list(&mut out, &columns, row, width, paint);
    }
    out
}

/// A row as lines: its name, then each cell behind the name of its column.
fn list(out: &mut String, columns: &[String], row: Vec<Vec<Line>>, width: usize, paint: Paint) {
    let mut cells = row.into_iter().zip(columns);
    if let Some((cell, _)) = cells.next() {
        for (style, text) in cell {
            let _ = writeln!(out, "{}", paint.apply(style, &text));
        }
    }
    let rest = cells.map(|(cell, column)| {
        let lines: Vec<String> = cell.into_iter().map(|(_, text)| text).collect();
        format!("{column} {}", lines.join(" "))
    });
    let rest: Vec<String> = rest.collect();
    for line in wrap(&rest.join("; "), width.saturating_sub(2).max(1)) {
        let _ = writeln!(out, "  {line}");
    }
}

fn columns(answer: &Answer) -> Vec<String> {
    let mut columns = vec!["strategy".to_owned(), "builds".to_owned()];
    columns.extend(answer.jobs.iter().map(|job| match job {
        Job::Cold => "cold job".to_owned(),
        Job::After(edit) => format!("after {edit}"),
    }));
    if let Some(fleet) = &answer.fleet {
        columns.push("minutes a month".to_owned());
        if let Some(prices) = &fleet.fleet.prices {
            let currency = escape::columns(&prices.currency, MAX_CURRENCY);
            columns.push(format!("{currency} a month"));
        }
    }
    columns
}

fn row(answer: &Answer, place: usize) -> Vec<Vec<Line>> {
    let strategy = &answer.strategies[place];
    let choice = answer.choice.as_ref();
    let is_best = choice.is_some_and(|choice| choice.best == place);
    let style = if is_best { Style::Good } else { Style::Plain };
    let mut title = vec![(style, name(strategy))];
    title.extend(is_best.then(|| (Style::Good, "recommended".to_owned())));
    let mut row = vec![title, builds(strategy)];
    row.extend(answer.jobs.iter().map(|job| match strategy.cells.get(job) {
        Some(found) => cell(found, is_best),
        None => vec![(Style::Plain, "–".to_owned())],
    }));
    if let Some(fleet) = &answer.fleet {
        let bill = fleet.bills.get(place).and_then(Option::as_ref);
        row.push(amount(bill.map(|bill| bill.minutes), few_digits, is_best));
        if fleet.fleet.prices.is_some() {
            row.push(amount(bill.and_then(|bill| bill.money), money, is_best));
        }
    }
    row
}

fn builds(strategy: &Strategy) -> Vec<Line> {
    let (style, text) = match (strategy.nodes, strategy.how) {
        (Nodes::Native, _) => (Style::Native, "native nodes"),
        (Nodes::NativeModel, _) => {
            let model = (Style::Bold, "model".to_owned());
            return vec![(Style::Native, "native nodes".to_owned()), model];
        }
        (Nodes::One, None) => (Style::Plain, "unknown"),
        (Nodes::One, Some(How { emulated, cross })) if emulated > 0.0 => {
            let share = match emulated < 0.01 {
                true => "emulated <1%".to_owned(),
                false => format!("emulated {:.0}%", emulated * 100.0),
            };
            let cross = cross.then(|| (Style::Native, "cross".to_owned()));
            let emulated = std::iter::once((Style::Emulated, share));
            return cross.into_iter().chain(emulated).collect();
        }
        (Nodes::One, Some(How { cross: true, .. })) => (Style::Native, "cross"),
        (Nodes::One, Some(_)) => (Style::Native, "native"),
    };
    vec![(style, text.to_owned())]
}

fn cell(cell: &Cell, is_best: bool) -> Vec<Line> {
    let style = if is_best { Style::Good } else { Style::Plain };
    match cell {
        Cell::Model(range) => {
            let model = (Style::Bold, "model".to_owned());
            vec![(style, number::range(range.low, range.high)), model]
        }
        Cell::NotMeasured(_) => vec![(Style::Dim, "not measured".to_owned())],
        Cell::NotModelled => vec![(Style::Dim, "no model".to_owned())],
        Cell::Failed(outcome) => vec![(Style::Bad, outcome.to_string())],
        Cell::Measured(_) => match cell.mean() {
            None => vec![(Style::Dim, "not measured".to_owned())],
            Some(mean) => {
                let interval = mean.interval.map(|interval| {
                    let range = number::range(interval.low, interval.high);
                    (Style::Dim, format!("[{range}]"))
                });
                let time = (style, number::seconds(mean.mean));
                std::iter::once(time).chain(interval).collect()
            }
        },
    }
}

fn amount(amount: Option<Amount>, written: fn(f64) -> String, is_best: bool) -> Vec<Line> {
    let style = if is_best { Style::Good } else { Style::Plain };
    let Some(amount) = amount else {
        return vec![(Style::Dim, "–".to_owned())];
    };
    let range = amount.interval.map(|interval| range(interval, written));
    match (amount.expected, range) {
        (Some(expected), range) => {
            let range = range.map(|range| (Style::Dim, format!("[{range}]")));
            let expected = (style, written(expected));
            std::iter::once(expected).chain(range).collect()
        }
        (None, range) => {
            let range = range.unwrap_or_else(|| "–".to_owned());
            vec![(style, range), (Style::Bold, "model".to_owned())]
        }
    }
}

/// `7.48`: an amount of money.
fn money(amount: f64) -> String {
    format!("{amount:.2}")
}
