//! Where the page of a run will be on the web, for formats that link to it.

use std::str::FromStr;

use super::prose::is_page;

/// What stands for the run's id in an address.
const RUN: &str = "{run}";

/// The address of a run's page, as a user gives it before the run has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageAddress(String);

impl PageAddress {
    /// The address of this run's page; `None` where its id is fit for none.
    pub fn of_run(&self, run: &str) -> Option<String> {
        let address = self.0.replace(RUN, run);
        is_page(&address).then_some(address)
    }
}

impl FromStr for PageAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = Self(text.to_owned());
        match address.of_run("20261123T204500Z-3f9a1c") {
            Some(_) => Ok(address),
            None => Err(format!(
                "expected https://HOST/PATH, at most 200 characters, in which {RUN} may stand for \
                 the run's id"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_id_is_put_into_its_address() {
        let of = |text: &str| text.parse::<PageAddress>().unwrap().of_run("r1");
        assert_eq!(
            of("https://example.org/{run}/index.html").unwrap(),
            "https://example.org/r1/index.html"
        );
        assert_eq!(of("http://a/b").unwrap(), "http://a/b");
        for wrong in [
            "javascript:alert(1)",
            "/x",
            "https://a/<b>",
            "https://a/ b",
            "",
        ] {
            assert!(wrong.parse::<PageAddress>().is_err(), "{wrong}");
        }
        let address: PageAddress = "https://a/{run}".parse().unwrap();
        assert_eq!(address.of_run("x>y"), None);
    }
}
