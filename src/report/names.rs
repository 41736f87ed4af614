//! Names that are cut where there is no room for them, and still told apart.

use std::collections::BTreeSet;

/// Names as `cut` leaves them, which differ from each other as the names do: those that are too
/// long lose their end, or, where that is where they differ, what comes before; those that are alike
/// then get a number. `cut` makes a text fit together with what it must end with. Names are fit to
/// be shown.
pub(super) fn distinct(names: &[String], cut: impl Fn(&str, &str) -> String) -> Vec<String> {
    let ends_cut: Vec<String> = names.iter().map(|name| cut(name, "")).collect();
    let mut shown = ends_cut.clone();
    for place in clashing(&ends_cut) {
        let name = &names[place];
        let others = names.iter().zip(&ends_cut);
        let alike = others.filter(|(other, of)| **of == ends_cut[place] && *other != name);
        let same = alike.map(|(other, _)| same_chars(name, other)).max();
        // Two characters of what is the same say where it goes on.
        let from = same.unwrap_or(0).saturating_sub(2);
        let rest: String = name.chars().skip(from).collect();
        shown[place] = cut(&format!("…{rest}"), "");
    }
    for place in clashing(&shown) {
        shown[place] = cut(&shown[place], &format!(" {}", place + 1));
    }
    shown
}

/// Places of texts that are there more than once.
fn clashing(texts: &[String]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<&String> = texts.iter().filter(|text| !seen.insert(*text)).collect();
    let places = texts.iter().enumerate();
    places
        .filter(|(_, text)| twice.contains(text))
        .map(|(place, _)| place)
        .collect()
}

/// How many characters two texts begin with alike.
fn same_chars(one: &str, other: &str) -> usize {
    let pairs = one.chars().zip(other.chars());
    pairs.take_while(|(one, other)| one == other).count()
}
