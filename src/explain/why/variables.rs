//! The variables that steps see: build arguments and what ENV sets.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::{Value, Variable};
use super::known::Known;
use crate::secrets::is_secret_name;

/// What is known of the variables of two builds.
pub(super) struct Variables<'a> {
    /// Those that are build arguments in one of them.
    arguments: BTreeSet<&'a str>,
    /// Those that ENV sets in one of the Dockerfiles.
    set: BTreeSet<&'a str>,
    /// Whether both Dockerfiles are known.
    are_whole: bool,
    /// The lines at which each argument is declared in a stage, in the earlier build
    /// and in this one.
    declared: BTreeMap<&'a str, [Vec<usize>; 2]>,
    /// The values of build arguments, given or by default, in the earlier build and
    /// in this one; `None` where they are not known.
    values: [Option<BTreeMap<&'a str, &'a str>>; 2],
}

impl<'a> Variables<'a> {
    pub(super) fn of(build: &Known<'a>, earlier: &Known<'a>) -> Self {
        let both = [earlier, build];
        let dockerfiles = both.map(|known| {
            let text = known.provenance?.dockerfile.as_deref()?;
            Some(declarations(text))
        });
        let mut declared: BTreeMap<&str, [Vec<usize>; 2]> = BTreeMap::new();
        let mut set = BTreeSet::new();
        for (of, found) in dockerfiles.iter().enumerate() {
            for declaration in found.iter().flatten() {
                match declaration.word {
                    Word::Arg if declaration.is_in_stage => {
                        declared.entry(declaration.name).or_default()[of].push(declaration.line);
                    }
                    Word::Arg => {}
                    Word::Env => {
                        set.insert(declaration.name);
                    }
                }
            }
        }
        let values = [0, 1].map(|of| {
            let known = both[of];
            let told = known.provenance.map(|provenance| &provenance.arguments);
            let given = known.arguments.or(told);
            let defaults = dockerfiles[of].iter().flatten();
            let defaults = defaults.filter(|declaration| declaration.word == Word::Arg);
            let mut values: BTreeMap<&str, &str> = defaults
                .filter_map(|declaration| Some((declaration.name, declaration.value?)))
                .collect();
            let given = given.into_iter().flatten();
            values.extend(given.map(|(name, value)| (name.as_str(), value.as_str())));
            (known.arguments.or(told).is_some()).then_some(values)
        });
        let are_whole = dockerfiles.iter().all(Option::is_some);
        // One that no stage declares is seen by none.
        let given = values.iter().flatten().flat_map(BTreeMap::keys).copied();
        let given = given.filter(|_| !are_whole);
        Self {
            arguments: declared.keys().copied().chain(given).collect(),
            set,
            are_whole,
            declared,
            values,
        }
    }

    pub(super) fn is_argument(&self, name: &str) -> bool {
        self.arguments.contains(name)
    }

    /// Whether a variable is of the base image: no Dockerfile has it.
    pub(super) fn is_of_base(&self, name: &str) -> bool {
        self.are_whole && !self.is_argument(name) && !self.set.contains(name)
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

    /// The build arguments among some names that have other values.
    pub(super) fn changed<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<Variable> {
        let [Some(then), Some(now)] = &self.values else {
            return Vec::new();
        };
        let changed = names.filter(|name| then.get(name) != now.get(name));
        changed
            .map(|name| self.variable(name, then.get(name).copied(), now.get(name).copied()))
            .collect()
    }

    /// The build argument whose other value makes one text of the other.
    pub(super) fn explaining(&self, before: &str, after: &str) -> Vec<Variable> {
        let [Some(then), Some(now)] = &self.values else {
            return Vec::new();
        };
        let explains = |name: &&str| match (then.get(name), now.get(name)) {
            (Some(old), Some(new)) if old != new && !old.is_empty() => {
                before.replace(old, new) == after
            }
            _ => false,
        };
        let found = then.keys().copied().filter(explains);
        self.changed(found)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Arg,
    Env,
}

/// A variable that a Dockerfile declares.
struct Declaration<'t> {
    word: Word,
    name: &'t str,
    value: Option<&'t str>,
    line: usize,
    /// Whether it is below a FROM: one above is for FROM alone.
    is_in_stage: bool,
}

/// Each ARG and ENV of a Dockerfile.
fn declarations(dockerfile: &str) -> Vec<Declaration<'_>> {
    let mut found = Vec::new();
    let mut is_in_stage = false;
    // The instruction that the line before goes on with.
    let mut going_on = None;
    for (line, number) in dockerfile.lines().zip(1..) {
        let goes_on = line.trim_end().ends_with('\\');
        let mut words = line
            .split_whitespace()
            .filter(|word| *word != "\\")
            .peekable();
        let word = match going_on {
            Some(word) => Some(word),
            None => match words.next() {
                Some(first) if first.eq_ignore_ascii_case("ARG") => Some(Word::Arg),
                Some(first) if first.eq_ignore_ascii_case("ENV") => Some(Word::Env),
                Some(first) => {
                    is_in_stage |= first.eq_ignore_ascii_case("FROM");
                    None
                }
                None => None,
            },
        };
        going_on = word.filter(|_| goes_on);
        let Some(word) = word else { continue };
        // `ENV NAME VALUE`, of old.
        let is_old = word == Word::Env && words.peek().is_some_and(|first| !first.contains('='));
        for part in words {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value.trim_matches(['"', '\'']))),
                None => (part, None),
            };
            if value.is_some() || word == Word::Arg || is_old {
                found.push(Declaration {
                    word,
                    name,
                    value,
                    line: number,
                    is_in_stage,
                });
            }
            if is_old {
                break;
            }
        }
    }
    found
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
