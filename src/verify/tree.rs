//! The files of an image, its layers applied one upon another. Only names,
//! links and what each file is are kept.

use std::collections::BTreeMap;
use std::io;

use super::error::malformed;
use super::layer::{Budget, Layer, Node, Put};
use super::path::{bounded, parts, pop, push, split};
use crate::escape;

/// Symlinks that one path may lead through, as in Linux (`MAXSYMLINKS` in
/// `linux/namei.h`).
const MAX_LINKS: usize = 40;

/// Files by path. A folder may be there without an entry of its own, by what
/// is in it.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: BTreeMap<Vec<u8>, Node>,
}

/// What is at a path, symlinks followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'t> {
    /// This.
    Node(Vec<u8>, &'t Node),
    /// Nothing; the path that the links lead to.
    Nothing(Vec<u8>),
    /// Symlinks that lead round in a circle, or very far.
    Endless,
}

impl Tree {
    /// Applies a layer: first what it takes away, which is of the layers below
    /// only, then what it has.
    pub(super) fn apply(&mut self, layer: Layer, budget: &mut Budget<'_>) -> io::Result<()> {
        for path in &layer.removed {
            // What is not there need not be removed.
            if let Some(path) = self.place(path) {
                self.nodes.remove(&path);
                self.remove_below(&path);
            }
        }
        for path in &layer.emptied {
            if let Some(path) = self.resolve(path) {
                self.remove_below(&path);
            }
        }
        for (path, put) in layer.put {
            let node = match put {
                Put::Node(node) => node,
                Put::HardLink(target) => self.linked(&target)?,
            };
            self.put(&path, node, budget)?;
        }
        Ok(())
    }

    /// What is at a path.
    pub(super) fn find(&self, path: &[u8]) -> Found<'_> {
        let Some(path) = self.resolve(path) else {
            return Found::Endless;
        };
        if path.is_empty() || self.below(&path).next().is_some() {
            return Found::Node(path, &Node::Folder);
        }
        match self.nodes.get(&path) {
            Some(node) => Found::Node(path, node),
            None => Found::Nothing(path),
        }
    }

    /// All that is in a folder and in the folders in it, in the order of paths.
    pub(super) fn below(&self, folder: &[u8]) -> impl Iterator<Item = (&[u8], &Node)> {
        let (first, end) = range_below(folder);
        self.nodes
            .range(first..)
            .take_while(move |(path, _)| end.as_ref().is_none_or(|end| *path < end))
            .map(|(path, node)| (path.as_slice(), node))
    }

    fn put(&mut self, path: &[u8], node: Node, budget: &mut Budget<'_>) -> io::Result<()> {
        let place = self.place(path).ok_or_else(|| endless(path))?;
        bounded(&place)?;
        budget.spend_name(&place)?;
        // A folder upon a folder leaves what is in it.
        if node != Node::Folder {
            self.remove_below(&place);
        }
        let mut above = place.clone();
        while !above.is_empty() {
            pop(&mut above);
            if self.nodes.get(&above).is_some_and(|n| *n != Node::Folder) {
                return Err(malformed(format_args!(
                    "{} is in what is not a folder",
                    escape::bounded(&String::from_utf8_lossy(path))
                )));
            }
        }
        self.nodes.insert(place, node);
        Ok(())
    }

    /// What a hard link to a path becomes. It stays so if that path changes.
    fn linked(&self, target: &[u8]) -> io::Result<Node> {
        let place = self.place(target).ok_or_else(|| endless(target))?;
        match self.nodes.get(&place) {
            Some(node) if *node != Node::Folder => Ok(node.clone()),
            _ => Err(malformed(format_args!(
                "a hard link leads to {}, which is no file",
                escape::bounded(&String::from_utf8_lossy(target))
            ))),
        }
    }

    fn remove_below(&mut self, folder: &[u8]) {
        let paths: Vec<Vec<u8>> = self.below(folder).map(|(path, _)| path.to_vec()).collect();
        for path in paths {
            self.nodes.remove(&path);
        }
    }

    /// The path with the symlinks in its folders followed, not the last one.
    fn place(&self, path: &[u8]) -> Option<Vec<u8>> {
        let Some((folder, name)) = split(path) else {
            return Some(Vec::new());
        };
        let mut place = self.resolve(folder)?;
        push(&mut place, name);
        Some(place)
    }

    /// The path with all symlinks followed, none of which leads out of the
    /// image; nothing where they have no end.
    fn resolve(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut done = Vec::new();
        let mut ahead: Vec<&[u8]> = parts(path).rev().collect();
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            if part == b".." {
                pop(&mut done);
                continue;
            }
            push(&mut done, part);
            if let Some(Node::Symlink(target)) = self.nodes.get(&done) {
                links += 1;
                if links > MAX_LINKS {
                    return None;
                }
                if target.starts_with(b"/") {
                    done.clear();
                } else {
                    pop(&mut done);
                }
                ahead.extend(parts(target).rev());
            }
        }
        Some(done)
    }
}

/// Where the paths below a folder begin and, but for the root, where they end:
/// `0` comes next after `/`.
fn range_below(folder: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    if folder.is_empty() {
        return (Vec::new(), None);
    }
    ([folder, b"/"].concat(), Some([folder, b"0"].concat()))
}

fn endless(path: &[u8]) -> io::Error {
    malformed(format_args!(
        "symlinks on the way to {} have no end",
        escape::bounded(&String::from_utf8_lossy(path))
    ))
}
