//! What was typed to make a run: enough to make it again.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The program's name, the first word of every invocation.
const PROGRAM: &str = "buildrace";

/// A verb of buildrace with its operands and options. In JSON it is a list of
/// words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The verb, `run`; empty in runs that nobody typed.
    pub verb: String,
    /// What stands behind the verb: scenarios, or Dockerfiles.
    pub operands: Vec<String>,
    /// Options by their names without dashes, with their values: none of a flag.
    options: Vec<(String, Option<String>)>,
}

impl Invocation {
    /// A verb with its operands.
    pub fn new(verb: &str, operands: impl IntoIterator<Item = String>) -> Self {
        Self {
            verb: verb.to_owned(),
            operands: operands.into_iter().collect(),
            options: Vec::new(),
        }
    }

    /// Adds an option behind the others. One that may be given several times is
    /// added each time.
    pub fn option(&mut self, name: &str, value: impl ToString) {
        self.options
            .push((name.to_owned(), Some(value.to_string())));
    }

    /// Adds an option whose values are joined by commas, unless there are none.
    pub fn list<T: ToString>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        let values: Vec<String> = values.into_iter().map(|v| v.to_string()).collect();
        if !values.is_empty() {
            self.option(name, values.join(","));
        }
    }

    /// Adds an option that has no value.
    pub fn flag(&mut self, name: &str) {
        self.options.push((name.to_owned(), None));
    }

    /// Sets an option in place of what it was, before the others.
    pub fn set_first(&mut self, name: &str, value: impl ToString) {
        self.options.retain(|(known, _)| known != name);
        let option = (name.to_owned(), Some(value.to_string()));
        self.options.insert(0, option);
    }

    /// The same without an option, however often it is given.
    pub fn without(mut self, name: &str) -> Self {
        self.options.retain(|(known, _)| known != name);
        self
    }

    /// Adds the options of another invocation.
    pub fn extend(&mut self, other: Self) {
        self.options.extend(other.options);
    }

    /// Whether an option is given.
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(known, _)| known == name)
    }

    /// Its words, the program's name first.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![PROGRAM.to_owned()];
        words.extend((!self.verb.is_empty()).then(|| self.verb.clone()));
        words.extend(self.operands.iter().cloned());
        for (name, value) in &self.options {
            words.push(format!("--{name}"));
            words.extend(value.clone());
        }
        words
    }

    /// The same, as they are typed into a shell.
    pub fn shell_words(&self) -> Vec<String> {
        self.words().iter().map(|word| shell(word)).collect()
    }

    fn of_words(words: Vec<String>) -> Self {
        let mut words = words.into_iter().peekable();
        words.next_if(|word| word == PROGRAM);
        let mut invocation = Self::new(&words.next().unwrap_or_default(), []);
        while let Some(word) = words.next() {
            let Some(option) = word.strip_prefix("--") else {
                invocation.operands.push(word);
                continue;
            };
            let value = match option.split_once('=') {
                Some((_, value)) => Some(value.to_owned()),
                None => words.next_if(|word| !word.starts_with("--")),
            };
            let name = option.split('=').next().unwrap_or_default();
            invocation.options.push((name.to_owned(), value));
        }
        invocation
    }
}

/// As it is typed into a shell.
impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shell_words().join(" "))
    }
}

/// A word for a shell, in quotes where it needs them. shlex would quote every
/// list of names and every `--option=value` too.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

impl Serialize for Invocation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.words().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Invocation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::of_words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Invocation {
        let words: Vec<&str> = words.split(' ').collect();
        serde_json::from_value(serde_json::json!(words)).unwrap()
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for words in [
            "buildrace run go-hello c --kinds cold,noop --rounds 3 --image-size",
            "buildrace compare a b --build-arg A --build-arg B --keep-contaminated --seed 1",
        ] {
            let read = read(words);
            assert_eq!(read.to_string(), words);
            let written = serde_json::to_value(&read).unwrap();
            assert_eq!(written, serde_json::json!(read.words()));
        }
        // As older versions and people write it.
        assert_eq!(
            read("run go-hello --seed=5").to_string(),
            "buildrace run go-hello --seed 5"
        );
    }

    #[test]
    fn an_option_can_be_set_and_asked_for() {
        let mut run = read("buildrace run c --kinds cold --variant a,b");
        run.set_first("variant", "a");
        run.list("platform", [""; 0]);
        run.flag("image-size");
        assert_eq!(
            run.to_string(),
            "buildrace run c --variant a --kinds cold --image-size"
        );
        assert!(run.has("kinds") && !run.has("seed"));
    }

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        let mut compare = Invocation::new("compare", ["my file".to_owned(), "b".to_owned()]);
        compare.option("edit-with", "s/it's/its/");
        assert_eq!(
            compare.to_string(),
            r"buildrace compare 'my file' b --edit-with 's/it'\''s/its/'"
        );
    }
}
