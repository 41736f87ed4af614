//! What is built for a slot of the plan: its platforms, cache state and edit.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::time::Duration;

use super::cache_mounts::CacheMounts;
use super::chain::{Chain, ChainName};
use super::ci_cache::{mount_archives, transfers};
use super::place::Place;
use super::timed_export::export;
use crate::buildkit::{BakeRequest, BakeTarget, BuildRequest, Export, NamedContext, Secret};
use crate::model::{BuildKind, CiCache, Platform, ScenarioInfo, Slot, TimedExport};
use crate::scenario::{ContextSource, Scenario, ScenarioError, Variant};

/// A variant with its scenario.
pub(super) struct SlotBuild<'a> {
    pub(super) info: &'a ScenarioInfo,
    pub(super) scenario: &'a Scenario,
    pub(super) variant: &'a Variant,
    pub(super) place: &'a Place<'a>,
    pub(super) ci_caches: &'a [CiCache],
    pub(super) export: &'a TimedExport,
    /// Where remote caches in folders, and exported archives, are.
    pub(super) transfer_folder: &'a Path,
}

impl SlotBuild<'_> {
    /// A chain that begins with a block's builds.
    ///
    /// # Errors
    /// The sources cannot be copied.
    pub(super) fn chain(&self, name: ChainName, block: &[Slot]) -> Result<Chain, ScenarioError> {
        let original = self.scenario.sources_of(self.variant);
        let edits = block
            .iter()
            // Those that start together have copies of their own.
            .filter(|slot| slot.kind.builds_at_once().is_none())
            .filter_map(|slot| self.scenario.edit_of(slot.kind));
        let round = block.first().map_or(1, |slot| slot.round);
        let mut chain = Chain::new(name, round, original);
        chain.prepare(&edits.collect::<Vec<_>>(), &self.variant.dockerfile)?;
        Ok(chain)
    }

    pub(super) fn platforms(&self, kind: BuildKind) -> Vec<Platform> {
        match kind {
            BuildKind::Cold => vec![self.info.native.clone()],
            BuildKind::MultiArch
            | BuildKind::Incremental
            | BuildKind::IncrementalOf(_)
            | BuildKind::Noop
            | BuildKind::CacheExport(_)
            | BuildKind::CiCache(..)
            | BuildKind::Concurrent(_) => self.info.platforms.clone(),
        }
    }

    /// What the builds of a block are told apart by from those of others.
    fn block(&self, slot: &Slot, chain: &Chain, prefix: &str) -> String {
        // Cold builds are a block of their own, unless a chain starts from them;
        // the kinds of a chain share their cache mounts and their context.
        let block = match slot.kind.remote_cache() {
            Some(cache) => cache.to_string(),
            None if slot.kind == BuildKind::Cold && !self.info.native_only() => "cold".to_owned(),
            None => "chain".to_owned(),
        };
        // The round is the one that the chain began in.
        format!(
            "{prefix}r{}-{}-{}-{block}",
            chain.round, slot.scenario, slot.variant
        )
    }

    /// What copies the cache mounts of a slot's job by way of `image`; `None` where they
    /// are lost.
    pub(super) fn cache_mounts<'s>(
        &'s self,
        slot: &Slot,
        chain: &Chain,
        image: Option<&'s str>,
        prefix: &str,
        limit: Duration,
    ) -> Option<CacheMounts<'s>> {
        let namespace = self.block(slot, chain, prefix);
        let folder = self.transfer_folder;
        let archives = mount_archives(self.ci_caches, slot.kind, &namespace, folder)?;
        Some(CacheMounts {
            builder: self.place.builder,
            layouts: self.place.layouts,
            image: image?,
            platform: &self.info.native,
            namespace,
            reference: format!("{prefix}{}", slot.id),
            limit,
            archives,
        })
    }

    pub(super) fn request(
        &self,
        slot: &Slot,
        chain: &Chain,
        platforms: Vec<Platform>,
        prefix: &str,
        timeout: Duration,
        secrets: &BTreeMap<String, Secret>,
    ) -> BakeRequest {
        // A job of CI has an empty builder instead.
        let no_cache = slot.kind.starts_empty() && slot.kind.remote_cache().is_none();
        let block = self.block(slot, chain, prefix);
        let reference = format!("{prefix}{}", slot.id);
        let transfers = transfers(
            self.ci_caches,
            self.export,
            slot.kind,
            prefix,
            &block,
            self.transfer_folder,
        );
        let common = BuildRequest {
            reference: reference.clone(),
            context: chain.context().to_owned(),
            contexts: BTreeMap::new(),
            layouts: self.place.layouts.to_vec(),
            secrets: secrets.clone(),
            ssh: self.variant.ssh.clone(),
            dockerfile: chain
                .dockerfile()
                .unwrap_or(&self.variant.dockerfile)
                .to_owned(),
            shared_key: block.clone(),
            platforms,
            target: None,
            build_args: BTreeMap::new(),
            no_cache,
            internal: false,
            cache_mount_namespace: Some(block),
            // Builds that start together are one request, which has no export.
            export: match slot.kind.builds_at_once() {
                Some(_) => Export::CacheOnly,
                None => export(
                    self.export,
                    transfers.image.as_ref().unwrap_or(&reference),
                    self.transfer_folder,
                    self.place.smoke_tests,
                    self.place.loads_into,
                ),
            },
            cache_from: transfers.from,
            cache_to: transfers.to,
            timeout: Some(timeout),
            context_mark: None,
            attributes: BTreeMap::new(),
            entitlements: Vec::new(),
        };
        let Some(count) = slot.kind.builds_at_once() else {
            return builds_of(self.variant, &common);
        };
        let neighbours = chain.neighbours().iter().take(count.into());
        let builds = neighbours.zip(1..).map(|(checkout, number)| {
            let reference = format!("{}-{number}", common.reference);
            let build = BuildRequest {
                context: checkout.context().to_owned(),
                dockerfile: checkout
                    .dockerfile()
                    .unwrap_or(&self.variant.dockerfile)
                    .to_owned(),
                // Each sends all of its sources, as one does that built nothing here before.
                shared_key: reference.clone(),
                reference,
                ..common.clone()
            };
            (number.to_string(), builds_of(self.variant, &build))
        });
        BakeRequest::together(builds, common.timeout)
    }
}

