//! Scenarios and a seed become rounds of slots: which sample is built when.
//!
//! The verdict rule needs a random order within a round, so that drift hits
//! the variants alike; a reader of a run needs to draw the same order again.
//! So the order depends on the seed, the round and the input alone, on every
//! platform and in every version: the generator is ChaCha8 with its seed laid
//! out here, and the shuffle is written here, since `rand` promises neither
//! its seeding nor its shuffle to stay as they are.

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::model::{BuildKind, Slot};

/// What is raced of one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanInput {
    /// Name of the scenario, as results have it.
    pub scenario: String,
    /// Names of its variants.
    pub variants: Vec<String>,
    /// The kinds asked for; [`plan`] adds those that they start from.
    pub kinds: Vec<BuildKind>,
    /// Whether it builds for the node's own platform alone.
    pub native_only: bool,
}

/// Build kinds with those that they start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinds {
    /// All to build, each once, in the order of reports.
    pub all: Vec<BuildKind>,
    /// Those of them that nobody asked for.
    pub added: Vec<BuildKind>,
}

/// Adds to `asked` the kinds whose builder state they start from:
/// `incremental` starts from `multi-arch`, or from `cold` where the scenario
/// builds for the node's own platform alone, so asking for it builds both.
pub fn with_prerequisites(asked: &[BuildKind], native_only: bool) -> Kinds {
    let mut all: BTreeSet<BuildKind> = asked.iter().copied().collect();
    for kind in asked {
        all.extend(std::iter::successors(Some(*kind), |kind| {
            kind.starts_from(native_only)
        }));
    }
    let added = all
        .iter()
        .copied()
        .filter(|kind| !asked.contains(kind))
        .collect();
    Kinds {
        all: all.into_iter().collect(),
        added,
    }
}

/// Plans `rounds` rounds. In each, every variant of every scenario is built
/// once for each of its kinds, with their prerequisites.
///
/// A kind that starts from another's state comes right after it, or after the kinds
/// of another edit on that state; such chains are shuffled whole. So for each kind the order of two variants is a fair
/// coin. Slots come in the order in which to build them.
pub fn plan(inputs: &[PlanInput], rounds: u32, seed: u64) -> Vec<Slot> {
    let chains: Vec<Chain<'_>> = inputs.iter().flat_map(chains).collect();
    (1..=rounds)
        .flat_map(|round| {
            let mut order: Vec<&Chain<'_>> = chains.iter().collect();
            shuffle(&mut order, &mut generator(seed, round));
            order
                .into_iter()
                .flat_map(|chain| chain.kinds.iter().map(move |kind| (chain, *kind)))
                .zip(1..)
                .map(move |((chain, kind), position)| slot(chain, kind, round, position))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Kinds of one variant that are built one right after the other, each from
/// the state that the one before left.
struct Chain<'a> {
    scenario: &'a str,
    variant: &'a str,
    kinds: Vec<BuildKind>,
}

fn chains(input: &PlanInput) -> impl Iterator<Item = Chain<'_>> {
    let all = with_prerequisites(&input.kinds, input.native_only).all;
    let runs: Vec<Vec<BuildKind>> = all
        .iter()
        .filter(|kind| kind.starts_from(input.native_only).is_none())
        .map(|first| {
            let mut chain = Vec::new();
            let mut open = vec![*first];
            while let Some(kind) = open.pop() {
                chain.push(kind);
                let next = all.iter().rev().copied();
                open.extend(next.filter(|n| n.starts_from(input.native_only) == Some(kind)));
            }
            chain
        })
        .collect();
    input.variants.iter().flat_map(move |variant| {
        runs.clone().into_iter().map(move |kinds| Chain {
            scenario: &input.scenario,
            variant,
            kinds,
        })
    })
}

fn slot(chain: &Chain<'_>, kind: BuildKind, round: u32, position: u32) -> Slot {
    let Chain {
        scenario, variant, ..
    } = chain;
    // No file can have a colon in its name everywhere.
    let word = kind.to_string().replace(':', "-");
    Slot {
        id: format!("r{round}-{position:02}-{scenario}-{variant}-{word}"),
        scenario: (*scenario).to_owned(),
        variant: (*variant).to_owned(),
        kind,
        round,
        position,
    }
}

/// The generator of one round: a round's order does not depend on how many
/// rounds there are.
fn generator(seed: u64, round: u32) -> ChaCha8Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&round.to_le_bytes());
    ChaCha8Rng::from_seed(bytes)
}

