//! Plain logs as people have them, and as nobody should.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::builds;
use crate::trace::{Clock, Recorded, Step};

fn read(log: &str) -> Vec<Recorded> {
    builds(log.as_bytes()).unwrap()
}

fn one(log: &str) -> Recorded {
    let mut builds = read(log);
    assert_eq!(builds.len(), 1);
    builds.remove(0)
}

fn step<'r>(build: &'r Recorded, name: &str) -> &'r Step {
    let mut steps = build.trace.steps().iter();
    let found = steps.find(|step| step.name.contains(name));
    found.unwrap_or_else(|| panic!("no step {name:?}"))
}

/// What a step takes from, by names.
fn inputs<'r>(build: &'r Recorded, name: &str) -> Vec<&'r str> {
    let inputs = step(build, name).inputs.iter();
    let named = |digest: &String| {
        let at = build.trace.index_of(digest).unwrap();
        build.trace.steps()[at].name.as_str()
    };
    inputs.map(named).collect()
}

/// The time of a step from the build's begin, in tenths of a second.
fn time(build: &Recorded, name: &str) -> (i128, i128) {
    let (begin, _) = build.trace.server_window().unwrap();
    let step = step(build, name);
    let tenths = |at: jiff::Timestamp| at.duration_since(begin).as_millis() / 100;
    (
        tenths(step.started().unwrap()),
        tenths(step.completed().unwrap()),
    )
}

const OPENING: &str = "\
#0 building with \"default\" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 120B done
#1 DONE 0.1s

#2 [internal] load .dockerignore
#2 DONE 0.0s
";

#[test]
fn a_log_tells_times_output_bytes_and_how_steps_ended() {
    let build = one(&format!(
        "WARNING: buildx: git was not found\n{OPENING}
#3 [1/3] FROM docker.io/library/debian:trixie-slim@sha256:00
#3 resolve docker.io/library/debian:trixie-slim@sha256:00 0.0s done
#3 sha256:ab 1.05MB / 3.15MB 0.2s
#3 ...

#4 [internal] load build context
#4 transferring context: 2.30kB done
#4 DONE 0.2s

#3 [1/3] FROM docker.io/library/debian:trixie-slim@sha256:00
#3 sha256:ab 3.15MB / 3.15MB 1.5s done
#3 extracting sha256:ab 0.4s done
#3 DONE 2.0s

#5 [2/3] COPY . .
#5 CACHED

#6 [3/3] RUN make
#6 0.101 #9 DONE 9.0s
#6 12.51 second
#6 DONE 12.6s

#7 exporting to image
#7 exporting layers 0.3s done
#7 DONE 0.4s
"
    ));
    assert_eq!((build.clock, build.cut_off), (Clock::None, false));
    assert_eq!(build.text, None);
    let busy = |name: &str| step(&build, name).busy().as_millis();
    assert_eq!(
        (busy("FROM"), busy("RUN make"), busy("exporting")),
        (2000, 12_600, 400)
    );
    assert_eq!(step(&build, "FROM").bytes_moved(), 3_150_000);
    assert_eq!(step(&build, "build context").bytes_moved(), 2300);
    let run = step(&build, "RUN make");
    assert_eq!(run.log.lines(), ["#9 DONE 9.0s", "second"]);
    assert!(step(&build, "COPY").cached && !run.cached);
    assert_eq!((build.trace.count(), build.trace.cached_count()), (2, 1));
    // Each as early as it can have been.
    assert_eq!(time(&build, "build context"), (1, 3));
    assert_eq!(time(&build, "FROM"), (1, 21));
    assert_eq!(time(&build, "RUN make"), (21, 147));
    assert_eq!(time(&build, "exporting"), (147, 151));
}

