//! The format of `scenario.toml`, as far as the text alone can be checked.
//! `docs/scenarios.md` describes it; `project` checks it against the files.

use std::collections::BTreeMap;
use std::ops::Range;

use super::document::{At, Problem, Table, parse};
use super::edit::NONCE;
use super::error::{choice, quoted};
use super::name::{
    check_bake_target, check_build_arg, check_commit, check_git_ref, check_git_url, check_name,
    check_relative,
};
use super::output::Output;
use super::smoke::Smoke;
use crate::model::{BuildKind, Label, Platform, SOURCE};

/// A scenario as written. Paths are as written too, with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// One line on what it is.
    pub title: String,
    /// What its program is written in, if it says.
    pub language: Option<String>,
    /// Whether it is raced only where it is named.
    pub control: bool,
    /// The folder that the sources are in, or where they are fetched from.
    pub sources: WrittenSources,
    /// Platforms of the multi-arch kinds.
    pub platforms: Vec<Platform>,
    /// Kinds to build.
    pub kinds: Vec<BuildKind>,
    /// Variants, in the order written.
    pub variants: Vec<WrittenVariant>,
    /// The edits of incremental builds, in parts.
    pub edits: Vec<WrittenEdit>,
    /// What an image must hold to count.
    pub output: Option<Output>,
}

/// Where the sources are, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WrittenSources {
    /// In a folder of the project.
    Folder(At<String>),
    /// They are fetched.
    Fetched(WrittenFetch),
}

/// Where sources are fetched from, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenFetch {
    /// URL of the git repository.
    pub git: String,
    /// Tag or branch.
    pub reference: String,
    /// The commit that it must be.
    pub commit: String,
    /// Dockerfile whose last stage is the sources, for where git has no answer.
    pub otherwise: Option<At<String>>,
}

/// A `[[variant]]` as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenVariant {
    /// The variant's name, unique in its scenario.
    pub name: At<String>,
    /// Whether the others are compared with it.
    pub reference: bool,
    /// Whether a race may go on without it.
    pub optional: bool,
    /// Where its Dockerfile is, if it says.
    pub dockerfile: Option<At<String>>,
    /// Targets of bake that say what it is, in place of a Dockerfile.
    pub bake: Option<At<Vec<String>>>,
    /// The bake files.
    pub bake_files: Vec<At<String>>,
    /// Stage to build, if it says.
    pub target: Option<At<String>>,
    /// Build arguments.
    pub build_args: BTreeMap<String, String>,
    /// Further build contexts: folders, or what BuildKit fetches itself.
    pub contexts: Vec<(At<String>, String)>,
}

/// An `[edit]`, or a `[[edit]]`, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenEdit {
    /// The edit that it is a part of.
    pub name: Label,
    /// File to change, relative to the sources; each variant's Dockerfile where none
    /// is named.
    pub file: Option<At<String>>,
    /// How it changes; a LABEL is appended to a Dockerfile where it is not said.
    pub change: Option<WrittenChange>,
    /// Its table.
    pub span: Range<usize>,
}

/// How a file changes, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenChange {
    /// Text that is in the file exactly once.
    pub find: At<String>,
    /// What takes its place; `{nonce}` in it is replaced.
    pub replace: String,
}

const KEYS: [&str; 10] = [
    "title",
    "language",
    "control",
    "sources",
    "fetch",
    "platforms",
    "kinds",
    "edit",
    "output",
    "variant",
];
const OUTPUT_KEYS: [&str; 2] = ["binaries", "smoke"];
const SMOKE_KEYS: [&str; 2] = ["command", "prints"];
const EDIT_KEYS: [&str; 4] = ["name", "file", "find", "replace"];
/// The edit of Dockerfiles, which need not be named.
const DOCKERFILE: &str = "dockerfile";
const FETCH_KEYS: [&str; 4] = ["git", "ref", "commit", "otherwise"];
const VARIANT_KEYS: [&str; 9] = [
    "name",
    "reference",
    "optional",
    "dockerfile",
    "bake",
    "bake-file",
    "target",
    "build-args",
    "contexts",
];

/// Architectures that Go's and OCI's lists have for Linux and Windows.
const ARCHITECTURES: [&str; 11] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips64", "mips64le", "ppc64le", "riscv64", "s390x",
    "wasm",
];

