//! Which BuildKit an engine was made with, for engines whose BuildKit does not
//! say: Debian's are built without a version.

/// Engine by its first two numbers, and the BuildKit in the last of its
/// releases (`vendor.mod` of moby/moby).
const BUILDKIT: [(u32, u32, &str); 24] = [
    (24, 0, "v0.11"),
    (25, 0, "v0.12"),
    (26, 0, "v0.13"),
    (26, 1, "v0.13"),
    (27, 0, "v0.14"),
    (27, 1, "v0.15"),
    (27, 2, "v0.15"),
    (27, 3, "v0.16"),
    (27, 4, "v0.17"),
    (27, 5, "v0.18"),
    (28, 0, "v0.20"),
    (28, 1, "v0.21"),
    (28, 2, "v0.22"),
    (28, 3, "v0.23"),
    (28, 4, "v0.24"),
    (28, 5, "v0.25"),
    (29, 0, "v0.25"),
    (29, 1, "v0.26"),
    (29, 2, "v0.27"),
    (29, 3, "v0.28"),
    (29, 4, "v0.29"),
    (29, 5, "v0.30"),
    (29, 6, "v0.31"),
    (29, 7, "v0.32"),
];

/// The BuildKit of an engine's version, `v0.13` for `26.1.5+dfsg1`: its later
/// numbers depend on who made the engine.
pub fn buildkit_of(engine: &str) -> Option<String> {
    let mut numbers = engine.split(['.', '+', '-', '~']).map(str::parse);
    let (major, minor): (u32, u32) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let mut known = BUILDKIT.iter();
    let (_, _, buildkit) = known.find(|(a, b, _)| (*a, *b) == (major, minor))?;
    Some((*buildkit).to_owned())
}

#[cfg(test)]
mod tests {
    use super::buildkit_of;

    #[test]
    fn an_engine_tells_its_buildkit() {
        for (engine, buildkit) in [
            ("26.1.5+dfsg1", Some("v0.13")),
            ("24.0.9", Some("v0.11")),
            ("27.2.0-rc.1", Some("v0.15")),
            ("99.0.0", None),
            ("dev", None),
            ("", None),
        ] {
            assert_eq!(buildkit_of(engine).as_deref(), buildkit, "{engine}");
        }
    }
}
