//! A page of sections that must not become longer than its reader takes.

/// What a page is made of, each whole or left out.
pub(super) struct Section {
    /// What to call it where it is left out.
    pub(super) name: &'static str,
    /// Markdown, with a blank line at its end.
    pub(super) text: String,
}

/// Bytes kept for the line that says what was left out.
const NOTICE: usize = 400;

/// As many of the sections, in order, as `limit` bytes hold, and a line that
/// says what was left out. Bytes are at least as many as characters, so it
/// keeps to a limit in characters too.
pub(super) fn within(limit: usize, sections: &[Section]) -> String {
    let mut out = String::new();
    let mut left_out: Vec<(&str, usize)> = Vec::new();
    for Section { name, text } in sections {
        if out.len() + text.len() + NOTICE <= limit {
            out.push_str(text);
        } else if let Some((_, count)) = left_out.iter_mut().find(|(known, _)| known == name) {
            *count += 1;
        } else {
            left_out.push((name, 1));
        }
    }
    if !left_out.is_empty() {
        let names = left_out.iter().map(|(name, count)| match count {
            1 => (*name).to_owned(),
            count => format!("{name} ({count} times)"),
        });
        out.push_str(&format!(
            "Left out, since more than {} kB would not be shown: {}.\n",
            limit / 1000,
            names.collect::<Vec<_>>().join(", ")
        ));
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    out
}