/// Fisher and Yates' shuffle: every order is equally likely.
fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last + 1, rng));
    }
}

/// A number from 0 to `bound - 1`, each equally likely: draws from the
/// incomplete last stretch of the generator's range are thrown away.
fn below(bound: usize, rng: &mut impl Rng) -> usize {
    let bound = bound as u64;
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let draw = rng.next_u64();
        if draw < limit {
            return (draw % bound) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn go_hello(kinds: &[BuildKind]) -> PlanInput {
        PlanInput {
            scenario: "go-hello".into(),
            variants: vec!["naive".into(), "cross".into()],
            kinds: kinds.to_vec(),
            native_only: false,
        }
    }

    fn other() -> PlanInput {
        PlanInput {
            scenario: "other".into(),
            variants: vec!["a".into(), "b".into(), "c".into()],
            kinds: BuildKind::STANDARD.to_vec(),
            native_only: false,
        }
    }

    #[test]
    fn every_variant_and_kind_comes_once_a_round() {
        let slots = plan(&[go_hello(&BuildKind::STANDARD), other()], 4, 7);
        let mut seen = BTreeMap::new();
        for slot in &slots {
            *seen
                .entry((slot.round, &slot.scenario, &slot.variant, slot.kind))
                .or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 4 * (2 * 4 + 3 * 4));
        assert!(seen.values().all(|count| *count == 1));
        for round in 1..=4 {
            let positions: Vec<u32> = slots
                .iter()
                .filter(|slot| slot.round == round)
                .map(|slot| slot.position)
                .collect();
            assert_eq!(positions, (1..=20).collect::<Vec<_>>());
        }
        let ids: BTreeSet<&str> = slots.iter().map(|slot| slot.id.as_str()).collect();
        assert_eq!(ids.len(), slots.len());
    }

    #[test]
    fn a_kind_comes_right_after_the_one_it_starts_from() {
        for seed in 0..50 {
            let slots = plan(&[go_hello(&BuildKind::STANDARD), other()], 2, seed);
            for (index, slot) in slots.iter().enumerate() {
                if let Some(from) = slot.kind.starts_from(false) {
                    let before = &slots[index - 1];
                    assert_eq!(
                        (&before.scenario, &before.variant, before.kind, before.round),
                        (&slot.scenario, &slot.variant, from, slot.round),
                    );
                }
            }
        }
    }

    #[test]
    fn each_edit_comes_in_the_chain_that_it_starts_from() {
        let edits = ["dependencies", "dockerfile"];
        let edits = edits.map(|name| BuildKind::after(name.parse().unwrap()));
        let chain = |kinds: &[BuildKind]| {
            let input = PlanInput {
                variants: vec!["naive".into()],
                ..go_hello(kinds)
            };
            let slots = plan(&[input], 1, 3).into_iter();
            slots.map(|slot| slot.kind.to_string()).collect::<Vec<_>>()
        };
        let kinds = [&[BuildKind::Noop], &edits[..]].concat();
        assert_eq!(
            chain(&kinds),
            [
                "multi-arch",
                "incremental",
                "noop",
                "incremental:dependencies",
                "incremental:dockerfile"
            ]
        );
        assert_eq!(
            chain(&edits[..1]),
            ["multi-arch", "incremental:dependencies"]
        );
        let ids = plan(&[go_hello(&edits)], 1, 3);
        assert!(ids.iter().all(|slot| !slot.id.contains(':')), "{ids:?}");
    }

    #[test]
    fn asking_for_a_kind_plans_what_it_starts_from() {
        use BuildKind::*;
        assert_eq!(
            with_prerequisites(&[Noop], false),
            Kinds {
                all: vec![MultiArch, Incremental, Noop],
                added: vec![MultiArch, Incremental],
            }
        );
        assert_eq!(with_prerequisites(&BuildKind::STANDARD, false).added, []);
        let kinds: Vec<BuildKind> = plan(&[go_hello(&[Incremental])], 1, 3)
            .iter()
            .map(|slot| slot.kind)
            .collect();
        assert_eq!(kinds, [MultiArch, Incremental, MultiArch, Incremental]);
    }

    #[test]
    fn for_one_platform_an_incremental_build_starts_from_a_cold_one() {
        use BuildKind::*;
        let input = PlanInput {
            native_only: true,
            ..go_hello(&[Incremental])
        };
        let kinds: Vec<BuildKind> = plan(&[input], 1, 3).iter().map(|slot| slot.kind).collect();
        assert_eq!(kinds, [Cold, Incremental, Cold, Incremental]);
    }

    #[test]
    fn a_kind_asked_for_twice_is_built_once() {
        use BuildKind::*;
        assert_eq!(plan(&[go_hello(&[Cold, Cold])], 1, 0).len(), 2);
    }

    #[test]
    fn the_order_of_two_variants_is_a_fair_coin() {
        const SEEDS: u64 = 2_000;
        for kind in BuildKind::STANDARD {
            let naive_first = (0..SEEDS)
                .filter(|seed| {
                    let slots = plan(&[go_hello(&BuildKind::STANDARD)], 1, *seed);
                    let place = |variant: &str| {
                        slots
                            .iter()
                            .position(|slot| slot.variant == variant && slot.kind == kind)
                    };
                    place("naive") < place("cross")
                })
                .count();
            // Four standard deviations of a fair coin are 89.
            assert!((911..=1089).contains(&naive_first), "{kind}: {naive_first}");
        }
    }

    #[test]
    fn rounds_of_one_seed_differ_and_do_not_depend_on_their_number() {
        let many = plan(&[go_hello(&BuildKind::STANDARD)], 12, 1);
        let few = plan(&[go_hello(&BuildKind::STANDARD)], 3, 1);
        assert_eq!(many[..few.len()], few);
        let orders: BTreeSet<Vec<(&str, BuildKind)>> = (1..=12)
            .map(|round| {
                many.iter()
                    .filter(|slot| slot.round == round)
                    .map(|slot| (slot.variant.as_str(), slot.kind))
                    .collect()
            })
            .collect();
        assert!(orders.len() > 3, "{} orders in 12 rounds", orders.len());
    }

    /// The order of a published run must come out again: this snapshot may
    /// never change.
    #[test]
    fn the_plan_of_a_seed_stays_as_it_is() {
        let ids: Vec<String> = plan(&[go_hello(&BuildKind::STANDARD)], 2, 42)
            .into_iter()
            .map(|slot| slot.id)
            .collect();
        insta::assert_snapshot!(ids.join("\n"), @"
        r1-01-go-hello-naive-cold
        r1-02-go-hello-cross-multi-arch
        r1-03-go-hello-cross-incremental
        r1-04-go-hello-cross-noop
        r1-05-go-hello-cross-cold
        r1-06-go-hello-naive-multi-arch
        r1-07-go-hello-naive-incremental
        r1-08-go-hello-naive-noop
        r2-01-go-hello-naive-cold
        r2-02-go-hello-naive-multi-arch
        r2-03-go-hello-naive-incremental
        r2-04-go-hello-naive-noop
        r2-05-go-hello-cross-cold
        r2-06-go-hello-cross-multi-arch
        r2-07-go-hello-cross-incremental
        r2-08-go-hello-cross-noop
        ");
    }
}
