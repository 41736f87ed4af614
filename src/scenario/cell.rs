//! A race over a matrix: each variant of a scenario becomes one for each value.
//! Whatever is planned, measured and reported of variants is so of these.

use super::definition::{Cell, Scenario, Variant};
use crate::model::cell_name;

impl Scenario {
    /// Has each variant once for each value, all of the first value first. The
    /// reference is the one that was, at the first value. Without a value nothing
    /// changes.
    pub fn expand(&mut self, values: &[(String, Cell)]) {
        if values.is_empty() {
            return;
        }
        let variants = std::mem::take(&mut self.variants);
        let cells = values.iter().enumerate().flat_map(|(at, (value, cell))| {
            variants.iter().map(move |variant| Variant {
                name: cell_name(&variant.name, value),
                reference: variant.reference && at == 0,
                cell: cell.clone(),
                ..variant.clone()
            })
        });
        self.variants = cells.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{AdhocDockerfile, AdhocScenario};

    fn two_variants() -> Scenario {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        std::fs::write(&path, "FROM debian\n").unwrap();
        let dockerfiles = ["naive", "cross"].map(|name| AdhocDockerfile {
            name: name.into(),
            path: path.clone(),
            shown: "Dockerfile".into(),
            context: None,
            origin: None,
            revision: None,
            contexts: Default::default(),
            bake: None,
        });
        let scenario = AdhocScenario {
            name: "tiny".into(),
            title: String::new(),
            context: folder.path().to_owned(),
            dockerfiles: dockerfiles.to_vec(),
            target: None,
            build_args: Default::default(),
            ssh: Default::default(),
            platforms: Vec::new(),
            kinds: Vec::new(),
            edits: Vec::new(),
            gate: None,
        };
        scenario.load().unwrap()
    }

    #[test]
    fn each_variant_comes_once_for_each_value() {
        let mut scenario = two_variants();
        let unchanged = scenario.clone();
        scenario.expand(&[]);
        assert_eq!(scenario, unchanged);
        let cell = |place| Cell { place, qemu: None };
        scenario.expand(&[("a".into(), cell(0)), ("b".into(), cell(1))]);
        let found: Vec<(&str, bool, usize)> = scenario
            .variants
            .iter()
            .map(|v| (v.name.as_str(), v.reference, v.cell.place))
            .collect();
        let expected = [
            ("naive@a", true, 0),
            ("cross@a", false, 0),
            ("naive@b", false, 1),
            ("cross@b", false, 1),
        ];
        assert_eq!(found, expected);
    }
}
