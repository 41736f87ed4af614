//! Prose in pieces: what is said once, for each renderer to mark up in its own
//! way.

/// A piece of a line. Texts may come from outside: whoever renders them escapes
/// them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Words.
    Text(String),
    /// Words that a reader must not miss.
    Strong(String),
    /// What is typed or read literally.
    Code(String),
    /// The address of a page, itself the words of the link.
    Link(String),
}

/// A line.
pub(super) type Line = Vec<Piece>;

/// A line of words alone.
pub(super) fn words(text: impl Into<String>) -> Line {
    vec![Piece::Text(text.into())]
}

/// A line in which each stretch between backticks is code. For our own words:
/// texts from outside may hold backticks themselves.
pub(super) fn with_code(text: &str) -> Line {
    let parts = text.split('`').enumerate();
    let pieces = parts.filter(|(_, part)| !part.is_empty());
    pieces
        .map(|(at, part)| match at % 2 {
            0 => Piece::Text(part.to_owned()),
            _ => Piece::Code(part.to_owned()),
        })
        .collect()
}

/// Text from outside as pieces, of which those that are addresses of pages
/// become links.
pub(super) fn with_links(text: &str) -> Line {
    let mut line = Line::new();
    let mut plain = String::new();
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            plain.push(' ');
        }
        // A comma behind an address is none of it.
        let address = word.trim_end_matches([',', '.', ';', ')']);
        if is_page(address) {
            let before = std::mem::take(&mut plain);
            line.extend((!before.is_empty()).then_some(Piece::Text(before)));
            line.push(Piece::Link(address.to_owned()));
            plain.push_str(&word[address.len()..]);
        } else {
            plain.push_str(word);
        }
    }
    line.extend((!plain.is_empty()).then_some(Piece::Text(plain)));
    line
}

/// Whether a text is the address of a page on the web, of such characters alone
/// as no markup gives a meaning, so that a link shows just where it leads.
pub(super) fn is_page(text: &str) -> bool {
    let schemes = ["https://", "http://"];
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#=&%+,".contains(c);
    rest.is_some_and(|rest| {
        let begins = rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        begins && text.len() <= 200 && rest.chars().all(plain)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_links_and_nothing_else_does() {
        let link = |text: &str| Piece::Link(text.into());
        let text = |text: &str| Piece::Text(text.into());
        assert_eq!(
            with_links("v1 of https://example.org/a.git, commit 1"),
            [
                text("v1 of "),
                link("https://example.org/a.git"),
                text(", commit 1")
            ]
        );
        for plain in [
            "javascript://%0aalert(1)",
            "https://user@evil.example",
            "https://a\"onload=x",
            "https://",
            "ssh://git@host/x",
        ] {
            assert_eq!(with_links(plain), [text(plain)], "{plain}");
        }
    }

    #[test]
    fn backticks_mark_code() {
        assert_eq!(
            with_code("not `WORKDIR`"),
            [Piece::Text("not ".into()), Piece::Code("WORKDIR".into())]
        );
    }
}
