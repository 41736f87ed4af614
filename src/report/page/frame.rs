//! What every page of ours has around its content: the sheet of styles in the
//! charts' colours, the script, and the policy that lets nothing else in.

use std::fmt::Write;
use std::sync::LazyLock;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::super::chart::palette::{Colour, Palette, Theme};
use crate::escape;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Style, script and policy of a page.
pub(in crate::report) struct Frame {
    /// What stands in its `style` element.
    pub(in crate::report) style: String,
    /// What stands in its `script` element.
    pub(in crate::report) script: &'static str,
    /// Its Content-Security-Policy: nothing is loaded, and of styles and scripts
    /// only these apply, by their digests.
    pub(in crate::report) policy: String,
}

/// The frame of each page; it is always the same.
pub(in crate::report) static FRAME: LazyLock<Frame> = LazyLock::new(|| {
    let style = format!("{}{STYLE}", colours());
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        source(&style),
        source(SCRIPT)
    );
    Frame {
        style,
        script: SCRIPT,
        policy,
    }
});

/// A page as text. Writing to memory does not fail; should it, the page says so.
pub(in crate::report) fn rendered(page: &impl Template) -> String {
    page.render().unwrap_or_else(|error| {
        let error = escape::html(&format!("The page could not be made: {error}"));
        format!("<!DOCTYPE html>\n<title>buildrace</title>\n<p>{error}</p>\n")
    })
}

/// How a policy names a text.
fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// Names of a palette's colours as variables of CSS, with what each is.
pub(super) fn variables(palette: &Palette) -> Vec<(&'static str, Colour)> {
    let [c1, c2, c3, c4] = palette.candidates;
    let [o1, o2, o3] = palette.other_steps;
    vec![
        ("ground", palette.background),
        ("ink", palette.ink),
        ("muted", palette.muted),
        ("grid", palette.grid),
        ("band", palette.band),
        ("emulated", palette.emulated()),
        ("native", c1),
        ("cross", c2),
        ("c3", c3),
        ("c4", c4),
        ("failed", palette.failed),
        ("o1", o1),
        ("o2", o2),
        ("o3", o3),
    ]
}

/// Both themes' colours; paper is light.
fn colours() -> String {
    let mut out = String::new();
    for theme in Theme::ALL {
        let (begin, end) = match theme {
            Theme::Light => (":root{", "}\n"),
            Theme::Dark => (
                "@media screen and (prefers-color-scheme:dark){:root{",
                "}}\n",
            ),
        };
        out.push_str(begin);
        for (name, colour) in variables(theme.palette()) {
            let _ = write!(out, "--{name}:{colour};");
        }
        out.push_str("--link:var(--native);--good:var(--cross)");
        out.push_str(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever reads a page must not wonder what else is in it.
    #[test]
    fn the_script_is_short_and_ends_no_element() {
        assert!(SCRIPT.lines().count() < 150);
        for text in [SCRIPT, STYLE] {
            assert!(!text.contains("</"), "it would end its element");
        }
        for word in ["innerHTML", "eval(", "fetch(", "http:", "https:"] {
            assert!(!SCRIPT.contains(word), "{word}");
        }
    }

    #[test]
    fn each_variable_is_a_colour_of_its_own() {
        for theme in Theme::ALL {
            let mut colours: Vec<String> = variables(theme.palette())
                .iter()
                .map(|(_, colour)| colour.to_string())
                .collect();
            colours.sort();
            let all = colours.len();
            colours.dedup();
            assert_eq!(colours.len(), all, "a chart's colour would be ambiguous");
        }
    }
}
