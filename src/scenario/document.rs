//! Strict reading of a TOML document: every key is asked for or refused, and
//! every refusal knows its place in the text.
//!
//! serde could do this too, but its messages name Rust types and list every
//! field; these say what the reader of a scenario needs.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{choice, nearest, one_line, quoted};

/// Something is wrong at a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The bytes of the document that are wrong.
    pub span: Range<usize>,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// Its bytes in the document.
    pub span: Range<usize>,
    /// The value itself, without its place.
    pub value: T,
}

impl<T> At<T> {
    /// Keeps the place; where `change` fails, its message is said of it.
    pub(crate) fn try_map<U>(
        self,
        change: impl FnOnce(T) -> Result<U, String>,
    ) -> Result<At<U>, Problem> {
        match change(self.value) {
            Ok(value) => Ok(At {
                span: self.span,
                value,
            }),
            Err(message) => Err(Problem::new(self.span, message)),
        }
    }

    /// A problem at this place.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.span.clone(), message)
    }
}

/// Parses a document, or says at which bytes it stops being TOML.
pub(crate) fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Problem> {
    DeTable::parse(text).map_err(|error| {
        Problem::new(
            error.span().unwrap_or(text.len()..text.len()),
            format!("not valid TOML: {}", one_line(error.message())),
        )
    })
}

/// A table that is read strictly: [`Table::new`] refuses unknown keys, so
/// whatever the table holds is asked for.
#[derive(Debug)]
pub(crate) struct Table<'d, 'i> {
    /// How messages call it: `[edit]`; empty for the document.
    name: String,
    span: Range<usize>,
    entries: &'d DeTable<'i>,
}

