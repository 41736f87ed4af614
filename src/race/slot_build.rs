//! What is built for a slot of the plan: its platforms, cache state and edit.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::chain::Chain;
use super::place::Place;
use crate::buildkit::{BuildRequest, Export, NamedContext, Secret};
use crate::model::{BuildKind, Platform, ScenarioInfo, Slot};
use crate::scenario::{ContextSource, Scenario, ScenarioError, SourceCopy, Variant};

/// A variant with its scenario.
pub(super) struct SlotBuild<'a> {
    pub(super) info: &'a ScenarioInfo,
    pub(super) scenario: &'a Scenario,
    pub(super) variant: &'a Variant,
    pub(super) place: &'a Place<'a>,
}

impl SlotBuild<'_> {
    /// A chain that begins with a block's builds. Only what is edited needs a
    /// copy: builds write nothing.
    ///
    /// # Errors
    /// The sources cannot be copied.
    pub(super) fn chain(&self, block: &[Slot]) -> Result<Chain, ScenarioError> {
        let original = self.scenario.sources_of(self.variant);
        let is_edited = block.iter().any(|slot| slot.kind == BuildKind::Incremental);
        let edit = self.scenario.edit.as_ref().filter(|_| is_edited);
        let copy = edit.map(|edit| SourceCopy::create(original, Some(edit)));
        let round = block.first().map_or(1, |slot| slot.round);
        Ok(Chain::new(round, original, copy.transpose()?))
    }

    pub(super) fn platforms(&self, kind: BuildKind) -> Vec<Platform> {
        match kind {
            BuildKind::Cold => vec![self.info.native.clone()],
            BuildKind::MultiArch | BuildKind::Incremental | BuildKind::Noop => {
                self.info.platforms.clone()
            }
        }
    }

    /// `round` is the one that the slot's chain began in.
    pub(super) fn request(
        &self,
        slot: &Slot,
        (round, context): (u32, &Path),
        platforms: Vec<Platform>,
        prefix: &str,
        timeout: Duration,
        secrets: &BTreeMap<String, Secret>,
    ) -> BuildRequest {
        let starts_empty = slot.kind.starts_empty();
        // Cold builds are a block of their own, unless a chain starts from them;
        // the kinds of a chain share their cache mounts and their context.
        let block = if slot.kind == BuildKind::Cold && !self.info.native_only() {
            "cold"
        } else {
            "chain"
        };
        let block = format!(
            "{prefix}r{round}-{}-{}-{block}",
            slot.scenario, slot.variant
        );
        BuildRequest {
            reference: format!("{prefix}{}", slot.id),
            context: context.to_owned(),
            contexts: self.variant.contexts.iter().map(named_context).collect(),
            layouts: self.place.layouts.to_vec(),
            secrets: secrets.clone(),
            ssh: self.variant.ssh.clone(),
            dockerfile: self.variant.dockerfile.clone(),
            shared_key: block.clone(),
            platforms,
            target: self.variant.target.clone(),
            build_args: self.variant.build_args.clone(),
            no_cache: starts_empty,
            internal: false,
            cache_mount_namespace: Some(block),
            export: Export::CacheOnly,
            timeout: Some(timeout),
            context_mark: None,
        }
    }
}

/// A further build context, as BuildKit is asked for it.
pub fn named_context((name, source): (&String, &ContextSource)) -> (String, NamedContext) {
    let context = match source {
        ContextSource::Folder(folder) => NamedContext::Folder(folder.clone()),
        ContextSource::Remote(source) => NamedContext::Remote(source.clone()),
    };
    (name.clone(), context)
}
