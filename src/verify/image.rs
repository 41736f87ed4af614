//! Whether the image for one platform is right.

use std::collections::BTreeSet;

use super::archive::{Archive, blob};
use super::error::{VerifyError, too_large};
use super::index::Image;
use super::layer::{Budget, Layer, Node};
use super::mismatch::Mismatch;
use super::path::parts;
use super::program::{Content, Elf, Machine};
use super::tree::{Found, Tree};
use crate::escape;
use crate::model::Platform;

/// Where a root file system has programs and libraries of its own (Filesystem
/// Hierarchy Standard 3.0, sections 3.4, 3.9 and 4.4).
const ROOT_FOLDERS: [&str; 3] = ["bin", "usr/bin", "lib"];
/// Folders in them that hold programs for other processors.
const FOREIGN: [&[u8]; 2] = [b"firmware", b"modules"];

/// Everything in which an image differs from what it should be.
pub(super) fn check(
    archive: &Archive<'_>,
    image: &Image,
    platform: &Platform,
    binaries: &[String],
    bytes_left: &mut u64,
) -> Result<Vec<Mismatch>, VerifyError> {
    let machine = Machine::for_platform(platform)
        .ok_or_else(|| VerifyError::UnknownMachine(platform.clone()))?;
    let tree = read_tree(archive, image, bytes_left)?;
    let mut mismatches = Vec::new();
    let mut add = |found: String, expected: String| {
        mismatches.push(Mismatch {
            platform: Some(platform.clone()),
            found,
            expected,
        });
    };
    if let Some(configured) = &image.configured {
        add(
            format!("a configuration for {configured}"),
            "one for the platform of its descriptor".to_owned(),
        );
    }
    let mut named = BTreeSet::new();
    for binary in binaries {
        let found = tree.find(binary.as_bytes());
        if let Some(found) = unfit(&found, machine, &escape::bounded(binary)) {
            add(found, format!("an ELF program for {machine}"));
        }
        if let Found::Node(path, _) = found {
            named.insert(path);
        }
    }
    if let Some((path, elf)) = root_program(&tree, &named)
        && elf.machine != machine
    {
        let path = escape::bounded(&format!("/{}", String::from_utf8_lossy(&path)));
        add(
            format!("a root file system for {} ({path})", elf.machine),
            format!("one for {machine}"),
        );
    }
    Ok(mismatches)
}

fn read_tree(
    archive: &Archive<'_>,
    image: &Image,
    bytes_left: &mut u64,
) -> Result<Tree, VerifyError> {
    let layers = image.manifest.layers();
    let bound = archive.limits.layers;
    if layers.len() > bound {
        let error = too_large(format_args!("{bound} layers"));
        return Err(archive.failed(format!("the image for {}", image.named), &error));
    }
    let mut budget = Budget::new(archive.limits, bytes_left);
    let mut tree = Tree::default();
    for descriptor in layers {
        archive
            .blob(descriptor)
            .and_then(|compressed| Layer::read(compressed, &mut budget))
            .and_then(|layer| tree.apply(layer, &mut budget))
            .map_err(|error| {
                let layer = blob(descriptor.digest());
                archive.failed(format!("{layer}, a layer for {},", image.named), &error)
            })?;
    }
    Ok(tree)
}

/// What a named program is, if not one for this machine.
fn unfit(found: &Found<'_>, machine: Machine, name: &str) -> Option<String> {
    Some(match found {
        Found::Node(_, Node::File(Content::Elf(elf))) if elf.runs() && elf.machine == machine => {
            return None;
        }
        Found::Node(_, Node::File(content)) => format!("{name}, {content}"),
        Found::Node(_, Node::Folder) => format!("{name}, a folder"),
        Found::Node(_, _) => format!("{name}, a special file"),
        Found::Nothing(path) => {
            let path = escape::bounded(&format!("/{}", String::from_utf8_lossy(path)));
            if path == name {
                format!("no {name}")
            } else {
                format!("no {name}, which leads to {path}")
            }
        }
        Found::Endless => format!("{name}, a symlink without an end"),
    })
}

/// The program that shows what a root file system is for: its shell, or else
/// the first program or library in [`ROOT_FOLDERS`]. Those named are passed
/// over, as they are checked by themselves.
fn root_program(tree: &Tree, named: &BTreeSet<Vec<u8>>) -> Option<(Vec<u8>, Elf)> {
    let elf = |path: &[u8], node: &Node| match node {
        Node::File(Content::Elf(elf)) if elf.runs() && !named.contains(path) => Some(*elf),
        _ => None,
    };
    if let Found::Node(path, node) = tree.find(b"bin/sh")
        && let Some(elf) = elf(&path, node)
    {
        return Some((path, elf));
    }
    ROOT_FOLDERS.iter().find_map(|folder| {
        let Found::Node(folder, Node::Folder) = tree.find(folder.as_bytes()) else {
            return None;
        };
        tree.below(&folder)
            .filter(|(path, _)| !parts(path).any(|part| FOREIGN.contains(&part)))
            .find_map(|(path, node)| elf(path, node).map(|elf| (path.to_vec(), elf)))
    })
}