/// Reads a `scenario.toml`.
///
/// # Errors
/// The first thing that is wrong, with its place in `text`.
pub(super) fn read(text: &str) -> Result<Written, Problem> {
    let document = parse(text)?;
    let root = Table::new("", 0..0, document.get_ref(), &KEYS)?;
    let title = root.required_string("title", "one line on what the scenario is")?;
    let title = title.try_map(|text| check_line("title", text))?.value;
    let language = root.string("language")?;
    let language = language
        .map(|at| at.try_map(|text| check_line("language", text)))
        .transpose()?;
    let sources = read_sources(&root)?;
    let platforms = root.list("platforms", read_platform)?.ok_or_else(|| {
        root.problem("missing key \"platforms\": a list like [\"linux/amd64\", \"linux/arm64\"]")
    })?;
    let edits = read_edits(&root)?;
    let kinds = root.list("kinds", |text| read_kind_of(text, &edits))?;
    Ok(Written {
        title,
        language: language.map(|at| at.value),
        control: root.flag("control")?,
        sources,
        platforms: platforms.value,
        kinds: kinds.map_or_else(|| usual_kinds(&edits), |kinds| kinds.value),
        variants: read_variants(&root)?,
        edits,
        output: read_output(&root)?,
    })
}

fn read_sources(root: &Table<'_, '_>) -> Result<WrittenSources, Problem> {
    let folder = root.string("sources")?;
    let Some(fetch) = root.table("fetch", &FETCH_KEYS)? else {
        let folder = folder.ok_or_else(|| {
            root.problem(
                "missing key \"sources\": the folder that is built, like \"src\", \
                 or a table [fetch] that says where it comes from",
            )
        })?;
        let folder = folder.try_map(|path| check_relative(&path).map(|()| path))?;
        return Ok(WrittenSources::Folder(folder));
    };
    if let Some(folder) = folder {
        return Err(folder.problem("\"sources\" beside [fetch]: expected one of the two"));
    }
    let required = |key, what, check: fn(&str) -> Result<(), String>| {
        let text = fetch.required_string(key, what)?;
        Ok::<_, Problem>(text.try_map(|text| check(&text).map(|()| text))?.value)
    };
    Ok(WrittenSources::Fetched(WrittenFetch {
        git: required("git", "the URL of a git repository", check_git_url)?,
        reference: required("ref", "a tag or branch, like \"v1.0\"", check_git_ref)?,
        commit: required("commit", "the id of the commit that it is", check_commit)?,
        otherwise: fetch
            .string("otherwise")?
            .map(|path| path.try_map(|path| check_relative(&path).map(|()| path)))
            .transpose()?,
    }))
}

pub(super) fn check_line(what: &str, text: String) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(format!("{what} {} is not one line of text", quoted(&text)));
    }
    Ok(text)
}

fn read_platform(text: &str) -> Result<Platform, String> {
    let platform: Platform = text.parse().map_err(|_| {
        format!(
            "{} is not a platform: expected os/architecture[/variant], like \"linux/arm64\"",
            quoted(text)
        )
    })?;
    if platform.os() != "linux" && platform.os() != "windows" {
        return Err(format!(
            "platform {} has an unknown operating system: expected linux or windows",
            quoted(text)
        ));
    }
    if !ARCHITECTURES.contains(&platform.architecture()) {
        return Err(format!(
            "platform {} has an unknown architecture: {}",
            quoted(text),
            choice(platform.architecture(), &ARCHITECTURES)
        ));
    }
    Ok(platform)
}

pub(super) fn read_kind(text: &str) -> Result<BuildKind, String> {
    text.parse().map_err(|_| {
        let known = BuildKind::STANDARD.map(|kind| kind.to_string());
        format!(
            "unknown build kind {}: {}",
            quoted(text),
            choice(text, &known)
        )
    })
}

