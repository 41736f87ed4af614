//! What there is on builders and engines, and in folders, before and after.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use buildrace::builder::Builder;

use crate::harness::{container_ids, image_ids, volumes};

/// What a builder's BuildKit keeps.
#[derive(Debug, PartialEq, Eq)]
pub struct Kept {
    pub records: BTreeSet<String>,
    pub history: BTreeSet<String>,
}

impl Kept {
    pub async fn by(builder: &dyn Builder) -> Self {
        let records = builder.cache_records().await.unwrap();
        let history = builder.history().await.unwrap();
        Self {
            records: records.into_iter().map(|record| record.id).collect(),
            history: history.into_iter().map(|build| build.reference).collect(),
        }
    }
}

/// What an engine keeps besides the cache of its BuildKit.
#[derive(Debug, PartialEq, Eq)]
pub struct OnEngine {
    pub containers: BTreeSet<String>,
    pub images: BTreeSet<String>,
    pub volumes: BTreeSet<String>,
}

impl OnEngine {
    pub async fn at(host: &str) -> Self {
        Self {
            containers: container_ids(host).await,
            images: image_ids(host).await,
            volumes: volumes(host).await,
        }
    }
}

/// Every file of a folder with its content, links as they are.
pub fn bytes_of(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter();
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let content = match entry.file_type().is_file() {
                true => fs::read(entry.path()).unwrap(),
                false => Vec::new(),
            };
            (entry.into_path(), content)
        })
        .collect()
}
