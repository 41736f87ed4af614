//! Charts within a page: one copy of each, whose colours are the page's
//! variables, so that it is light or dark as the reader's screen is.

use super::super::chart::Theme;
use super::frame::variables;

/// Bytes that a chart may take. One of thousands of samples is longer.
const LIMIT: usize = 100_000;

/// A chart on light ground as an element of a page; of one that is too long the
/// file beside the page.
pub(super) fn figure(chart: &str, file: &str) -> String {
    match chart.len() {
        ..=LIMIT => format!("<figure>{}</figure>", inlined(chart)),
        _ => format!("<p>This chart has too many samples for a page: <code>{file}.svg</code>.</p>"),
    }
}

/// A chart on light ground as an element of a page.
pub(in crate::report) fn inlined(chart: &str) -> String {
    let variables = variables(Theme::Light.palette());
    let colours: Vec<(String, &str)> = variables
        .into_iter()
        .map(|(name, colour)| (colour.to_string(), name))
        .collect();
    let mut out = String::with_capacity(chart.len());
    let mut rest = chart;
    // Text holds no quote that begins an attribute.
    while let Some(at) = rest.find("=\"#") {
        let (before, from) = rest.split_at(at + 2);
        out.push_str(before);
        let known = colours.iter().find(|(colour, _)| {
            let behind = from.strip_prefix(colour.as_str());
            behind.is_some_and(|behind| behind.starts_with('"'))
        });
        rest = match known {
            Some((colour, name)) => {
                out.push_str(&format!("var(--{name})"));
                &from[colour.len()..]
            }
            None => {
                out.push('#');
                &from[1..]
            }
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_the_palette_become_variables_and_text_stays() {
        let ink = Theme::Light.palette().ink;
        let svg = format!("<svg><text fill=\"{ink}\" stroke=\"#123456\">=&quot;{ink}</text></svg>");
        assert_eq!(
            inlined(&svg),
            format!("<svg><text fill=\"var(--ink)\" stroke=\"#123456\">=&quot;{ink}</text></svg>")
        );
    }
}
