//! The attributes of one target, read one by one: whatever nobody asked for is
//! left over, and named.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::BakeError;
use super::escapes::Escapes;

/// The attributes of a target.
pub(super) struct Object {
    target: String,
    values: Map<String, Value>,
    escapes: Escapes,
}

impl Object {
    pub(super) fn new(target: &str, value: &Value, escapes: Escapes) -> Result<Self, BakeError> {
        let Value::Object(values) = value else {
            return Err(BakeError::Unreadable(format!(
                "the target {target:?} is no table"
            )));
        };
        // What is null, false or empty says nothing.
        let says = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(values) => !values.is_empty(),
            Value::Object(values) => !values.is_empty(),
            _ => true,
        };
        let values = values.iter().filter(|(_, value)| says(value));
        Ok(Self {
            target: target.to_owned(),
            values: values.map(|(k, v)| (k.clone(), v.clone())).collect(),
            escapes,
        })
    }

    /// Takes an attribute, whatever it says.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.values.remove(key)
    }

    /// The names of those that are left.
    pub(super) fn left(&self) -> impl Iterator<Item = &String> {
        self.values.keys()
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<bool, BakeError> {
        match self.take(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(value) => Err(self.wrong(key, &value, "true or false")),
        }
    }

    /// A text. An empty one is none.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, BakeError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(value) => Err(self.wrong(key, &value, "a text")),
        }
    }

    /// A text in which buildx may have doubled what bake would read.
    pub(super) fn escaped(&mut self, key: &str) -> Result<Option<String>, BakeError> {
        Ok(self.text(key)?.map(|text| self.plain(text)))
    }

    /// A list of texts; a single text is a list of one. Empty ones are left out.
    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<String>, BakeError> {
        let values = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(value) => vec![value],
        };
        let mut texts = Vec::with_capacity(values.len());
        for value in values {
            match value {
                Value::String(text) if text.is_empty() => {}
                Value::String(text) => texts.push(text),
                value => return Err(self.wrong(key, &value, "a list of texts")),
            }
        }
        Ok(texts)
    }

    /// A table of texts. What is null is left out, as bake leaves it out.
    pub(super) fn table(&mut self, key: &str) -> Result<BTreeMap<String, String>, BakeError> {
        let values = match self.take(key) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(values)) => values,
            Some(value) => return Err(self.wrong(key, &value, "a table of texts")),
        };
        let mut table = BTreeMap::new();
        for (name, value) in values {
            match value {
                Value::Null => {}
                Value::String(text) => {
                    table.insert(name, text);
                }
                value => return Err(self.wrong(key, &value, "a table of texts")),
            }
        }
        Ok(table)
    }

    /// A table of texts in which buildx may have doubled what bake would read.
    pub(super) fn escaped_table(
        &mut self,
        key: &str,
    ) -> Result<BTreeMap<String, String>, BakeError> {
        let table = self.table(key)?.into_iter();
        Ok(table.map(|(name, text)| (name, self.plain(text))).collect())
    }

    /// A list of texts like `id=x,src=y`, or of tables with these keys; as tables.
    /// A word without `=` has the key `first`.
    pub(super) fn records(
        &mut self,
        key: &str,
        first: &str,
    ) -> Result<Vec<BTreeMap<String, String>>, BakeError> {
        let values = match self.take(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(value) => vec![value],
        };
        let mut records = Vec::with_capacity(values.len());
        for value in values {
            let record = match &value {
                Value::String(text) if text.is_empty() => continue,
                Value::String(text) => {
                    let parts = text.split(',').map(|part| match part.split_once('=') {
                        Some((key, value)) => (key.trim().to_owned(), value.to_owned()),
                        None => (first.to_owned(), part.to_owned()),
                    });
                    Some(parts.collect())
                }
                Value::Object(fields) => {
                    let fields = fields.iter().map(|(key, value)| match value {
                        Value::String(text) => Some((key.clone(), text.clone())),
                        Value::Array(values) => {
                            let words = values.iter().map(Value::as_str);
                            let words: Option<Vec<&str>> = words.collect();
                            Some((key.clone(), words?.join(",")))
                        }
                        _ => None,
                    });
                    fields.collect()
                }
                _ => None,
            };
            match record {
                Some(record) => records.push(record),
                None => return Err(self.wrong(key, &value, "a list like [\"id=ID,src=FILE\"]")),
            }
        }
        Ok(records)
    }

    pub(super) fn refused(&self, what: impl Into<String>, reason: impl Into<String>) -> BakeError {
        BakeError::Refused {
            target: self.target.clone(),
            what: what.into(),
            reason: reason.into(),
        }
    }

    pub(super) fn wrong(&self, key: &str, value: &Value, expected: &'static str) -> BakeError {
        BakeError::Value {
            target: self.target.clone(),
            key: key.to_owned(),
            value: value.to_string(),
            expected,
        }
    }

    fn plain(&self, text: String) -> String {
        match self.escapes {
            Escapes::None => text,
            Escapes::Doubled => text.replace("$${", "${").replace("%%{", "%{"),
        }
    }
}
