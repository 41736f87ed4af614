//! Markdown as a reader's program takes it: what is markup in it must be ours.

use pulldown_cmark::{Event, Options, Parser, Tag};
use regex::Regex;

/// Markup of HTML that reports use.
const TAGS: [&str; 9] = [
    "</picture>",
    "<details>",
    "</details>",
    "<summary>",
    "</summary>",
    "<br>",
    "<code>",
    "</code>",
    "<picture>",
];

/// Fails where a text has links, pictures or HTML that are not ours, or where it
/// would notify somebody.
pub(in crate::report) fn assert_ours(text: &str) {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM;
    // Pictures of the folder.
    let picture = Regex::new(
        "<source media=\"\\(prefers-color-scheme: dark\\)\" srcset=\"[a-z0-9/-]+\\.svg\">\
         |<img src=\"[a-z0-9/-]+\\.svg\" alt=\"[^\"<>]*\">",
    )
    .unwrap();
    let mut in_block = false;
    let mut opened = 0;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::End(pulldown_cmark::TagEnd::CodeBlock) => in_block = false,
            Event::Text(words) if !in_block => {
                for word in words.split_whitespace() {
                    // Within a word it mentions nobody.
                    let name = word.strip_prefix('@').unwrap_or_default();
                    let mentions = name.starts_with(char::is_alphanumeric);
                    assert!(!mentions && !word.contains("://"), "{word} in {text}");
                }
            }
            Event::Html(tags) | Event::InlineHtml(tags) => {
                opened += tags.matches("<details>").count() as i32;
                opened -= tags.matches("</details>").count() as i32;
                let mut left = tags.to_string();
                if left.starts_with("<!-- buildrace:comment:") && left.trim().ends_with("-->") {
                    left = left.replace("<!--", "").replacen("-->", "", 1);
                }
                for tag in TAGS {
                    left = left.replace(tag, "");
                }
                let left = picture.replace_all(&left, "");
                assert!(!left.contains(['<', '>']), "{tags} in {text}");
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                let ours = ["index.html", "https://"];
                assert!(
                    ours.iter().any(|start| dest_url.starts_with(start)),
                    "{dest_url}"
                );
            }
            Event::Start(Tag::Image { .. })
            | Event::FootnoteReference(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {
                panic!("{event:?} in {text}");
            }
            _ => {}
        }
    }
    assert_eq!(opened, 0, "folds in {text}");
}
