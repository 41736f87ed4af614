//! What to try after a build, on a terminal.

use super::super::number;
use super::super::paint::Style;
use super::PageStyle;
use super::page::Page;
use super::text::short_instruction;
use crate::escape;
use crate::explain::advice::{Advice, Try, advice};
use crate::explain::{Explanation, StepFacts, Tool};
use crate::model::Invocation;

/// Pieces of advice that are shown without `--all`.
const MAX_ADVICE: usize = 5;
/// Columns that an instruction may take in a sentence.
const MAX_INSTRUCTION: usize = 48;

/// What to try after a build, and how to prove that it helps: `compare` is the command line that
/// races the Dockerfile against a changed copy. Empty of a build without a result, or that is not known to its end. Ends with a line
/// break.
pub fn next_steps(explanation: &Explanation, compare: &Invocation, style: PageStyle) -> String {
    let mut page = Page::new(style);
    if explanation.failure.is_some() || !explanation.complete {
        return page.out;
    }
    let found = advice(explanation);
    page.out.push('\n');
    page.line(Style::Bold, "what to try");
    let shown = match style.all {
        true => found.len(),
        false => MAX_ADVICE,
    };
    for advice in found.iter().take(shown) {
        page.item(&sentences(advice, explanation));
    }
    if let Some(more @ 1..) = found.len().checked_sub(shown) {
        page.line(Style::Dim, &format!("  {more} more; --all shows them"));
    }
    if found.is_empty() {
        page.item("Nothing stands out: as far as the steps tell, none that took long is emulated, repeats downloads, or runs again after each edit though it need not.");
    }
    if found.iter().any(|advice| advice.change == Try::NoCache) {
        return page.out;
    }
    if let Some(text) = unknown(&explanation.steps) {
        page.item(&text);
    }
    page.out.push('\n');
    let edit = match found.iter().any(|advice| is_of_edits(&advice.change)) {
        true => "; with `--edit FILE`, one of the sources, after an edit, too",
        false => "",
    };
    page.wrapped(
        Style::Plain,
        &format!("To prove a change, make it in a copy and race the two{edit}:"),
    );
    let compare = escape::terminal(&compare.to_string(), 4000);
    page.line(Style::Bold, &format!("  {compare}"));
    page.out
}

/// What an advice says, in whole sentences. Safe for a terminal.
fn sentences(advice: &Advice, explanation: &Explanation) -> String {
    let steps = &explanation.steps;
    let time = number::seconds(advice.time.as_secs_f64());
    let first = advice.steps.first().map(|at| &steps[*at]);
    let whom = first.map(named).unwrap_or_default();
    let mut text = match &advice.change {
        Try::CrossCompile {
            stage,
            is_apart,
            tool,
        } => {
            let stage = match (is_apart, stage) {
                (true, Some(stage)) => format!(
                    "begin its stage, {}, with `FROM --platform=$BUILDPLATFORM`",
                    escape::terminal(stage, 60)
                ),
                (true, None) => "begin its stage with `FROM --platform=$BUILDPLATFORM`".to_owned(),
                (false, _) => "move it to a stage of its own, `FROM --platform=$BUILDPLATFORM … \
                               AS build`, and `COPY --from=build` what it makes"
                    .to_owned(),
            };
            format!(
                "{whom} is emulated: {time} of the critical path. To cross-compile instead, \
                 {stage}. {}",
                cross(*tool)
            )
        }
        Try::NativeNode { platform } => format!(
            "{whom} is emulated: {time} of the critical path. It changes the image for {platform} \
             itself, so it cannot run on another platform. A base image that has its result \
             saves it, and a native node runs it at full speed (`docker buildx create --append \
             --platform {platform} …`)."
        ),
        Try::CacheMount { tool } => format!(
            "{whom} took {time}, and begins with nothing whenever it runs. A cache mount keeps \
             what it downloads: {}",
            mounts(*tool)
        ),
        Try::CopyLater { copy, tool } => format!(
            "{whom} took {time}, and runs again after an edit of any file: {} comes before it. {}",
            named(&steps[*copy]),
            order(*tool)
        ),
        Try::SmallerContext { bytes } => format!(
            "Sending the context took {time} ({}). List in .dockerignore what no COPY or ADD \
             needs.",
            number::bytes(*bytes)
        ),
        Try::NoCache => "Every instruction came from the cache, so nothing was built. With \
                         --no-cache all of it is built, which shows what it costs."
            .to_owned(),
    };
    if let (Some(low), Some(high)) = (advice.low, advice.high) {
        let supposed = match &advice.change {
            Try::NativeNode { platform } => format!("With a native node for {platform}"),
            _ => "At native speed".to_owned(),
        };
        text.push_str(&format!(
            " {supposed} the build would take {} instead of {}.",
            number::range(low.as_secs_f64(), high.as_secs_f64()),
            number::seconds(explanation.span.as_secs_f64())
        ));
    }
    text
}