/// A kind that a scenario with these edits has.
fn read_kind_of(text: &str, edits: &[WrittenEdit]) -> Result<BuildKind, String> {
    let kind = read_kind(text)?;
    let is_known = |name: Label| edits.iter().any(|edit| edit.name == name);
    match kind.edit().filter(|name| !is_known(*name)) {
        None => Ok(kind),
        Some(name) => {
            let mut known: Vec<&str> = edits.iter().map(|edit| edit.name.as_str()).collect();
            known.dedup();
            let hint = choice(name.as_str(), &known);
            Err(format!("{} names no [[edit]]: {hint}", quoted(text)))
        }
    }
}

/// The kinds of a scenario that names none.
fn usual_kinds(edits: &[WrittenEdit]) -> Vec<BuildKind> {
    let mut kinds = BuildKind::STANDARD.to_vec();
    for kind in edits.iter().map(|edit| BuildKind::after(edit.name)) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.sort();
    kinds
}

fn read_edits(root: &Table<'_, '_>) -> Result<Vec<WrittenEdit>, Problem> {
    let tables = match root.is_list("edit") {
        true => root.tables("edit", &EDIT_KEYS)?,
        false => root.table("edit", &EDIT_KEYS)?.into_iter().collect(),
    };
    let edits: Vec<WrittenEdit> = tables.iter().map(read_edit).collect::<Result<_, _>>()?;
    if !edits.iter().any(|edit| edit.name.as_str() == SOURCE) {
        return Err(
            root.problem("missing table [edit]: what an incremental build changes in the sources")
        );
    }
    Ok(edits)
}

fn read_edit(table: &Table<'_, '_>) -> Result<WrittenEdit, Problem> {
    let name = table.string("name")?;
    let name = name.map(|name| name.try_map(|name| name.parse::<Label>()));
    let name = match name.transpose()? {
        Some(name) => name.value,
        None => SOURCE
            .parse()
            .map_err(|error: String| table.problem(error))?,
    };
    let is_of_dockerfile = name.as_str() == DOCKERFILE && !table.has("file");
    let file = match is_of_dockerfile {
        true => None,
        false => {
            let file =
                table.required_string("file", "the file to change, relative to the sources")?;
            Some(file.try_map(|path| check_relative(&path).map(|()| path))?)
        }
    };
    let is_label = is_of_dockerfile && !table.has("find") && !table.has("replace");
    let change = match is_label {
        true => None,
        false => Some(read_change(table)?),
    };
    Ok(WrittenEdit {
        name,
        file,
        change,
        span: table.span(),
    })
}

fn read_change(table: &Table<'_, '_>) -> Result<WrittenChange, Problem> {
    let find = table.required_string("find", "a text that is in the file exactly once")?;
    if find.value.is_empty() {
        return Err(find.problem("\"find\" of [edit] is empty: nothing to find"));
    }
    let replace = table.required_string("replace", "the text that takes its place")?;
    if !replace.value.contains(NONCE) {
        return Err(replace.problem(format!(
            "\"replace\" of [edit] must hold {NONCE}, which makes every edit another one"
        )));
    }
    Ok(WrittenChange {
        find,
        replace: replace.value,
    })
}

fn read_output(root: &Table<'_, '_>) -> Result<Option<Output>, Problem> {
    let Some(table) = root.table("output", &OUTPUT_KEYS)? else {
        return Ok(None);
    };
    let absolute = |path: &str| {
        let is_absolute = path.starts_with('/') && !path.ends_with('/');
        if is_absolute && !path.contains('\0') {
            return Ok(path.to_owned());
        }
        Err(format!(
            "{} is no program of an image: expected an absolute path, like \"/usr/local/bin/hello\"",
            quoted(path)
        ))
    };
    let binaries = table.list("binaries", absolute)?;
    Ok(Some(Output {
        binaries: binaries.map(|at| at.value).unwrap_or_default(),
        smoke: read_smoke(&table)?,
    }))
}

fn read_smoke(output: &Table<'_, '_>) -> Result<Option<Smoke>, Problem> {
    let Some(table) = output.table("smoke", &SMOKE_KEYS)? else {
        return Ok(None);
    };
    let command = table.words("command")?.ok_or_else(|| {
        table.problem(
            "missing key \"command\" of [output.smoke]: a list like [\"hello\", \"--version\"]",
        )
    })?;
    for (index, word) in command.value.iter().enumerate() {
        if word.value.contains('\0') || (index == 0 && word.value.is_empty()) {
            let text = quoted(&word.value);
            return Err(word.problem(format!("{text} cannot be part of a command")));
        }
    }
    let prints = table.required_string("prints", "a regular expression that its output matches")?;
    let command = command.value.into_iter().map(|word| word.value).collect();
    let smoke = prints.try_map(|prints| Smoke::new(command, prints))?;
    Ok(Some(smoke.value))
}