#[test]
fn a_stage_is_taken_from_where_its_name_is_said() {
    let build = one("\
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#2 [internal] load build context
#2 DONE 0.0s
#3 [linux/amd64 build 1/4] FROM golang
#3 DONE 0.0s
#4 [linux/amd64 build 2/4] WORKDIR /src
#4 DONE 0.0s
#5 [linux/amd64 build 3/4] COPY . .
#5 DONE 0.0s
#6 [linux/amd64->arm64 build 4/4] RUN --mount=type=bind,from=tools,target=/t go build
#6 DONE 0.0s
#7 [linux/amd64 build 4/4] RUN --mount=type=bind,from=tools,target=/t go build
#7 DONE 0.0s
#8 [linux/amd64 tools 2/2] RUN tools
#8 DONE 0.0s
#9 [linux/arm64 stage-2 1/3] FROM debian
#9 DONE 0.0s
#10 [linux/arm64 stage-2 2/3] COPY --from=Build /out /out
#10 DONE 0.0s
#11 [linux/arm64 stage-2 3/3] RUN --mount=type=cache,target=/c /out
#11 DONE 0.0s
#12 [linux/amd64 stage-2 2/3] COPY --link --from=build /out /out
#12 DONE 0.0s
#13 [linux/amd64 stage-2 3/3] ADD --checksum=sha256:1 https://example.org/x /x
#13 DONE 0.0s
#14 [linux/amd64 stage-2 3/3] ADD --checksum=sha256:1 https://example.org/x /x
#14 DONE 0.0s
");
    let context = "[internal] load build context";
    let arm64 =
        "[linux/amd64->arm64 build 4/4] RUN --mount=type=bind,from=tools,target=/t go build";
    let amd64 = "[linux/amd64 build 4/4] RUN --mount=type=bind,from=tools,target=/t go build";
    let copied = "[linux/amd64 build 3/4] COPY . .";
    let tools = "[linux/amd64 tools 2/2] RUN tools";
    for (name, expected) in [
        ("[linux/amd64 build 1/4]", &[][..]),
        ("WORKDIR", &["[linux/amd64 build 1/4] FROM golang"]),
        (copied, &[context, "[linux/amd64 build 2/4] WORKDIR /src"]),
        (arm64, &[copied, tools]),
        (amd64, &[copied, tools]),
        // The only image of its platform is what it is made from.
        (tools, &["[linux/amd64 build 1/4] FROM golang"]),
        (
            "COPY --from=Build",
            &[arm64, "[linux/arm64 stage-2 1/3] FROM debian"],
        ),
        (
            "RUN --mount=type=cache",
            &["[linux/arm64 stage-2 2/3] COPY --from=Build /out /out"],
        ),
        ("COPY --link", &[amd64]),
    ] {
        assert_eq!(inputs(&build, name), expected, "{name}");
    }
    let trace = &build.trace;
    let adds: Vec<&Step> = trace.steps().iter().filter(|s| s.label.is("ADD")).collect();
    assert_eq!(adds[0].inputs, Vec::<String>::new());
    assert_eq!(adds[1].inputs, ["#12", "#13"]);
}

#[test]
fn time_stamps_say_when_steps_ran() {
    let log = "\
2026-11-28T10:00:00.0000000Z #1 [internal] load build definition from Dockerfile
2026-11-28T10:00:00.1000000Z #1 DONE 0.1s
2026-11-28T10:00:00.1000000Z #2 [a 1/2] FROM x
2026-11-28T10:00:00.1000000Z #2 DONE 0.0s
2026-11-28T10:00:01.0000000Z #3 [a 2/2] RUN one
2026-11-28T10:00:05.0000000Z #3 DONE 4.7s
2026-11-28T10:00:05.0000000Z #4 [b 1/1] COPY --from=a / /
2026-11-28T10:00:06.0000000Z #4 DONE 1.2s
2026-11-28T10:00:09.0000000Z #5 [c 1/1] RUN fails
2026-11-28T10:00:09.5000000Z #5 2.500 a line
2026-11-28T10:00:10.0000000Z #5 ERROR: process \"/bin/sh -c fails\" did not complete successfully: exit code: 3
";
    let build = one(log);
    assert_eq!(build.clock, Clock::Log);
    assert_eq!(time(&build, "RUN one"), (1, 48));
    // The line that says that `RUN one` ended was 0.2 s late.
    assert_eq!(time(&build, "COPY"), (48, 60));
    assert_eq!(time(&build, "RUN fails"), (70, 100));
    let failed = build.trace.failed_step().unwrap();
    assert_eq!(failed.exit_code(), Some(3));

    let marks = |prefix: &str| {
        let lines = log.lines();
        let lines = lines.map(|line| {
            let (at, text) = line.split_once(' ').unwrap();
            format!("{}{prefix}{text}\r\n", &at[..26].to_owned()) + ""
        });
        lines.collect::<String>()
    };
    for other in [
        marks("Z 00O "),
        marks("Z "),
        log.replace("2026", "job\tstep\t2026"),
    ] {
        let read = one(&other);
        assert_eq!(read.clock, Clock::Log);
        for (ours, theirs) in build.trace.steps().iter().zip(read.trace.steps()) {
            assert_eq!(ours.intervals(), theirs.intervals(), "{other}");
        }
    }
    // One line without is one too few.
    let log = log.replacen("2026-11-28T10:00:09.5000000Z ", "", 1);
    assert_eq!(one(&log).clock, Clock::None);
}

#[test]
fn a_line_that_gitlab_cut_in_two_is_one() {
    let log = "\
2026-11-28T10:00:00.000000Z 00O #1 [internal] load build definition from Dockerfile
2026-11-28T10:00:00.100000Z 00O #1 DO
2026-11-28T10:00:00.200000Z 00O+NE 0.1s
";
    assert_eq!(time(&one(log), "load build"), (0, 1));
}

#[test]
fn builds_one_after_another_are_told_apart() {
    let run = |what: &str, end: &str| format!("\n#3 [2/2] RUN {what}\n#3 0.1 out\n#3 {end}\n");
    let first = format!("{OPENING}{}", run("one", "DONE 1.0s"));
    let failed = format!(
        "{OPENING}{}------\n > [2/2] RUN two:\n0.1 out\n------\nDockerfile:2\n\
         ERROR: failed to build: failed to solve: process \"/bin/sh -c two\" did not complete \
         successfully: exit code: 1\n",
        run(
            "two",
            "ERROR: process \"/bin/sh -c two\" did not complete successfully: exit code: 1"
        )
    );
    let unparsable = "\
#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
Dockerfile:2
ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN
ERROR: Job failed: exit code 1
";
    let cancelled = format!(
        "{OPENING}{}ERROR: failed to solve: Canceled: context canceled\n",
        run("three", "CANCELED")
    );
    let all = [
        first.as_str(),
        &failed,
        unparsable,
        &cancelled,
        &first,
        &first,
    ];
    let builds = read(&all.concat());
    assert_eq!(builds.len(), all.len());
    for (build, alone) in builds.iter().zip(all) {
        let alone = one(alone);
        assert_eq!(build.trace.steps(), alone.trace.steps());
        assert_eq!(build.text, alone.text);
    }
    let text = |at: usize| builds[at].text.clone().unwrap_or_default();
    assert!(text(1).contains("exit code: 1") && text(3).contains("Canceled"));
    assert!(
        text(2).contains("line 2: unknown instruction"),
        "{}",
        text(2)
    );
    assert!(step(&builds[3], "RUN three").was_cancelled());

    // Older printers do not say which builder they use.
    let old = all.concat().replace(
        "#0 building with \"default\" instance using docker driver\n",
        "",
    );
    assert_eq!(read(&old).len(), all.len());
}

#[test]
fn targets_of_a_bake_are_one_build() {
    let build = one("\
#1 [internal] load local bake definitions
#1 DONE 0.0s
#2 [app internal] load build definition from Dockerfile
#2 DONE 0.0s
#3 [app base 1/2] FROM x
#3 DONE 0.1s
#2 [web internal] load build definition from Dockerfile
#2 DONE 0.0s
#3 [web base 1/2] FROM x
#3 DONE 0.3s
#4 [app context src] load from client
#4 DONE 0.1s
#5 [app stage-1 2/2] COPY --from=src / /
#5 DONE 0.1s
");
    assert_eq!(build.trace.steps().len(), 5);
    // What it was worked on in all.
    assert_eq!(step(&build, "FROM").busy(), Duration::from_millis(300));
    assert_eq!(
        inputs(&build, "COPY"),
        [
            "[app base 1/2] FROM x",
            "[app context src] load from client"
        ]
    );
}

#[test]
fn a_log_without_its_begin_or_its_end_is_a_part() {
    let whole = format!(
        "{OPENING}
#3 [1/2] FROM x
#3 DONE 0.1s

#4 [2/2] RUN make
#4 0.2 line
#4 DONE 1.0s
"
    );
    assert!(!one(&whole).cut_off);
    let end = whole.find("#4 [2/2]").unwrap();
    assert!(one(&whole[..end]).cut_off);
    let middle = whole.find("#4 0.2").unwrap();
    let build = one(&whole[middle..]);
    assert!(build.cut_off);
    assert_eq!(build.trace.steps()[0].busy(), Duration::from_secs(1));
    let running = one(&whole[..whole.len() - "#4 DONE 1.0s\n".len()]);
    assert!(step(&running, "RUN make").is_running());
}

#[test]
fn what_is_no_log_of_a_build_holds_none() {
    for text in [
        "",
        "hello",
        "#12 a heading\n#13 DONE\u{20}more\n",
        "#1 [internal] load build definition\n",
        "## 1\n#0 DONE 1.0s\n",
    ] {
        assert!(read(text).is_empty(), "{text}");
    }
}

#[test]
fn more_steps_than_any_build_has_are_an_error() {
    let steps = (1..=super::MAX_STEPS as u32 + 1).map(|n| format!("#{n} [x] y\n#{n} DONE 1e9s\n"));
    let log = format!("#1 [x] y\n{}", steps.collect::<String>());
    let error = builds(log.as_bytes()).unwrap_err().to_string();
    let number = (super::MAX_STEPS + 1).to_string();
    assert!(error.contains(&number), "{error}");
}

#[test]
fn a_line_without_an_end_is_not_held() {
    use std::io::Read;
    let begin = "#1 [internal] load build definition\n#1 DONE 0.1s\n#2 [1/2] FROM ";
    let long = std::io::repeat(b'x').take(64 << 20);
    let end = "\n#2 DONE 0.1s\n";
    let builds = builds(begin.as_bytes().chain(long).chain(end.as_bytes())).unwrap();
    let name = &builds[0].trace.steps()[1].name;
    assert!(name.len() <= 4096 && name.starts_with("[1/2] FROM xxx"));
}

/// Lines of a log, some as a printer writes them.
fn line() -> impl Strategy<Value = String> {
    let said = select(
        &[
            "[internal] load build definition from Dockerfile",
            "[a 1/3] FROM x",
            "[a 2/3] COPY --from=b . .",
            "[b 2/3] COPY --from=a . .",
            "[b 3/3] RUN --mount=type=bind,from=a x",
            "[linux/amd64->arm64 a 3/3] LINK COPY --link x y",
            "exporting to image",
            "building with \"x\" instance",
            "DONE 1.0s",
            "DONE 99999999999999999999s",
            "DONE",
            "CACHED",
            "CANCELED",
            "ERROR: x",
            "...",
            "12.5 out",
            "sha256:a 1MB / 2MB 0.1s done",
            "",
        ][..],
    );
    let stamp = select(
        &[
            "",
            "2026-11-28T10:00:00.1234567Z ",
            "9999-12-30T00:00:00Z ",
            "-009999-01-02T01:59:59Z ",
        ][..],
    );
    prop_oneof![
        8 => (stamp, 0u32..6, said).prop_map(|(stamp, number, said)| format!("{stamp}#{number} {said}\n")),
        1 => Just("ERROR: failed to solve: x\n".to_owned()),
        1 => ".{0,20}\n",
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_their_end(bytes: Vec<u8>) {
        let _ = builds(&bytes[..]);
    }

    #[test]
    fn any_lines_are_builds_whose_steps_end_after_they_began(lines in vec(line(), 0..60)) {
        for build in read(&lines.concat()) {
            let steps = build.trace.steps().iter();
            for interval in steps.flat_map(Step::intervals) {
                prop_assert!(interval.end.is_none_or(|end| end >= interval.start));
            }
            prop_assert!(build.trace.server_window().is_some());
        }
    }
}