impl<'d, 'i> Table<'d, 'i> {
    /// Refuses every key that is not in `known`, the first in the text first.
    pub(crate) fn new(
        name: &str,
        span: Range<usize>,
        entries: &'d DeTable<'i>,
        known: &[&str],
    ) -> Result<Self, Problem> {
        let unknown = entries
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        if let Some(key) = unknown {
            let written = key.get_ref();
            let place = if name.is_empty() {
                String::new()
            } else {
                format!(" in {name}")
            };
            let hint = match nearest(written, known) {
                Some(near) => format!("did you mean {near:?}?"),
                None => choice(written, known),
            };
            return Err(Problem::new(
                key.span(),
                format!("unknown key {}{place}: {hint}", quoted(written)),
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            span,
            entries,
        })
    }

    /// How messages call a key of this table.
    fn key(&self, key: &str) -> String {
        if self.name.is_empty() {
            format!("{key:?}")
        } else {
            format!("{key:?} of {}", self.name)
        }
    }

    /// A problem with the table as a whole.
    pub(crate) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.span.clone(), message)
    }

    fn get(&self, key: &str) -> Option<&'d Spanned<DeValue<'i>>> {
        self.entries.get(key)
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> Problem {
        Problem::new(
            value.span(),
            format!(
                "{} must be {expected}, not {}",
                self.key(key),
                type_of(value.get_ref())
            ),
        )
    }

    /// A string, if the key is there.
    pub(crate) fn string(&self, key: &str) -> Result<Option<At<String>>, Problem> {
        self.get(key)
            .map(|value| match value.get_ref() {
                DeValue::String(text) => Ok(At {
                    span: value.span(),
                    value: text.clone().into_owned(),
                }),
                _ => Err(self.wrong(key, value, "a string")),
            })
            .transpose()
    }

    /// Whether the key is there and holds a list.
    pub(crate) fn is_list(&self, key: &str) -> bool {
        let value = self.get(key).map(|value| value.get_ref());
        matches!(value, Some(DeValue::Array(_)))
    }

    /// Its bytes in the document.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// A string, or a number as it is written, if the key is there.
    pub(crate) fn scalar(&self, key: &str) -> Result<Option<At<String>>, Problem> {
        let text = |value: &DeValue<'_>| match value {
            DeValue::String(text) => Some(text.clone().into_owned()),
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            _ => None,
        };
        self.get(key)
            .map(|value| match text(value.get_ref()) {
                Some(text) => Ok(At {
                    span: value.span(),
                    value: text,
                }),
                None => Err(self.wrong(key, value, "a string or a number")),
            })
            .transpose()
    }

    /// A string that must be there; `what` says what it is for.
    pub(crate) fn required_string(&self, key: &str, what: &str) -> Result<At<String>, Problem> {
        self.string(key)?
            .ok_or_else(|| self.problem(format!("missing key {}: {what}", self.key(key))))
    }

    /// A boolean, false if the key is not there.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, Problem> {
        match self.get(key) {
            None => Ok(false),
            Some(value) => match value.get_ref() {
                DeValue::Boolean(flag) => Ok(*flag),
                _ => Err(self.wrong(key, value, "true or false")),
            },
        }
    }

    /// A list of strings that holds at least one and none twice, if the key
    /// is there; `read` turns each into what it means.
    pub(crate) fn list<T: Ord + Clone>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<At<Vec<T>>>, Problem> {
        let Some(words) = self.words(key)? else {
            return Ok(None);
        };
        let mut seen = BTreeSet::new();
        let mut list = Vec::new();
        for word in words.value {
            let meaning = read(&word.value).map_err(|message| word.problem(message))?;
            if !seen.insert(meaning.clone()) {
                let text = quoted(&word.value);
                return Err(word.problem(format!("{} names {text} twice", self.key(key))));
            }
            list.push(meaning);
        }
        Ok(Some(At {
            span: words.span,
            value: list,
        }))
    }

    /// Whether the key is there and holds an empty list.
    pub(crate) fn is_empty_list(&self, key: &str) -> bool {
        let value = self.get(key).map(|value| value.get_ref());
        matches!(value, Some(DeValue::Array(items)) if items.is_empty())
    }

    /// A list of strings that holds at least one, in the order written, if the
    /// key is there.
    pub(crate) fn words(&self, key: &str) -> Result<Option<At<Vec<At<String>>>>, Problem> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let DeValue::Array(items) = value.get_ref() else {
            return Err(self.wrong(key, value, "a list of strings"));
        };
        let mut words = Vec::new();
        for item in items {
            let DeValue::String(text) = item.get_ref() else {
                return Err(self.wrong(key, item, "a list of strings"));
            };
            words.push(At {
                span: item.span(),
                value: text.clone().into_owned(),
            });
        }
        if words.is_empty() {
            return Err(Problem::new(
                value.span(),
                format!("{} is empty: expected at least one", self.key(key)),
            ));
        }
        Ok(Some(At {
            span: value.span(),
            value: words,
        }))
    }

    /// A table of this table, if the key is there.
    pub(crate) fn table(
        &self,
        key: &str,
        known: &[&str],
    ) -> Result<Option<Table<'d, 'i>>, Problem> {
        let name = match self.name.trim_matches(['[', ']']) {
            "" => format!("[{key}]"),
            outer => format!("[{outer}.{key}]"),
        };
        self.get(key)
            .map(|value| match value.get_ref() {
                DeValue::Table(entries) => Table::new(&name, value.span(), entries, known),
                _ => Err(self.wrong(key, value, "a table")),
            })
            .transpose()
    }

    /// The tables of an array of tables; none if the key is not there.
    pub(crate) fn tables(&self, key: &str, known: &[&str]) -> Result<Vec<Table<'d, 'i>>, Problem> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let DeValue::Array(items) = value.get_ref() else {
            return Err(self.wrong(key, value, &format!("written as [[{key}]]")));
        };
        items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::Table(entries) => {
                    Table::new(&format!("[[{key}]]"), item.span(), entries, known)
                }
                _ => Err(self.wrong(key, item, &format!("written as [[{key}]]"))),
            })
            .collect()
    }

    /// A table from names to strings; empty if the key is not there.
    pub(crate) fn strings(&self, key: &str) -> Result<Vec<(At<String>, String)>, Problem> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let DeValue::Table(entries) = value.get_ref() else {
            return Err(self.wrong(key, value, "a table of strings"));
        };
        entries
            .iter()
            .map(|(name, value)| {
                let DeValue::String(text) = value.get_ref() else {
                    return Err(self.wrong(key, value, "a table of strings"));
                };
                let name = At {
                    span: name.span(),
                    value: name.get_ref().clone().into_owned(),
                };
                Ok((name, text.clone().into_owned()))
            })
            .collect()
    }
}

fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