/// `RUN go build (line 6)`.
fn named(step: &StepFacts) -> String {
    let instruction = short_instruction(&step.instruction, MAX_INSTRUCTION);
    match step.line {
        Some(line) => format!("{instruction} (line {line})"),
        None => instruction,
    }
}

/// What a tool needs besides to make something for another platform.
fn cross(tool: Option<Tool>) -> &'static str {
    match tool {
        Some(Tool::Go) => {
            "After it add `ARG TARGETOS TARGETARCH`, and call Go with GOOS=$TARGETOS \
             GOARCH=$TARGETARCH; cgo needs a cross compiler, or CGO_ENABLED=0."
        }
        Some(Tool::Cargo) => {
            "After it add `ARG TARGETARCH`, and call Cargo with --target and a linker for that."
        }
        Some(Tool::C) => "After it add `ARG TARGETARCH`, and use a cross compiler for that.",
        Some(Tool::Dotnet) => "After it add `ARG TARGETARCH`, and publish with -a $TARGETARCH.",
        Some(Tool::Maven | Tool::Gradle | Tool::Npm | Tool::Yarn) => {
            "If what it makes runs on every platform, that is all."
        }
        _ => "After it add `ARG TARGETOS TARGETARCH`, and have it make what is for those.",
    }
}

/// The cache mounts of what a tool downloads, as the images of the tool have it for root.
fn mounts(tool: Tool) -> &'static str {
    match tool {
        Tool::Apt => {
            "`RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
             --mount=type=cache,target=/var/lib/apt,sharing=locked`, after \
             /etc/apt/apt.conf.d/docker-clean is removed, which empties it."
        }
        Tool::Go => {
            "`RUN --mount=type=cache,target=/go/pkg/mod \
             --mount=type=cache,target=/root/.cache/go-build`, which keeps what it compiles, too."
        }
        Tool::Cargo => {
            "`RUN --mount=type=cache,target=/usr/local/cargo/registry`; with target/ in another \
             one it keeps what it compiles, too, and the program is to be copied out of it in the \
             same RUN."
        }
        Tool::Npm => "`RUN --mount=type=cache,target=/root/.npm`.",
        Tool::Pip => "`RUN --mount=type=cache,target=/root/.cache/pip`, without --no-cache-dir.",
        Tool::Maven => "`RUN --mount=type=cache,target=/root/.m2`.",
        Tool::Gradle => "`RUN --mount=type=cache,target=/root/.gradle`.",
        Tool::Dotnet => "`RUN --mount=type=cache,target=/root/.nuget/packages`.",
        Tool::Apk | Tool::Dnf | Tool::Yarn | Tool::C => "`RUN --mount=type=cache,target=…`.",
    }
}

/// What is to be copied before a tool installs.
fn order(tool: Tool) -> &'static str {
    match tool {
        Tool::Go => "COPY go.mod go.sum before it, the rest after it.",
        Tool::Cargo => "COPY Cargo.toml Cargo.lock before it, the rest after it.",
        Tool::Npm => "COPY package.json package-lock.json before it, the rest after it.",
        Tool::Yarn => "COPY package.json and the lock file before it, the rest after it.",
        Tool::Pip => "COPY requirements.txt before it, the rest after it.",
        Tool::Dotnet => "COPY the project files before it, the rest after it.",
        Tool::Apt | Tool::Apk | Tool::Dnf | Tool::C | Tool::Maven | Tool::Gradle => {
            "It needs none of them: put it before the COPY."
        }
    }
}

/// Whether an advice saves time after an edit alone.
fn is_of_edits(change: &Try) -> bool {
    matches!(change, Try::CacheMount { .. } | Try::CopyLater { .. })
}

/// RUN steps that were not built, so that nothing is known of them.
fn unknown(steps: &[StepFacts]) -> Option<String> {
    let cached = steps
        .iter()
        .filter(|step| step.kind.is_run() && step.cached);
    match cached.count() {
        0 => None,
        1 => Some(
            "1 RUN step came from the cache, so what it costs is unknown; --no-cache builds it."
                .to_owned(),
        ),
        count => Some(format!(
            "{count} RUN steps came from the cache, so what they cost is unknown; --no-cache \
             builds them."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{HOSTILE, explained, step};
    use super::*;
    use crate::trace::status::Vertex;

    fn shown(vertexes: Vec<Vertex>) -> String {
        let compare = Invocation::new("compare", ["Dockerfile".into(), "Dockerfile.new".into()]);
        let style = PageStyle {
            width: 400,
            colour: false,
            all: false,
        };
        next_steps(&explained(vertexes), &compare, style)
    }

    fn assert_says(text: &str, words: &[&str]) {
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn an_emulated_compiler_is_to_cross_compile() {
        let build = |own: &str| {
            vec![
                step(
                    "a",
                    "[linux/amd64 build 2/2] RUN go build -o /x",
                    &[],
                    0,
                    6_000,
                ),
                step(
                    "b",
                    "[linux/arm64 build 2/2] RUN go build -o /x",
                    &[],
                    0,
                    60_000,
                ),
                step("c", own, &["b"], 60_000, 60_100),
            ]
        };
        let text = shown(build("[linux/arm64 stage-1 2/2] COPY --from=build /x /x"));
        assert_says(
            &text,
            &[
                "RUN go build -o /x is emulated: 60.0 s of the critical path.",
                "begin its stage, build, with `FROM --platform=$BUILDPLATFORM`",
                "GOARCH=$TARGETARCH",
                "At native speed the build would take",
                "\n  buildrace compare Dockerfile Dockerfile.new\n",
            ],
        );
        // No other stage copies from it.
        let text = shown(build("[linux/arm64 build 3/3] RUN strip /x"));
        assert_says(&text, &["move it to a stage of its own"]);
    }

    #[test]
    fn packages_of_the_image_itself_need_a_native_node() {
        let text = shown(vec![
            step(
                "a",
                "[linux/amd64 2/2] RUN apt-get install -y make",
                &[],
                0,
                4_000,
            ),
            step(
                "b",
                "[linux/arm64 2/2] RUN apt-get install -y make",
                &[],
                0,
                30_000,
            ),
        ]);
        assert_says(
            &text,
            &[
                "It changes the image for linux/arm64 itself",
                "With a native node for linux/arm64 the build would take",
                "target=/var/cache/apt,sharing=locked",
            ],
        );
        assert!(!text.contains("cross-compile"), "{text}");
    }

    #[test]
    fn dependencies_come_before_the_sources_and_into_a_cache_mount() {
        let text = shown(vec![
            step("a", "[linux/amd64 2/3] COPY . .", &[], 0, 10),
            step("b", "[linux/amd64 3/3] RUN npm ci", &["a"], 10, 9_000),
        ]);
        assert_says(
            &text,
            &[
                "RUN npm ci took 8.99 s, and runs again after an edit of any file: COPY . . comes before it. COPY package.json package-lock.json before it",
                "`RUN --mount=type=cache,target=/root/.npm`",
                "with `--edit FILE`",
            ],
        );
        let text = shown(vec![
            step("a", "[linux/amd64 2/4] COPY package.json ./", &[], 0, 10),
            step(
                "b",
                "[linux/amd64 3/4] RUN --mount=type=cache,target=/root/.npm npm ci",
                &["a"],
                10,
                9_000,
            ),
            step("c", "[linux/amd64 4/4] COPY . .", &["b"], 9_000, 9_010),
        ]);
        assert_says(&text, &["Nothing stands out"]);
        assert!(!text.contains("--edit"), "{text}");
    }

    #[test]
    fn of_a_build_from_the_cache_nothing_is_known() {
        let cached = |id, name, from| Vertex {
            cached: true,
            ..step(id, name, &[], from, from + 1)
        };
        let all = vec![
            cached("a", "[linux/amd64 2/3] COPY . .", 0),
            cached("b", "[linux/amd64 3/3] RUN make", 1),
        ];
        let text = shown(all);
        assert_says(&text, &["nothing was built", "--no-cache"]);
        assert!(!text.contains("compare"), "{text}");
        let some = vec![
            cached("a", "[linux/amd64 2/3] RUN npm ci", 0),
            step("b", "[linux/amd64 3/3] RUN ./test", &["a"], 1, 900),
        ];
        assert_says(&shown(some), &["1 RUN step came from the cache", "compare"]);
    }

    #[test]
    fn a_hostile_dockerfile_stays_text_and_a_failure_has_no_advice() {
        let name = format!("[linux/arm64 {HOSTILE} 2/2] RUN make {HOSTILE}");
        let text = shown(vec![step("a", &name, &[], 0, 9_000)]);
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text:?}"
        );
        let failed = Vertex {
            error: "exit code: 1".into(),
            ..step("a", "[linux/arm64 2/2] RUN make", &[], 0, 9_000)
        };
        assert_eq!(shown(vec![failed]), "");
    }
}
