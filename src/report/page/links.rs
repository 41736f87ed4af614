//! What lies beside a page, for it to link to.

/// Where a page may link to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageLinks {
    /// The run's folder of results: an address, or a path relative to the page.
    /// `None` where it is not known to be there for whoever reads the page.
    pub results: Option<String>,
}
