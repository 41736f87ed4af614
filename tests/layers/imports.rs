//! What each source file of the library uses of the others. Rust's own
//! parser reads the files, so comments, strings and tests do not count.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemMod, ItemUse, UseTree, Visibility};

/// Names from the crate's root, or of one path.
type Names = Vec<String>;

/// How many re-exports may lie between a name and what it stands for.
const MAX_REEXPORTS: usize = 16;

/// The source files of the library, without those of tests.
pub struct Sources {
    files: Vec<Source>,
    /// The place in `files` of each module, those written within a file too.
    modules: HashMap<Names, usize>,
}

struct Source {
    /// From the project's folder, `src/trace/fold.rs`.
    file: String,
    module: Names,
    /// What a name stands for that a `use` brings in.
    bindings: HashMap<String, (Names, Names)>,
    paths: Vec<Used>,
}

/// A path in a file, as written.
struct Used {
    /// The module that it is written in.
    from: Names,
    path: Names,
    /// Whether it is no use of its own: a `pub use` of something.
    is_reexport: bool,
}

/// The items for which a file needs another, by the other's place.
pub type Needs = BTreeMap<usize, BTreeSet<String>>;

impl Sources {
    /// Reads `src/lib.rs` and every module that it declares.
    pub fn read() -> Self {
        let mut sources = Self {
            files: Vec::new(),
            modules: HashMap::new(),
        };
        sources.add("src/lib.rs".to_owned(), Vec::new());
        sources
    }

    fn add(&mut self, file: String, module: Names) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        let text = fs::read_to_string(&path).unwrap();
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut reader = Reader {
            source: Source {
                file: file.clone(),
                module: module.clone(),
                bindings: HashMap::new(),
                paths: Vec::new(),
            },
            module: module.clone(),
            inline: vec![module.clone()],
            declared: Vec::new(),
        };
        reader.visit_file(&syntax);
        let at = self.files.len();
        self.files.push(reader.source);
        for inline in reader.inline {
            self.modules.insert(inline, at);
        }
        let is_folder = ["lib.rs", "mod.rs"].iter().any(|name| path.ends_with(name));
        let folder = match is_folder {
            true => file.rsplit_once('/').unwrap().0,
            false => file.strip_suffix(".rs").unwrap(),
        };
        for name in reader.declared {
            let names = [
                &format!("{folder}/{name}.rs"),
                &format!("{folder}/{name}/mod.rs"),
            ];
            let exists =
                |file: &&&String| Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file();
            let child = names.iter().find(exists);
            let child = child.unwrap_or_else(|| panic!("no file of module {name} of {file}"));
            let module = module.iter().cloned().chain([name]);
            self.add((*child).clone(), module.collect());
        }
    }

    /// The files' names, from the project's folder.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|source| source.file.as_str())
    }

    /// The modules of the crate's root that a file names, by file.
    pub fn modules_named(&self) -> impl Iterator<Item = (&str, BTreeSet<&str>)> {
        self.files.iter().map(|source| {
            let named = source.paths.iter().filter_map(|used| {
                let (module, rest) = start(&used.from, &used.path)?;
                module.first().or(rest.first())
            });
            (source.file.as_str(), named.map(String::as_str).collect())
        })
    }

    /// What each file needs of others, in the order of [`files`](Self::files).
    ///
    /// A re-export is followed to the file that defines the item, and needs
    /// nothing itself: a folder's `mod.rs` may offer what its files define,
    /// and they may use what `mod.rs` defines.
    pub fn needs(&self) -> Vec<Needs> {
        let files = self.files.iter().enumerate();
        let needs = files.map(|(at, source)| {
            let mut needs = Needs::new();
            for used in source.paths.iter().filter(|used| !used.is_reexport) {
                let found = self.resolve(&used.from, &used.path, 0);
                if let Some((other, item)) = found.filter(|(other, _)| *other != at) {
                    needs.entry(other).or_default().insert(item);
                }
            }
            needs
        });
        needs.collect()
    }

    /// The file that defines what a path in a module means, and the item;
    /// `None` for other crates, what the file itself has, and modules.
    fn resolve(
        &self,
        from: &[String],
        path: &[String],
        reexports: usize,
    ) -> Option<(usize, String)> {
        if reexports > MAX_REEXPORTS {
            return None;
        }
        let is_child = || path.len() > 1 && self.modules.contains_key(&join(from, &path[..1]));
        let (mut module, mut rest) = match start(from, path) {
            Some((module, rest)) => (module.to_vec(), rest),
            None if is_child() => (from.to_vec(), path),
            None => return self.follow(from, path, reexports),
        };
        loop {
            let (name, after) = rest.split_first()?;
            let bindings = &self.files[*self.modules.get(&module)?].bindings;
            let child = join(&module, std::slice::from_ref(name));
            if self.modules.contains_key(&child)
                && !(after.is_empty() && bindings.contains_key(name))
            {
                (module, rest) = (child, after);
            } else if bindings.contains_key(name) {
                return self.follow(&module, rest, reexports);
            } else {
                return Some((self.modules[&module], name.clone()));
            }
        }
    }

    /// What a name that a `use` of a module brings in stands for.
    fn follow(
        &self,
        module: &[String],
        path: &[String],
        reexports: usize,
    ) -> Option<(usize, String)> {
        let bindings = &self.files[*self.modules.get(module)?].bindings;
        let (from, bound) = bindings.get(&path[0])?;
        self.resolve(from, &join(bound, &path[1..]), reexports + 1)
    }
}

