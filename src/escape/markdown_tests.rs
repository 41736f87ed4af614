//! Outside text in Markdown, as a parser of CommonMark with GitHub's tables
//! reads it.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::markdown::becomes_link;
use super::*;

#[test]
fn ordinary_text_is_written_as_it_is() {
    for text in [
        "go-hello",
        "+linux/arm64",
        "naive@farm",
        "overlayfs of containerd",
        "snake_case, 26.1.5+dfsg1 (docker) -2%",
        "cold −7…+8%: R&D \"quoted\" 'too'",
        "golang:1.24@sha256:0faf3a22",
        "49% longer [+43…+55%].",
    ] {
        assert_eq!(markdown(text), text);
    }
    assert_eq!(
        markdown_code("cli/version.go: \"a\" becomes \"{nonce}\""),
        "`cli/version.go: \"a\" becomes \"{nonce}\"`"
    );
}

#[test]
fn what_would_act_is_defused() {
    for (text, expected) in [
        ("a|b `c`", "a\\|b \\`c\\`"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("[l](x) &lt;", "\\[l\\](x) &amp;lt;"),
        (
            "see https://evil.example now",
            "see `https://evil.example` now",
        ),
        ("see WWW.evil.example", "see `WWW.evil.example`"),
        ("https://a.example/b.git, x", "`https://a.example/b.git`, x"),
        ("@me and #1", "`@me` and `#1`"),
        ("me@evil.example", "`me@evil.example`"),
        ("- item", "\\- item"),
        ("# heading", "\\# heading"),
        ("--- x", "\\--- x"),
        ("1. item", "1\\. item"),
        ("_a_ a_b", "\\_a\\_ a_b"),
    ] {
        assert_eq!(markdown(text), expected, "{text}");
    }
    assert_eq!(
        markdown_code("a`|<b>"),
        "<code>a&#96;&#124;&#60;b&#62;</code>"
    );
    assert_eq!(markdown_code("a ``b`"), "``` a ``b` ```");
    assert_eq!(
        markdown_block("diff", ["-```", "+a\nb"]),
        "````diff\n-```\n+a\\nb\n````\n"
    );
}

/// The text of a document's first table cell and of its paragraphs, and
/// whatever else there is but code spans.
fn read(document: &str) -> (Vec<String>, Vec<String>) {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let (mut texts, mut others) = (Vec::new(), Vec::new());
    let mut text = String::new();
    for event in Parser::new_ext(document, options) {
        match event {
            Event::Text(part) | Event::Code(part) => text.push_str(&part),
            Event::InlineHtml(tag) if ["<code>", "</code>"].contains(&&*tag) => {}
            Event::Start(
                Tag::Table(_) | Tag::TableHead | Tag::TableRow | Tag::TableCell | Tag::Paragraph,
            )
            | Event::End(TagEnd::Table | TagEnd::TableHead | TagEnd::TableRow) => {}
            Event::End(TagEnd::TableCell | TagEnd::Paragraph) => {
                texts.push(std::mem::take(&mut text).trim().to_owned());
            }
            other => others.push(format!("{other:?}")),
        }
    }
    (texts, others)
}

proptest! {
    #[test]
    fn a_parser_reads_nothing_but_the_text(
        text in "([-+*_`~#=|<>&\\[\\]()!.:;@$^\\\\/ \n\"']|[a-z0-9é]|&lt;|<b>|www\\.|://|```|1\\. ){0,40}|.{0,80}"
    ) {
        let shown = bounded(&text).trim().to_owned();
        for escaped in [markdown(&text), markdown_code(&text)] {
            prop_assert!(!escaped.chars().any(char::is_control), "{escaped:?}");
            let alone = read(&escaped);
            prop_assert_eq!(&alone.1, &[""; 0], "{}", escaped);
            prop_assert_eq!(alone.0.concat(), shown.clone(), "{}", escaped);
            let in_table = read(&format!("| a | b |\n|:--|--:|\n| {escaped} | end |\n"));
            prop_assert_eq!(&in_table.1, &[""; 0], "{}", escaped);
            prop_assert_eq!(&in_table.0, &["a", "b", &*shown, "end"], "{}", escaped);
        }
    }

    #[test]
    fn no_word_becomes_a_link(text in "([@#.:/w]|www\\.|https?://|gh-|[a-z0-9 ]){0,30}") {
        for word in markdown(&text).split(' ') {
            prop_assert!(word.starts_with('`') || !becomes_link(word), "{word}");
        }
    }
}