fn read_variants(root: &Table<'_, '_>) -> Result<Vec<WrittenVariant>, Problem> {
    let tables = root.tables("variant", &VARIANT_KEYS)?;
    let mut variants: Vec<WrittenVariant> = Vec::with_capacity(tables.len());
    for table in &tables {
        let variant = read_variant(table)?;
        if variants.iter().any(|v| v.name.value == variant.name.value) {
            return Err(variant.name.problem(format!(
                "two variants are named {}",
                quoted(&variant.name.value)
            )));
        }
        if let Some(first) = variants.iter().find(|v| v.reference && variant.reference) {
            return Err(variant.name.problem(format!(
                "two references, {:?} and {:?}: expected reference = true for one variant only",
                first.name.value, variant.name.value
            )));
        }
        if variant.reference && variant.optional {
            return Err(variant.name.problem(format!(
                "the reference {} cannot be optional: the others are compared with it",
                quoted(&variant.name.value)
            )));
        }
        variants.push(variant);
    }
    if variants.len() < 2 {
        let place = variants.first().map_or(0..0, |v| v.name.span.clone());
        return Err(Problem::new(
            place,
            format!(
                "a race needs two variants or more, written as [[variant]]: found {}",
                variants.len()
            ),
        ));
    }
    if !variants.iter().any(|variant| variant.reference) {
        return Err(variants[0].name.problem(
            "no reference: one [[variant]] needs reference = true, the one to compare with",
        ));
    }
    Ok(variants)
}

fn read_variant(table: &Table<'_, '_>) -> Result<WrittenVariant, Problem> {
    let name = table.required_string("name", "the variant's name, like \"naive\"")?;
    let name = name.try_map(|name| check_name("variant", &name).map(|()| name))?;
    let dockerfile = table
        .string("dockerfile")?
        .map(|path| path.try_map(|path| check_relative(&path).map(|()| path)))
        .transpose()?;
    let mut build_args = BTreeMap::new();
    for (key, value) in table.strings("build-args")? {
        let key = key.try_map(|key| check_build_arg(&key).map(|()| key))?;
        build_args.insert(key.value, value);
    }
    let bake = one_or_more(table, "bake", check_bake_target)?;
    let files = one_or_more(table, "bake-file", check_relative)?;
    if let Some(bake) = &bake {
        let others = ["dockerfile", "target", "build-args", "contexts"];
        if let Some(key) = others.into_iter().find(|key| table.has(key)) {
            let first = bake.value.first().map_or("app", String::as_str);
            return Err(bake.problem(format!(
                "\"bake\" beside {key:?}: what {} is built of is said by the bake file alone",
                quoted(first)
            )));
        }
    }
    let bake_files = match (&bake, files) {
        (_, None) => Vec::new(),
        (Some(_), Some(files)) => {
            let span = files.span;
            let at = |value| At {
                span: span.clone(),
                value,
            };
            files.value.into_iter().map(at).collect()
        }
        (None, Some(files)) => {
            return Err(files.problem(
                "\"bake-file\" without \"bake\": expected the targets to build, like \
                 bake = \"app\"",
            ));
        }
    };
    Ok(WrittenVariant {
        name,
        reference: table.flag("reference")?,
        optional: table.flag("optional")?,
        dockerfile,
        bake,
        bake_files,
        target: table.string("target")?,
        build_args,
        contexts: table.strings("contexts")?,
    })
}

/// A string, or a list of strings.
fn one_or_more(
    table: &Table<'_, '_>,
    key: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Option<At<Vec<String>>>, Problem> {
    if let Ok(Some(one)) = table.string(key) {
        let span = one.span.clone();
        let one = one.try_map(|text| check(&text).map(|()| text))?;
        let value = vec![one.value];
        return Ok(Some(At { span, value }));
    }
    table.list(key, |text| check(text).map(|()| text.to_owned()))
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
