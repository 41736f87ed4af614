//! `--matrix`: what the same race is repeated over, side by side.

use std::str::FromStr;

/// Characters of a value's name.
const LONGEST: usize = 24;

/// What differs from value to value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The builder.
    Builder,
    /// The QEMU that runs foreign programs.
    Qemu,
}

impl Axis {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Builder => "builder",
            Self::Qemu => "qemu",
        }
    }
}

/// A value, as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixValue {
    /// What results call it, where that was typed.
    pub name: Option<String>,
    /// A builder as `--builder` takes it, or a QEMU.
    pub value: String,
}

/// An axis with its values, two or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// What differs.
    pub axis: Axis,
    /// The values, the reference first.
    pub values: Vec<MatrixValue>,
}

impl Matrix {
    /// What results call the values of builders: the typed name, else the
    /// builder's, of an address its scheme. No two are the same.
    pub fn builder_names(&self) -> Vec<String> {
        let usual = self.values.iter().map(|value| match &value.name {
            Some(name) => name.clone(),
            None => usual_name(&value.value),
        });
        let usual: Vec<String> = usual.collect();
        let numbered = usual.iter().enumerate().map(|(at, name)| {
            let of_name = |range: &[String]| range.iter().filter(|other| *other == name).count();
            match of_name(&usual) {
                1 => name.clone(),
                _ => format!("{name}-{}", of_name(&usual[..=at])),
            }
        });
        numbered.collect()
    }
}

/// The name of a builder that has none in results: an address would tell whose
/// machine it is.
fn usual_name(value: &str) -> String {
    let text = value.split_once("://").map_or(value, |(scheme, _)| scheme);
    let plain = text.chars().map(|c| match c {
        'a'..='z' | '0'..='9' | '-' | '_' | '.' => c,
        'A'..='Z' => c.to_ascii_lowercase(),
        _ => '-',
    });
    let plain: String = plain.collect();
    let plain = plain.trim_matches(['-', '_', '.']);
    let name: String = plain.chars().take(LONGEST).collect();
    match name.is_empty() {
        true => "builder".to_owned(),
        false => name,
    }
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    let begins = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    begins && text.len() <= LONGEST && text.bytes().all(plain)
}

impl FromStr for Matrix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "expected builder=A,B with builders, or qemu=A,B with versions of QEMU";
        let (axis, values) = text.split_once('=').ok_or(EXPECTED)?;
        let axis = match axis {
            "builder" => Axis::Builder,
            "qemu" => Axis::Qemu,
            _ => return Err(EXPECTED.to_owned()),
        };
        let values: Vec<MatrixValue> = values.split(',').map(|text| value(axis, text)).collect();
        if values.len() < 2 || values.iter().any(|value| value.value.is_empty()) {
            return Err(format!(
                "expected two or more values, like {}=A,B",
                axis.as_str()
            ));
        }
        for (at, value) in values.iter().enumerate() {
            let same = |other: &&MatrixValue| match &value.name {
                Some(_) => other.name == value.name,
                None => other.name.is_none() && other.value == value.value,
            };
            if values[..at].iter().any(|other| same(&other)) {
                let shown = value.name.as_ref().unwrap_or(&value.value);
                return Err(format!("{shown} is given twice"));
            }
        }
        Ok(Self { axis, values })
    }
}

/// `NAME=VALUE`, or a value: of builders alone, whose addresses are no names.
fn value(axis: Axis, text: &str) -> MatrixValue {
    match text.split_once('=') {
        Some((name, value)) if axis == Axis::Builder && is_name(name) => MatrixValue {
            name: Some(name.to_owned()),
            value: value.to_owned(),
        },
        _ => MatrixValue {
            name: None,
            value: text.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.parse::<Matrix>().unwrap().builder_names()
    }

    #[test]
    fn builders_are_called_as_they_are_named_and_never_by_their_address() {
        assert_eq!(names("builder=default,container"), ["default", "container"]);
        assert_eq!(
            names("builder=Farm,tcp://10.0.0.1:1234,unix:///run/b=c.sock"),
            ["farm", "tcp", "unix"]
        );
        assert_eq!(names("builder=tcp://a,tcp://b"), ["tcp-1", "tcp-2"]);
        assert_eq!(
            names("builder=default,arm=ssh://me@box"),
            ["default", "arm"]
        );
        assert_eq!(names("builder=old=container,new=container").len(), 2);
        assert_eq!(names("builder=漢,b")[0], "builder");
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        for text in [
            "",
            "builder",
            "builder=",
            "builder=a",
            "builder=a,",
            "builder=a,a",
            "builder=x=a,x=b",
            "builder=x=,b",
            "cpu=1,2",
            "qemu=10",
        ] {
            assert!(text.parse::<Matrix>().is_err(), "{text}");
        }
        let qemu: Matrix = "qemu=10,sid".parse().unwrap();
        assert_eq!((qemu.axis, qemu.values.len()), (Axis::Qemu, 2));
    }
}
