//! What a matrix is made for, beside every cell against the reference: the
//! candidates against the reference at each value, and each candidate at one
//! value against itself at the first.

use super::Assessment;
use super::comparison::Comparison;
use crate::model::{ScenarioInfo, cell_name, split_cell};

impl Assessment<'_> {
    /// Further comparisons of a scenario that was raced over a matrix, one pair of
    /// variants after the other; none where it was not. A run does not go on for
    /// them.
    pub fn across_cells(&self, scenario: &ScenarioInfo) -> Vec<Comparison> {
        let mut found = Vec::new();
        for (from, to) in pairs(scenario) {
            let kinds = self.compared_kinds(scenario).into_iter();
            found.extend(kinds.map(|kind| self.compare_with(scenario, &from, &to, kind)));
        }
        found
    }
}

/// Pairs of variants' names, a base and what is compared with it.
fn pairs(scenario: &ScenarioInfo) -> Vec<(String, String)> {
    let names = || scenario.variants.iter().map(|v| v.name.as_str());
    let (reference, Some(first)) = split_cell(&scenario.reference) else {
        return Vec::new();
    };
    let is_raced = |name: &str| names().any(|known| known == name);
    let at_each_value = names().filter_map(|name| {
        let (variant, value) = split_cell(name);
        let (value, base) = (value?, cell_name(reference, value?));
        (value != first && variant != reference).then(|| (base, name.to_owned()))
    });
    let across_values = names().filter_map(|name| {
        let (variant, value) = split_cell(name);
        let base = cell_name(variant, first);
        (value != Some(first) && variant != reference).then(|| (base, name.to_owned()))
    });
    let all = at_each_value.chain(across_values);
    all.filter(|(base, _)| is_raced(base)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn pairs_of(names: &[&str]) -> Vec<String> {
        let record = fixture::record(names, 1);
        let pairs = pairs(&record.scenarios[0]).into_iter();
        pairs.map(|(from, to)| format!("{from} {to}")).collect()
    }

    #[test]
    fn a_candidate_is_compared_at_each_value_and_with_itself() {
        let names = ["naive@a", "cross@a", "naive@b", "cross@b"];
        assert_eq!(pairs_of(&names), ["naive@b cross@b", "cross@a cross@b"]);
        // One variant at each value is compared as it is.
        assert_eq!(pairs_of(&["naive@a", "naive@b", "naive@c"]), [""; 0]);
        assert_eq!(pairs_of(&["naive", "cross"]), [""; 0]);
        // What was not raced is no base.
        let without = ["naive@a", "cross@a", "cross@b"];
        assert_eq!(pairs_of(&without), ["cross@a cross@b"]);
    }

    #[test]
    fn a_pair_is_judged_as_a_candidate_is() {
        let times = |seconds: f64| [seconds; 4];
        let variants = [
            ("naive@a", times(10.0)),
            ("cross@a", times(10.0)),
            ("naive@b", times(20.0)),
            ("cross@b", times(10.0)),
        ];
        let (record, samples) = fixture::run(&variants, 6);
        let run = fixture::of(&record, &samples);
        let assessment = Assessment::of(&run);
        let found = assessment.across_cells(&record.scenarios[0]);
        assert_eq!(found.len(), 2 * 4);
        for one in &found[..4] {
            let told = (one.reference.as_str(), one.candidate.as_str());
            assert_eq!(told, ("naive@b", "cross@b"));
            assert_eq!(one.verdict.map(|v| v.as_str()), Some("faster"));
            assert!(!one.is_gate);
        }
        assert!(found[4..].iter().all(|one| one.reference == "cross@a"));
    }
}
