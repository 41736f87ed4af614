//! Driver options of several builders, which are typed together.

/// Driver options of an address; all others are of a container of buildrace's own.
const OF_ADDRESS: [&str; 4] = ["cacert", "cert", "key", "servername"];

fn is_of_address(option: &str) -> bool {
    let key = option.split('=').next().unwrap_or_default();
    OF_ADDRESS.contains(&key)
}

/// Those of a container of buildrace's own.
pub(super) fn of_own_builder(options: &[String]) -> Vec<String> {
    let own = options.iter().filter(|option| !is_of_address(option));
    own.cloned().collect()
}

/// Those of an address.
pub(super) fn of_address(options: &[String]) -> Vec<String> {
    let own = options.iter().filter(|option| is_of_address(option));
    own.cloned().collect()
}
