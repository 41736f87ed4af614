//! A span, as far as OTLP goes.

use jiff::Timestamp;

/// A finished span of a trace: a build, or an interval of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The id that all spans of a build share.
    pub trace_id: [u8; 16],
    /// The id that no other span of the trace has.
    pub span_id: [u8; 8],
    /// Id of the span that it is part of.
    pub parent: Option<[u8; 8]>,
    /// Its name; what is beyond 4 KiB is cut off.
    pub name: String,
    /// When it began, on BuildKit's clock.
    pub start: Timestamp,
    /// When it ended, on BuildKit's clock.
    pub end: Timestamp,
    /// What is said of it, by key; texts are cut off at 4 KiB.
    pub attributes: Vec<(String, Value)>,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string, sent up to 4 KiB.
    Text(String),
    /// A 64-bit integer.
    Integer(i64),
    /// A double.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// An array of strings, each sent up to 4 KiB.
    Texts(Vec<String>),
}
