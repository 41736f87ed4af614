//! The workflows that `choose` prints, by GitHub's schema of them.

use std::fs;

use super::{answer, root};

#[test]
fn the_workflows_of_choose_are_by_githubs_schema() {
    let folder = tempfile::tempdir().unwrap();
    let snapshots = root().join("src/report/choose/snapshots");
    let mut read = 0;
    for entry in fs::read_dir(snapshots).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.contains("__workflow_of_") {
            continue;
        }
        let snapshot = fs::read_to_string(&path).unwrap();
        let (_, text) = snapshot.split_once("\n---\n").unwrap();
        let file = folder.path().join(format!("{name}.yml"));
        fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        answer(
            "check-jsonschema",
            ["--builtin-schema", "vendor.github-workflows", file],
        );
        read += 1;
    }
    assert_eq!(read, 2);
}
