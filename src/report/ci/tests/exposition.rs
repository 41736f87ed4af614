//! A parser of the text format of OpenMetrics 1.0, as strict as its ABNF and
//! the rules beside it for what is used here: gauges. What it takes is the text
//! format of Prometheus too, but for the lines that are comments there.

use std::collections::BTreeSet;

type Labels = Vec<(String, String)>;

pub(super) fn assert_valid(text: &str) {
    if let Err(error) = parse(text) {
        panic!("{error} in\n{text}");
    }
}

/// The text format of Prometheus, which has neither units nor an end.
pub(super) fn assert_valid_prometheus(text: &str) {
    for line in text.lines().filter(|line| line.starts_with('#')) {
        let known = ["# TYPE ", "# HELP "];
        assert!(known.iter().any(|start| line.starts_with(start)), "{line}");
        // Nothing but `\\` and `\n` is an escape in a help text there.
        assert!(!line.contains('\\'), "{line}");
    }
    assert_valid(&format!("{text}# EOF\n"));
}

/// A family of metrics: what its lines say before its samples.
#[derive(Default)]
struct Family {
    name: String,
    unit: Option<String>,
    help: Option<String>,
}

fn parse(text: &str) -> Result<usize, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("no EOF at the end")?;
    if body.contains('\r') || text.starts_with('\u{feff}') {
        return Err("a carriage return or a byte order mark".into());
    }
    let mut families = BTreeSet::new();
    let mut series = BTreeSet::new();
    let mut family = Family::default();
    let mut samples = 0;
    for line in body.split_terminator('\n') {
        if let Some(metadata) = line.strip_prefix("# ") {
            describe(metadata, &mut family, &mut families)?;
            continue;
        }
        let (name, labels, value) = sample(line)?;
        if name != family.name {
            return Err(format!("{name} is not of {}", family.name));
        }
        number(value)?;
        let mut sorted = labels.clone();
        sorted.sort();
        sorted.dedup_by(|a, b| a.0 == b.0);
        if sorted.len() != labels.len() {
            return Err(format!("a label twice: {line}"));
        }
        // An empty label is one that is not there.
        sorted.retain(|(_, value)| !value.is_empty());
        if !series.insert((name.to_owned(), sorted)) {
            return Err(format!("a series twice: {line}"));
        }
        samples += 1;
    }
    Ok(samples)
}

fn describe(
    metadata: &str,
    family: &mut Family,
    families: &mut BTreeSet<String>,
) -> Result<(), String> {
    let mut words = metadata.splitn(3, ' ');
    let mut word = || words.next().ok_or(format!("too short: {metadata}"));
    let (what, name, rest) = (word()?, word()?, word()?);
    is_name(name, ":")?;
    match what {
        "TYPE" => {
            // Readers of the text format of Prometheus refuse an `info`.
            if rest != "gauge" {
                return Err(format!("{name} is a {rest}"));
            }
            if !families.insert(name.to_owned()) {
                return Err(format!("{name} is there twice"));
            }
            *family = Family {
                name: name.to_owned(),
                ..Family::default()
            };
        }
        _ if name != family.name => return Err(format!("{what} of {name} is elsewhere")),
        "UNIT" if family.unit.is_none() && family.help.is_none() => {
            if !name.ends_with(&format!("_{rest}")) {
                return Err(format!("{name} does not end in {rest}"));
            }
            family.unit = Some(rest.to_owned());
        }
        "HELP" if family.help.is_none() => {
            let (_, end) = escaped_string(rest)?;
            if !end.is_empty() {
                return Err(format!("a quote in help: {rest}"));
            }
            family.help = Some(rest.to_owned());
        }
        _ => return Err(format!("{what} is unknown, twice or too late")),
    }
    Ok(())
}

/// `name{label="value",…} number`, nothing behind it.
fn sample(line: &str) -> Result<(&str, Labels, &str), String> {
    let at = line.find(['{', ' ']).ok_or(format!("no sample: {line}"))?;
    let (name, mut rest) = line.split_at(at);
    is_name(name, ":")?;
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once("=\"").ok_or(format!("no label: {rest}"))?;
            is_name(label, "")?;
            if label.starts_with("__") {
                return Err(format!("{label} is reserved"));
            }
            let (value, end) = escaped_string(value)?;
            labels.push((label.to_owned(), value));
            let end = end.strip_prefix('"').ok_or("a label without an end")?;
            rest = match end.strip_prefix(',') {
                Some(more) if !more.starts_with('}') => more,
                Some(_) => return Err("a comma before the end".into()),
                None => end,
            };
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
    Ok((name, labels, value))
}

/// What is before the first bare quote, unescaped, and the rest from there.
fn escaped_string(text: &str) -> Result<(String, &str), String> {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((out, &text[at..])),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => out.push('\n'),
                Some(c @ ('"' | '\\')) => out.push(c),
                // Allowed, but ours has none.
                other => return Err(format!("escape {other:?}")),
            },
            c => out.push(c),
        }
    }
    Ok((out, ""))
}

fn is_name(name: &str, also: &str) -> Result<(), String> {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || also.contains(c);
    let fits = name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit());
    fits.then_some(()).ok_or(format!("{name:?} is no name"))
}

/// `realnumber`; infinite and NaN, which the format has, are never written.
fn number(text: &str) -> Result<(), String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|e| e.strip_prefix(['-', '+']).unwrap_or(e));
    let fits = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|e| !e.is_empty() && digits(e));
    fits.then_some(()).ok_or(format!("{text:?} is no number"))
}

#[test]
fn the_parser_takes_the_specifications_example_of_a_gauge() {
    let text = "# TYPE foo_seconds gauge\n# UNIT foo_seconds seconds\n# HELP foo_seconds Some \
                text and \\n some \\\" escaping\nfoo_seconds{a=\"bb\"} 17.0\nfoo_seconds{a=\"x\",\
                b=\"escaping\\\" example \\n \"} -1.5e-7\n# EOF\n";
    assert_eq!(parse(text), Ok(2));
}

#[test]
fn the_parser_refuses_what_the_specification_does() {
    for bad in [
        "# TYPE a gauge\na 1\n",
        "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
        "# TYPE a gauge\n\na 1\n# EOF\n",
        "# TYPE a gauge\na 1\n# TYPE a gauge\n# EOF\n",
        "# TYPE a gauge\na{b=\"1\"} 1\na{b=\"1\"} 2\n# EOF\n",
        "# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n# EOF\n",
        "# TYPE a gauge\na{b=\"\"c\"} 1\n# EOF\n",
        "# TYPE a gauge\na{b=\"1\",} 1\n# EOF\n",
        "# TYPE a gauge\na{b=\"\\x\"} 1\n# EOF\n",
        "# TYPE a gauge\na{} \n# EOF\n",
        "# TYPE a gauge\na 1 # x\n# EOF\n",
        "# TYPE a gauge\na NaN\n# EOF\n",
        "# TYPE a gauge\nb 1\n# EOF\n",
        "# TYPE a gauge\n# HELP a x\n# UNIT a y\n# EOF\n",
        "# TYPE a info\na_info 1\n# EOF\n",
        "# TYPE 1a gauge\n# EOF\n",
        "# EOF\n\n",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