/// The module that a path begins at, and the path from there, where it begins
/// with `crate`, `self` or `super`.
fn start<'p>(from: &'p [String], path: &'p [String]) -> Option<(&'p [String], &'p [String])> {
    match path.first()?.as_str() {
        "crate" => Some((&[], &path[1..])),
        "self" => Some((from, &path[1..])),
        "super" => {
            let ups = path.iter().take_while(|name| *name == "super").count();
            Some((&from[..from.len().checked_sub(ups)?], &path[ups..]))
        }
        _ => None,
    }
}

fn join(start: &[String], end: &[String]) -> Names {
    start.iter().chain(end).cloned().collect()
}

/// Collects the paths of a file.
struct Reader {
    source: Source,
    /// The module that is being read.
    module: Names,
    /// Modules that the file has the text of.
    inline: Vec<Names>,
    /// Modules that it declares and other files have the text of.
    declared: Vec<String>,
}

impl Reader {
    fn add(&mut self, path: Names, is_reexport: bool) {
        self.source.paths.push(Used {
            from: self.module.clone(),
            path,
            is_reexport,
        });
    }

    fn add_use(&mut self, tree: &UseTree, mut before: Names, is_reexport: bool) {
        let (name, bound) = match tree {
            UseTree::Path(tree) => {
                before.push(tree.ident.to_string());
                return self.add_use(&tree.tree, before, is_reexport);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(tree, before.clone(), is_reexport);
                }
                return;
            }
            UseTree::Name(tree) => (tree.ident.to_string(), tree.ident.to_string()),
            UseTree::Rename(tree) => (tree.ident.to_string(), tree.rename.to_string()),
            UseTree::Glob(_) => {
                // A module within the file may take what is around it.
                let is_ours = ["crate", "self", "super"].contains(&before[0].as_str());
                let is_within = self.module.len() > self.source.module.len();
                assert!(
                    !is_ours || is_within,
                    "{} imports everything of a module: name what it needs",
                    self.source.file
                );
                return;
            }
        };
        let bound = match name.as_str() {
            "self" => before.last().unwrap().clone(),
            _ => {
                before.push(name);
                bound
            }
        };
        let binding = (self.module.clone(), before.clone());
        self.source.bindings.insert(bound, binding);
        self.add(before, is_reexport);
    }

    /// Paths in what a macro or an attribute is given, which has no syntax of
    /// its own.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = Names::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 && !path.is_empty() {
                        let path = std::mem::take(&mut path);
                        self.add(path, false);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                    if !path.is_empty() {
                        let path = std::mem::take(&mut path);
                        self.add(path, false);
                    }
                }
            }
        }
        if !path.is_empty() {
            self.add(path, false);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_of_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let is_test = matches!(item, ImplItem::Fn(item) if is_of_tests(&item.attrs));
        if !is_test {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let name = item.ident.to_string();
        if item.content.is_none() {
            self.declared.push(name);
            return;
        }
        self.module.push(name);
        self.inline.push(self.module.clone());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_reexport = !matches!(item.vis, Visibility::Inherited);
        self.add_use(&item.tree, Vec::new(), is_reexport);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|part| part.ident.to_string());
            self.add(names.collect(), false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.add_tokens(call.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.add_tokens(list.tokens.clone());
    }
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list();
        attribute.path().is_ident("cfg")
            && condition.is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
