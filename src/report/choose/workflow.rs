//! The workflow of GitHub Actions that builds as a strategy does. It follows Docker's own
//! pages: "Multi-platform image with GitHub Actions", for native runners its section on
//! several runners, and "Cache management with GitHub Actions".

use super::words::name;
use crate::escape;
use crate::fleet::{CacheMount, Caches, Nodes, Strategy};
use crate::model::{CacheMode, CacheMounts, Platform};

/// Actions at the major versions that Docker's and GitHub's pages name.
const CHECKOUT: &str = "actions/checkout@v7";
const CACHE: &str = "actions/cache@v5";
const UPLOAD: &str = "actions/upload-artifact@v7";
const DOWNLOAD: &str = "actions/download-artifact@v8";
const QEMU: &str = "docker/setup-qemu-action@v4";
const BUILDX: &str = "docker/setup-buildx-action@v4";
const LOGIN: &str = "docker/login-action@v4";
const METADATA: &str = "docker/metadata-action@v6";
const BUILD: &str = "docker/build-push-action@v7";
const CACHE_DANCE: &str = "reproducible-containers/buildkit-cache-dance@v3";

/// What a workflow builds.
#[derive(Debug, Clone)]
pub struct WorkflowInput<'a> {
    /// How.
    pub strategy: &'a Strategy,
    /// Platforms of the image.
    pub platforms: &'a [Platform],
    /// The platform of the node that measured it.
    pub native: &'a Platform,
    /// Folder that is the build context, from outside.
    pub context: &'a str,
    /// The run that measured it.
    pub run: &'a str,
    /// What was typed for it, from outside.
    pub command: &'a str,
}

/// The workflow. Ends with a line break.
pub fn github(input: &WorkflowInput<'_>) -> String {
    let mut out = Lines::default();
    head(&mut out, input);
    match input.strategy.nodes {
        Nodes::One => one_runner(&mut out, input),
        Nodes::Native | Nodes::NativeModel => native_runners(&mut out, input),
    }
    out.text
}

/// Lines, each indented by so many blanks.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn add(&mut self, indent: usize, line: &str) {
        if !line.is_empty() {
            self.text.push_str(&" ".repeat(indent));
            self.text.push_str(line);
        }
        self.text.push('\n');
    }

    fn block(&mut self, indent: usize, lines: &str) {
        for line in lines.lines() {
            self.add(indent, line);
        }
    }
}

fn head(out: &mut Lines, input: &WorkflowInput<'_>) {
    let strategy = input.strategy;
    let command = escape::terminal(input.command, 200);
    let run = escape::terminal(input.run, 128);
    let name = name(strategy);
    out.add(
        0,
        &format!("# {name} of run {run}, written by `{command}`."),
    );
    if strategy.is_model() {
        out.add(
            0,
            "# Its times are a model: no native node was there to measure it.",
        );
    }
    out.block(
        0,
        "\
# Set IMAGE, in lower case. Add build-args, target and secrets that your Dockerfile needs.
name: image
on: push
permissions:
  contents: read
  packages: write
env:
  IMAGE: ghcr.io/owner/name
jobs:",
    );
}

fn one_runner(out: &mut Lines, input: &WorkflowInput<'_>) {
    let WorkflowInput {
        strategy,
        platforms,
        native,
        ..
    } = input;
    out.add(2, "build:");
    out.add(4, &format!("runs-on: {}", runner(native)));
    out.add(4, "steps:");
    out.add(6, &format!("- uses: {CHECKOUT}"));
    let emulated: Vec<String> = platforms
        .iter()
        .filter(|platform| platform != native)
        .map(ToString::to_string)
        .collect();
    // Where no trace tells, it may.
    if strategy.how.is_none_or(|how| how.emulated > 0.0) && !emulated.is_empty() {
        out.add(6, &format!("- uses: {QEMU}"));
        out.add(8, "with:");
        out.add(10, &format!("platforms: {}", emulated.join(",")));
    }
    out.add(6, &format!("- uses: {BUILDX}"));
    out.add(8, "id: buildx");
    login(out);
    metadata(out);
    cache_mounts(out, input, "cache-mounts");
    out.add(6, &format!("- uses: {BUILD}"));
    out.add(8, "with:");
    sources(out, input);
    let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    out.add(10, &format!("platforms: {}", platforms.join(",")));
    out.block(
        10,
        "\
push: true
tags: ${{ steps.meta.outputs.tags }}
labels: ${{ steps.meta.outputs.labels }}",
    );
    layers(out, strategy, None);
}

