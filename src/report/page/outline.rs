//! A page as a reader takes it in: its texts in order, with what is a heading, a
//! row, a fold or a link. Snapshots of it stay readable, and do not change with
//! the page's looks.

/// Elements whose texts end a line.
const BLOCKS: [&str; 14] = [
    "h1", "h2", "h3", "p", "li", "tr", "summary", "pre", "figure", "nav", "footer", "div", "title",
    "section",
];

/// The outline of a page of ours.
pub(in crate::report) fn outline(page: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        push_text(&mut line, &rest[..at]);
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end);
        let tag = &rest[at + 1..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        let name = tag.split([' ', '\n']).next().unwrap_or_default();
        // What they hold is nobody's reading.
        if ["style", "script", "svg"].contains(&name) {
            let close = format!("</{name}>");
            let (within, behind) = rest.split_once(&close).unwrap_or((rest, ""));
            if name == "svg" {
                line.push_str(&picture(within));
            }
            rest = behind;
            continue;
        }
        let closed = name.strip_prefix('/');
        match name {
            "h1" | "h2" | "h3" => line.push_str(match name {
                "h1" => "# ",
                "h2" => "## ",
                _ => "### ",
            }),
            "li" => line.push_str("- "),
            "summary" => line.push_str("▸ "),
            "td" | "th" if !line.is_empty() => line.push_str(" | "),
            "a" => line.push_str(&target(tag)),
            "p" if line.contains(" | ") => line.push(' '),
            "small" | "b" | "em" => line.push(' '),
            _ => {}
        }
        let ends = closed.is_some_and(|name| BLOCKS.contains(&name));
        // Paragraphs of a row stay in its line.
        if ends && !(closed == Some("p") && line.contains(" | ")) && !line.trim().is_empty() {
            out.push_str(line.trim());
            out.push('\n');
            line.clear();
        }
    }
    out
}

fn push_text(line: &mut String, text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return;
    }
    if text.starts_with(char::is_whitespace) && !line.ends_with(' ') {
        line.push(' ');
    }
    line.push_str(&words.join(" "));
    if text.ends_with(char::is_whitespace) {
        line.push(' ');
    }
}

/// `(→ cell-0-0-cold) `.
fn target(tag: &str) -> String {
    let (_, href) = tag.split_once("href=\"").unwrap_or_default();
    let (href, _) = href.split_once('"').unwrap_or((href, ""));
    format!("(→ {}) ", href.trim_start_matches('#'))
}

fn picture(svg: &str) -> String {
    match svg.split_once("<title>") {
        Some((_, title)) => {
            let (title, _) = title.split_once("</title>").unwrap_or((title, ""));
            format!("[picture: {title}]")
        }
        None => "▬".to_owned(),
    }
}
