//! The variables that steps see: build arguments and what ENV sets.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::{Value, Variable};
use super::known::Known;
use crate::secrets::is_secret_name;

/// Which variables are build arguments in one of two builds.
pub(super) struct Variables<'a> {
    arguments: BTreeSet<&'a str>,
    /// The lines at which each is declared, in the earlier build and in this one.
    declared: BTreeMap<&'a str, [Vec<usize>; 2]>,
    values: [Option<&'a BTreeMap<String, String>>; 2],
}

impl<'a> Variables<'a> {
    pub(super) fn of(build: &'a Known<'a>, earlier: &'a Known<'a>) -> Self {
        let values = [earlier, build].map(|known| {
            let told = known.provenance.map(|provenance| &provenance.arguments);
            known.arguments.or(told)
        });
        let mut declared: BTreeMap<&str, [Vec<usize>; 2]> = BTreeMap::new();
        for (of, known) in [earlier, build].into_iter().enumerate() {
            for (line, name) in declarations(known) {
                declared.entry(name).or_default()[of].push(line);
            }
        }
        let given = values.iter().flatten().flat_map(|values| values.keys());
        let arguments = given.map(String::as_str).chain(declared.keys().copied());
        Self {
            arguments: arguments.collect(),
            declared,
            values,
        }
    }

    pub(super) fn is_argument(&self, name: &str) -> bool {
        self.arguments.contains(name)
    }

    /// A variable with its values, each shown if it may be.
    pub(super) fn variable(
        &self,
        name: &str,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Variable {
        let value = |value: Option<&str>| match value {
            None => Value::Unset,
            Some(_) if is_secret_name(name) => Value::Hidden,
            Some(text) => Value::Set(text.to_owned()),
        };
        let both = self.declared.get(name);
        let is_moved = both.is_some_and(|[then, now]| !then.is_empty() && !now.is_empty());
        Variable {
            name: name.to_owned(),
            before: value(before),
            after: value(after),
            moved: is_moved && before.is_none() != after.is_none(),
        }
    }

    /// The build arguments among some names that were given other values.
    pub(super) fn changed<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<Variable> {
        let [Some(then), Some(now)] = self.values else {
            return Vec::new();
        };
        let of =
            |values: &'a BTreeMap<String, String>, name: &str| values.get(name).map(String::as_str);
        let changed = names.filter(|name| of(then, name) != of(now, name));
        changed
            .map(|name| self.variable(name, of(then, name), of(now, name)))
            .collect()
    }

    /// All build arguments that were given other values.
    pub(super) fn all_changed(&self) -> Vec<Variable> {
        self.changed(self.arguments.iter().copied())
    }

    /// The build argument whose other value makes one text of the other.
    pub(super) fn explaining(&self, before: &str, after: &str) -> Vec<Variable> {
        let [Some(then), Some(now)] = self.values else {
            return Vec::new();
        };
        let explains = |name: &&&str| match (then.get(**name), now.get(**name)) {
            (Some(old), Some(new)) if old != new && !old.is_empty() => {
                before.replace(old.as_str(), new) == after
            }
            _ => false,
        };
        let found = self.arguments.iter().filter(explains).copied();
        self.changed(found)
    }
}

/// Each ARG of a Dockerfile, with its line.
fn declarations<'a>(known: &'a Known<'a>) -> impl Iterator<Item = (usize, &'a str)> {
    let lines = known.provenance.and_then(|p| p.dockerfile.as_deref());
    let lines = lines.unwrap_or_default().lines().zip(1..);
    lines.flat_map(|(line, number)| {
        let mut words = line.split_whitespace();
        let is_arg = words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case("ARG"));
        let words = words.filter(move |_| is_arg);
        words.map(move |word| (number, word.split('=').next().unwrap_or(word)))
    })
}

/// The variables of the one list that the other has not.
pub(super) fn without(variables: Vec<Variable>, known: &[Variable]) -> Vec<Variable> {
    let is_known = |variable: &Variable| known.iter().any(|known| known.name == variable.name);
    variables.into_iter().filter(|v| !is_known(v)).collect()
}

/// The names of the variables that stand in an instruction.
pub(super) fn used(instruction: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, _) in instruction.match_indices('$') {
        let rest = &instruction[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest
            .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        if end > 0 {
            names.push(&rest[..end]);
        }
    }
    names
}
