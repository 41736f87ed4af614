//! Names of a matrix's cells. A race over several builders, or versions of QEMU,
//! has each variant once for each value: `naive@default`, `naive@farm`. No
//! scenario can name a variant so.

/// What stands between a variant's name and the value that it is built with.
const AT: char = '@';

/// The name of a variant at a value of a matrix.
pub fn cell_name(variant: &str, value: &str) -> String {
    format!("{variant}{AT}{value}")
}

/// A variant's name without the value of a matrix, and the value; none where the
/// race had no matrix.
pub fn split_cell(name: &str) -> (&str, Option<&str>) {
    match name.split_once(AT) {
        Some((variant, value)) => (variant, Some(value)),
        None => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_told_from_a_variant() {
        let name = cell_name("naive", "qemu-10.0.13");
        assert_eq!(name, "naive@qemu-10.0.13");
        assert_eq!(split_cell(&name), ("naive", Some("qemu-10.0.13")));
        assert_eq!(split_cell("naive"), ("naive", None));
    }
}
