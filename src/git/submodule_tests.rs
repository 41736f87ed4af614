use std::path::Path;

use super::super::fixture_tests::Fixture;
use super::LackingSubmodule;

#[test]
fn a_submodule_that_moved_and_is_not_checked_out_lacks_its_files() {
    let inner = Fixture::new();
    let outer = Fixture::new();
    outer.add_submodule(&inner, "vendor/lib");
    outer.git(["branch", "before"]);
    let ask = |fixture: &Fixture, rev: &str| {
        let repository = fixture.repository();
        let commit = repository.resolve(rev).unwrap();
        repository.submodules_without_files(&commit).unwrap()
    };
    assert_eq!(ask(&outer, "before"), []);

    let module = outer.path().join("vendor/lib");
    super::super::fixture_tests::git(&module, ["commit", "--quiet", "--allow-empty", "-m", "New"]);
    outer.git(["commit", "--quiet", "--all", "-m", "Bump"]);
    assert_eq!(ask(&outer, "before"), []);

    let clone = Fixture::clone_of(&outer, &[]);
    let lacking = ask(&clone, "origin/before");
    let [LackingSubmodule { path, base, now }] = lacking.as_slice() else {
        panic!("{lacking:?}");
    };
    assert_eq!(path, Path::new("vendor/lib"));
    assert!(base.is_some() && now.is_some() && base != now);
    let same = ask(&clone, "HEAD");
    assert_eq!(same[0].base, same[0].now);

    let repository = clone.repository();
    let file = repository.top().join("vendor/lib/file");
    assert_eq!(
        repository.submodule_without_files(&file).as_deref(),
        Some(Path::new("vendor/lib"))
    );
    let other = repository.top().join("vendor/other");
    assert_eq!(repository.submodule_without_files(&other), None);
}
