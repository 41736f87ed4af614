//! `prices.toml`, read as strictly as a scenario.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::fleet::{ARCHITECTURES, JOB_KEYS, KEYS, Prices, STORAGE_KEYS};
use crate::scenario::document::{At, Problem, Table, parse};
use crate::scenario::{Place, ScenarioError, position, read_file};

/// Bytes of such a file.
const LARGEST: usize = 1 << 20;
/// Bytes of a currency.
const LONGEST_CURRENCY: usize = 12;

/// Reads prices.
///
/// # Errors
/// The file cannot be read, or something in it is wrong; the error says where.
pub(super) fn read(file: &Path) -> Result<Prices, ScenarioError> {
    let io = |error: io::Error| ScenarioError::Io {
        action: "read",
        path: file.to_owned(),
        error,
    };
    let bytes = read_file(file).map_err(io)?;
    if bytes.len() > LARGEST {
        return Err(io(io::Error::other("larger than 1 MiB")));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| io(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    of(&text).map_err(|problem| {
        let (line, column) = position(&text, problem.span.start);
        ScenarioError::Invalid {
            at: Place {
                file: file.to_owned(),
                line,
                column: Some(column),
            },
            message: problem.message,
        }
    })
}

fn of(text: &str) -> Result<Prices, Problem> {
    let document = parse(text)?;
    let root = Table::new("", 0..0, document.get_ref(), &KEYS)?;
    let currency = root.required_string("currency", "what prices are in, like \"USD\"")?;
    if currency.value.is_empty() || currency.value.len() > LONGEST_CURRENCY {
        return Err(currency.problem(format!(
            "\"currency\" must have 1 to {LONGEST_CURRENCY} letters"
        )));
    }
    let mut runner_minutes = BTreeMap::new();
    if let Some(minutes) = root.table("runner-minutes", &ARCHITECTURES)? {
        for architecture in ARCHITECTURES {
            if let Some(price) = minutes.scalar(architecture)? {
                runner_minutes.insert(architecture.to_owned(), number(&price)?);
            }
        }
    }
    if runner_minutes.is_empty() {
        return Err(root.problem(
            "no price: expected a [runner-minutes] with the price of a minute, like amd64 = 0.01",
        ));
    }
    let storage = root.table("storage", &STORAGE_KEYS)?;
    let gb_month = storage.map(|storage| storage.scalar("gb-month"));
    let gb_month = gb_month.transpose()?.flatten();
    let job = root.table("job", &JOB_KEYS)?;
    let setup = job.as_ref().map(|job| job.scalar("setup-seconds"));
    let setup = setup.transpose()?.flatten();
    let whole = job.as_ref().map(|job| job.flag("whole-minutes"));
    Ok(Prices {
        currency: currency.value,
        runner_minutes,
        gb_month: gb_month.as_ref().map(number).transpose()?,
        setup_seconds: setup.as_ref().map(number).transpose()?.unwrap_or(0.0),
        whole_minutes: whole.transpose()?.unwrap_or(false),
    })
}

/// A number that is not below 0.
fn number(at: &At<String>) -> Result<f64, Problem> {
    let number: Option<f64> = at.value.replace('_', "").parse().ok();
    number
        .filter(|number| number.is_finite() && *number >= 0.0)
        .ok_or_else(|| {
            at.problem(format!(
                "expected a number, 0 or more, found {:?}",
                at.value
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::PRICES_TEMPLATE;

    #[test]
    fn prices_are_read_as_they_are_written() {
        let prices = of(r#"
            currency = "EUR"
            [runner-minutes]
            amd64 = 0.006
            arm64 = "0.004"
            [storage]
            gb-month = 0.07
            [job]
            setup-seconds = 20
            whole-minutes = true
        "#)
        .unwrap();
        assert_eq!(prices.currency, "EUR");
        assert_eq!(prices.runner_minutes["arm64"], 0.004);
        assert_eq!(prices.gb_month, Some(0.07));
        assert!((prices.setup_seconds, prices.whole_minutes) == (20.0, true));
        let least = of("currency = \"EUR\"\nrunner-minutes = { amd64 = 1 }").unwrap();
        assert!((least.setup_seconds, least.whole_minutes) == (0.0, false));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key() {
        for (text, said) in [
            ("", "missing key \"currency\""),
            ("currency = \"\"", "1 to 12 letters"),
            (
                "currency = \"EUR\"",
                "no price: expected a [runner-minutes]",
            ),
            ("curency = \"EUR\"", "did you mean \"currency\"?"),
            (
                "currency = \"EUR\"\n[runner-minutes]\nx86 = 1",
                "unknown key \"x86\"",
            ),
            (
                "currency = \"EUR\"\n[runner-minutes]\namd64 = -1",
                "0 or more, found \"-1\"",
            ),
            (
                "currency = \"EUR\"\n[runner-minutes]\namd64 = nan",
                "found \"nan\"",
            ),
            (
                "currency = \"EUR\"\n[runner-minutes]\namd64 = 1\n[job]\nwhole-minutes = 1",
                "must be true or false",
            ),
        ] {
            let problem = of(text).unwrap_err();
            assert!(
                problem.message.contains(said),
                "{text}: {}",
                problem.message
            );
        }
    }

    #[test]
    fn the_template_becomes_prices_when_it_is_filled_in() {
        let filled = PRICES_TEMPLATE
            .replace("# amd64 =", "amd64 = 0.01")
            .replace("# setup-seconds =", "setup-seconds = 20")
            .replace("# whole-minutes", "whole-minutes");
        let prices = of(&filled).unwrap();
        assert!(prices.whole_minutes && prices.runner_minutes["amd64"] == 0.01);
        // As it is printed it has no price, and says so.
        let problem = of(PRICES_TEMPLATE).unwrap_err();
        assert!(problem.message.contains("no price"), "{}", problem.message);
    }
}
