//! The values of a matrix as reports show them: which builder, which emulators.

use crate::model::{BuilderInfo, NodeInfo, RunRecord, split_cell};
use crate::report::words::join;

use super::environment::{EmulatorView, emulators};

/// A value of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixValueView {
    /// What stands behind the `@` of its variants' names, from outside.
    pub name: String,
    /// Its builder, where builders are compared.
    pub builder: Option<BuilderInfo>,
    /// Its emulators.
    pub emulators: Vec<EmulatorView>,
}

impl MatrixValueView {
    /// `farm: remote driver, BuildKit v0.25, linux/arm64 under QEMU 10.0.13`, from
    /// outside.
    pub fn describe(&self) -> String {
        let mut parts: Vec<String> = self.builder.iter().flat_map(of_builder).collect();
        parts.extend(self.emulators.iter().map(EmulatorView::describe));
        if parts.is_empty() {
            parts.push("nothing is emulated".to_owned());
        }
        format!("{}: {}", self.name, parts.join(", "))
    }
}

fn of_builder(builder: &BuilderInfo) -> Vec<String> {
    let mut parts = vec![format!("{} driver", builder.driver)];
    let optional = [
        ("BuildKit", &builder.buildkit_version),
        ("Docker Engine", &builder.engine_version),
        ("image", &builder.image),
    ];
    for (name, value) in optional {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            parts.push(format!("{name} {value}"));
        }
    }
    let of_node = |node: &NodeInfo| node.native.to_string();
    let nodes: Vec<String> = builder.nodes.iter().map(of_node).collect();
    if !nodes.is_empty() {
        parts.push(format!("nodes of {}", join(nodes)));
    }
    parts
}

/// Each value once, in the order of the matrix; none where there was none.
pub(super) fn values(record: &RunRecord) -> Vec<MatrixValueView> {
    let mut values: Vec<MatrixValueView> = Vec::new();
    for variant in record.scenarios.iter().flat_map(|s| &s.variants) {
        let is_cell = variant.builder.is_some() || variant.emulators.is_some();
        let Some(name) = split_cell(&variant.name).1.filter(|_| is_cell) else {
            continue;
        };
        if values.iter().all(|known| known.name != name) {
            values.push(MatrixValueView {
                name: name.to_owned(),
                builder: variant.builder.clone(),
                emulators: emulators(record.emulators_of(variant)),
            });
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn each_value_is_told_once() {
        let mut record = fixture::record(&["naive@a", "cross@a", "naive@b", "cross@b"], 1);
        let described = |record: &RunRecord| -> Vec<String> {
            values(record)
                .iter()
                .map(MatrixValueView::describe)
                .collect()
        };
        let builder = record.builder.clone();
        for variant in &mut record.scenarios[0].variants {
            let is_farm = variant.name.ends_with("@b");
            variant.emulators = Some(match is_farm {
                true => Vec::new(),
                false => record.emulators.clone(),
            });
            variant.builder = Some(match is_farm {
                true => BuilderInfo {
                    driver: "remote".into(),
                    buildkit_version: Some("v0.25.1".into()),
                    ..BuilderInfo::default()
                },
                false => builder.clone(),
            });
        }
        assert_eq!(
            described(&record),
            [
                "a: docker driver, BuildKit v0.13.2, Docker Engine 26.1.5+dfsg1, linux/arm64 under \
                 QEMU 10.0.2",
                "b: remote driver, BuildKit v0.25.1"
            ]
        );
        assert_eq!(described(&fixture::record(&["naive", "cross"], 1)), [""; 0]);
    }
}
