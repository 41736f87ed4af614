//! The changes of a site as a feed that readers of news follow: Atom, RFC 4287.

use std::fmt::Write;

use super::pages::{change_line, facts_line};
use super::view::Site;
use crate::escape;

/// Entries of a feed.
const MAX_ENTRIES: usize = 100;

/// The newest changes as an Atom feed. Its links are relative to the site.
pub fn feed(site: &Site) -> String {
    let newest = site.runs.first();
    let updated = newest.map_or_else(jiff::Timestamp::default, |run| run.started);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <title>Changes of build times</title>\n\
         <id>urn:buildrace:changes</id>\n\
         <updated>{updated}</updated>\n\
         <author><name>buildrace</name></author>\n\
         <link href=\"index.html\"/>\n"
    );
    for (series, change) in site.changes().into_iter().take(MAX_ENTRIES) {
        let name = &series.name;
        let id = [
            change.to.as_str(),
            &name.scenario,
            &name.variant,
            &name.kind.to_string(),
        ];
        let id = id
            .map(|part| escape::html(&escape::bounded(part)))
            .join(":");
        let _ = write!(
            out,
            "<entry>\n<title>{}</title>\n<id>urn:buildrace:{}</id>\n<updated>{}</updated>\n\
             <link href=\"{}\"/>\n<summary>{}</summary>\n</entry>\n",
            escape::html(&change_line(series, change)),
            id.replace(' ', "%20"),
            series.points[change.index].started,
            site.scenario_file(&name.scenario),
            escape::html(&facts_line(change)),
        );
    }
    out.push_str("</feed>\n");
    out
}
