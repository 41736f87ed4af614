//! A span, as far as OTLP goes.

use jiff::Timestamp;

/// A finished span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Id of its trace.
    pub trace_id: [u8; 16],
    /// Its own id.
    pub span_id: [u8; 8],
    /// Id of the span that it is part of.
    pub parent: Option<[u8; 8]>,
    /// Its name; what is beyond 4 KiB is cut off.
    pub name: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// What is said of it, by key; texts are cut off at 4 KiB.
    pub attributes: Vec<(String, Value)>,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// Yes or no.
    Bool(bool),
    /// Texts.
    Texts(Vec<String>),
}