/// The builds of a variant: that of its Dockerfile, or those of bake's targets.
/// `common` has what is the same of all of them, and the sources as its context.
pub fn builds_of(variant: &Variant, common: &BuildRequest) -> BakeRequest {
    let Some(bake) = &variant.bake else {
        let mut build_args = variant.build_args.clone();
        build_args.extend(common.build_args.clone());
        return BakeRequest::alone(BuildRequest {
            contexts: named_contexts(&variant.contexts, Path::new("")),
            target: variant.target.clone(),
            build_args,
            ..common.clone()
        });
    };
    let are_several = bake.targets.len() > 1;
    let targets = bake.targets.iter().map(|target| {
        let mut build_args = target.build_args.clone();
        build_args.extend(common.build_args.clone());
        let reference = match are_several {
            true => format!("{}-{}", common.reference, target.name),
            false => common.reference.clone(),
        };
        BakeTarget {
            name: target.name.clone(),
            request: BuildRequest {
                reference,
                context: common.context.join(&target.context),
                shared_key: shared_key(&common.shared_key, &target.context),
                contexts: named_contexts(&target.contexts, &common.context),
                dockerfile: target.dockerfile.clone(),
                platforms: target.platforms_of(&common.platforms),
                target: target.target.clone(),
                build_args,
                attributes: target.attributes.clone(),
                entitlements: target.entitlements.clone(),
                ..common.clone()
            },
        }
    });
    BakeRequest {
        targets: targets.collect(),
        timeout: common.timeout,
    }
}

/// Names the context of a target, a folder in that of bake. BuildKit takes a file that it received
/// under one name before for unchanged if its time and size are the same.
fn shared_key(of_bake: &str, folder: &Path) -> String {
    match folder.components().any(|it| it != Component::CurDir) {
        true => format!("{of_bake}/{}", folder.display()),
        false => of_bake.to_owned(),
    }
}

/// Contexts by their names; folders in the sources are relative to them.
fn named_contexts(
    contexts: &BTreeMap<String, ContextSource>,
    sources: &Path,
) -> BTreeMap<String, NamedContext> {
    let named = |(name, source): (&String, &ContextSource)| {
        let context = match source {
            ContextSource::Folder(folder) => NamedContext::Folder(sources.join(folder)),
            ContextSource::Remote(source) => NamedContext::Remote(source.clone()),
            ContextSource::Target(target) => NamedContext::Target(target.clone()),
        };
        (name.clone(), context)
    };
    contexts.iter().map(named).collect()
}