/// A runner for each platform, which pushes by digest, and a job that joins them.
fn native_runners(out: &mut Lines, input: &WorkflowInput<'_>) {
    out.block(
        2,
        "\
build:
  runs-on: ${{ matrix.runner }}
  strategy:
    fail-fast: false
    matrix:
      include:",
    );
    for platform in input.platforms {
        out.add(10, &format!("- platform: {platform}"));
        out.add(12, &format!("name: {}", platform.slug()));
        out.add(12, &format!("runner: {}", runner(platform)));
    }
    out.add(4, "steps:");
    out.add(6, &format!("- uses: {CHECKOUT}"));
    out.add(6, &format!("- uses: {BUILDX}"));
    out.add(8, "id: buildx");
    login(out);
    metadata(out);
    cache_mounts(out, input, "cache-mounts-${{ matrix.name }}");
    out.add(6, &format!("- uses: {BUILD}"));
    out.add(8, "id: build");
    out.add(8, "with:");
    sources(out, input);
    out.block(
        10,
        "\
platforms: ${{ matrix.platform }}
labels: ${{ steps.meta.outputs.labels }}
outputs: type=image,name=${{ env.IMAGE }},push-by-digest=true,name-canonical=true,push=true",
    );
    layers(out, input.strategy, Some("${{ matrix.name }}"));
    out.block(
        6,
        r#"- name: Keep the digest
  env:
    DIGEST: ${{ steps.build.outputs.digest }}
  run: |
    mkdir -p "$RUNNER_TEMP/digests"
    touch "$RUNNER_TEMP/digests/${DIGEST#sha256:}""#,
    );
    out.add(6, &format!("- uses: {UPLOAD}"));
    out.block(
        8,
        "\
with:
  name: digest-${{ matrix.name }}
  path: ${{ runner.temp }}/digests/*
  if-no-files-found: error
  retention-days: 1",
    );
    out.block(
        2,
        "\
merge:
  needs: build",
    );
    out.add(4, &format!("runs-on: {}", runner(input.native)));
    out.add(4, "steps:");
    out.add(6, &format!("- uses: {DOWNLOAD}"));
    out.block(
        8,
        "\
with:
  path: ${{ runner.temp }}/digests
  pattern: digest-*
  merge-multiple: true",
    );
    out.add(6, &format!("- uses: {BUILDX}"));
    login(out);
    metadata(out);
    out.block(
        6,
        r#"- name: Join the images of the platforms
  working-directory: ${{ runner.temp }}/digests
  env:
    TAGS: ${{ steps.meta.outputs.tags }}
  run: |
    tags=(); while read -r tag; do tags+=(--tag "$tag"); done <<<"$TAGS"
    images=(); for digest in *; do images+=("$IMAGE@sha256:$digest"); done
    docker buildx imagetools create "${tags[@]}" "${images[@]}""#,
    );
}

fn login(out: &mut Lines) {
    out.add(6, &format!("- uses: {LOGIN}"));
    out.block(
        8,
        "\
with:
  registry: ghcr.io
  username: ${{ github.actor }}
  password: ${{ secrets.GITHUB_TOKEN }}",
    );
}

fn metadata(out: &mut Lines) {
    out.add(6, &format!("- uses: {METADATA}"));
    out.block(
        8,
        "\
id: meta
with:
  images: ${{ env.IMAGE }}",
    );
}

fn sources(out: &mut Lines, input: &WorkflowInput<'_>) {
    let [context, file] = [input.context, &input.strategy.dockerfile].map(escape::yaml);
    out.add(10, &format!("context: {context}"));
    out.add(10, &format!("file: {file}"));
}

/// Cache mounts are no layers, so that no cache of BuildKit's carries them. Those whose
/// id holds a variable are another on each platform, and left to the reader.
fn cache_mounts(out: &mut Lines, input: &WorkflowInput<'_>, key: &str) {
    let strategy = input.strategy;
    let are_restored = match (strategy.caches, &strategy.remote) {
        (Caches::Kept, _) => true,
        (_, Some(cache)) => cache.cache_mounts == CacheMounts::Restored,
        _ => false,
    };
    if !are_restored || strategy.cache_mounts.is_empty() {
        return;
    }
    let has_variable = |mount: &&CacheMount| mount.id.as_ref().is_some_and(|id| id.contains('$'));
    let (open, known): (Vec<&CacheMount>, Vec<&CacheMount>) =
        strategy.cache_mounts.iter().partition(has_variable);
    out.block(
        6,
        match strategy.caches {
            Caches::Remote(_) => {
                "\
# Restores what RUN --mount=type=cache keeps. Copying it was measured, and fetching the
# archive was not."
            }
            _ => {
                "\
# Restores what RUN --mount=type=cache keeps, as a builder that stays does. It takes time
# that was not measured."
            }
        },
    );
    for mount in open {
        let id = escape::terminal(mount.id.as_deref().unwrap_or_default(), 200);
        out.add(
            6,
            &format!("# Add to cache-map: the mount with id {id}, on each platform."),
        );
    }
    if known.is_empty() {
        return;
    }
    out.add(6, &format!("- uses: {CACHE}"));
    out.add(8, "id: mounts");
    out.add(8, "with:");
    out.add(10, "path: cache-mounts");
    out.add(10, &format!("key: {key}-${{{{ github.sha }}}}"));
    out.add(10, &format!("restore-keys: {key}-"));
    out.add(6, &format!("- uses: {CACHE_DANCE}"));
    out.add(8, "with:");
    out.add(10, "builder: ${{ steps.buildx.outputs.name }}");
    out.add(10, "skip-extraction: ${{ steps.mounts.outputs.cache-hit }}");
    out.add(10, "cache-map: |");
    out.add(12, "{");
    for (at, mount) in known.iter().enumerate() {
        let comma = if at + 1 < known.len() { "," } else { "" };
        let target = escape::yaml_text(&mount.target);
        let id = mount.id.as_deref().map(escape::yaml_text);
        let id = id.map_or_else(String::new, |id| format!(", \"id\": {id}"));
        let at = at + 1;
        out.add(
            14,
            &format!("\"cache-mounts/{at}\": {{\"target\": {target}{id}}}{comma}"),
        );
    }
    out.add(12, "}");
}

/// Where layers are kept between jobs. `platform` tells caches of several runners apart.
fn layers(out: &mut Lines, strategy: &Strategy, platform: Option<&str>) {
    let part = |before: &str| platform.map_or_else(String::new, |name| format!("{before}{name}"));
    let (place, mode) = match (strategy.caches, &strategy.remote) {
        (Caches::Lost, _) => return,
        (Caches::Kept, _) => {
            out.add(
                10,
                "# Layers of the job before. What a restore takes was not measured.",
            );
            (format!("type=gha{}", part(",scope=")), CacheMode::Max)
        }
        (Caches::Remote(name), None) => {
            out.add(
                10,
                &format!("# The run does not say of which type the cache {name} is."),
            );
            return;
        }
        (Caches::Remote(_), Some(cache)) => {
            let Some(mode) = cache.mode else {
                out.add(10, "# Layers do not travel.");
                return;
            };
            let place = match cache.kind.as_str() {
                "inline" => {
                    out.add(10, "# In the image that the default branch pushed last.");
                    let tag = "${{ github.event.repository.default_branch }}";
                    let image = format!("type=registry,ref=${{{{ env.IMAGE }}}}:{tag}");
                    out.add(10, &format!("cache-from: {image}"));
                    out.add(10, "cache-to: type=inline");
                    return;
                }
                "gha" => format!("type=gha{}", part(",scope=")),
                "registry" => {
                    let tag = part("-");
                    format!("type=registry,ref=${{{{ env.IMAGE }}}}:buildcache{tag}")
                }
                "s3" => {
                    out.add(10, "# Set the region and the bucket.");
                    format!(
                        "type=s3,region=REGION,bucket=BUCKET,name=image{}",
                        part("-")
                    )
                }
                _ => {
                    out.add(10, "# A folder that stays from job to job.");
                    let folder = format!("/var/cache/buildkit{}", part("/"));
                    let mode = mode.as_str();
                    out.add(10, &format!("cache-from: type=local,src={folder}"));
                    out.add(
                        10,
                        &format!("cache-to: type=local,dest={folder},mode={mode}"),
                    );
                    return;
                }
            };
            (place, mode)
        }
    };
    out.add(10, &format!("cache-from: {place}"));
    out.add(10, &format!("cache-to: {place},mode={}", mode.as_str()));
}

/// The runner whose CPU is of a platform: one that GitHub has, or one of your own.
fn runner(platform: &Platform) -> String {
    match platform.architecture() {
        "amd64" | "386" => "ubuntu-24.04".to_owned(),
        "arm64" => "ubuntu-24.04-arm".to_owned(),
        other => format!("[self-hosted, linux, {other}]"),
    }
}
