//! What can be checked of a document without looking at it.

use roxmltree::{Document, Node};

use crate::report::chart::letters::Letters;

/// A box: left, top, right, bottom.
type Bounds = (f64, f64, f64, f64);

/// Least size of letters: 11 pixels where the picture is 400 wide.
const LEAST_SIZE: f64 = 17.6;
/// Rounding of places to a tenth.
const SLACK: f64 = 0.2;

/// Where a document's texts and shapes are.
pub(super) struct Drawing {
    size: (f64, f64),
    texts: Vec<(String, Bounds)>,
    shapes: Vec<(String, Bounds)>,
}

fn number(node: &Node<'_, '_>, name: &str) -> f64 {
    let value = node.attribute(name).unwrap_or("0");
    let number: f64 = value.parse().unwrap_or_else(|_| panic!("{name}={value}"));
    assert!(number.is_finite(), "{name}={value}");
    number
}

impl Drawing {
    pub(super) fn read(svg: &str) -> Self {
        let document = Document::parse(svg).unwrap();
        let root = document.root_element();
        let mut drawing = Self {
            size: (number(&root, "width"), number(&root, "height")),
            texts: Vec::new(),
            shapes: Vec::new(),
        };
        for node in document.descendants().filter(Node::is_element) {
            match node.tag_name().name() {
                "text" => drawing.texts.push(text(&node)),
                "rect" => {
                    let (x, y) = (number(&node, "x"), number(&node, "y"));
                    let (width, height) = (number(&node, "width"), number(&node, "height"));
                    drawing.shape(&node, (x, y, x + width, y + height));
                }
                "circle" => {
                    let (x, y) = (number(&node, "cx"), number(&node, "cy"));
                    let r = number(&node, "r");
                    drawing.shape(&node, (x - r, y - r, x + r, y + r));
                }
                "path" => drawing.shape(&node, way(node.attribute("d").unwrap())),
                _ => {}
            }
        }
        drawing
    }

    fn shape(&mut self, node: &Node<'_, '_>, bounds: Bounds) {
        let of = node.document().input_text()[node.range()].to_owned();
        self.shapes.push((of, bounds));
    }

    /// Fails where a text or a shape is outside the picture.
    pub(super) fn check_bounds(&self, name: &str) {
        let (width, height) = self.size;
        assert_eq!(width, 640.0);
        for (of, (left, top, right, bottom)) in self.texts.iter().chain(&self.shapes) {
            let is_within = *left >= -SLACK
                && *top >= -SLACK
                && *right <= width + SLACK
                && *bottom <= height + SLACK;
            assert!(
                is_within,
                "{name}: outside {width}×{height}: {of:.300} {left} {top} {right} {bottom}"
            );
        }
    }

    /// Fails where two texts may lie upon each other.
    pub(super) fn check_overlaps(&self, name: &str) {
        for (place, (one, a)) in self.texts.iter().enumerate() {
            for (other, b) in &self.texts[..place] {
                let apart = a.2 <= b.0 + SLACK
                    || b.2 <= a.0 + SLACK
                    || a.3 <= b.1 + SLACK
                    || b.3 <= a.1 + SLACK;
                assert!(apart, "{name}: {one:?} and {other:?} overlap: {a:?} {b:?}");
            }
        }
    }
}

/// A text and the room that its letters take, from the height of an x to what stands below the line.
fn text(node: &Node<'_, '_>) -> (String, Bounds) {
    let size = number(node, "font-size");
    assert!(size >= LEAST_SIZE, "letters of {size}");
    let (mut width, mut words) = (0.0, String::new());
    for span in node.children().filter(Node::is_element) {
        let bold = span.attribute("font-weight") == Some("bold");
        let text = span.text().unwrap_or_default();
        width += Letters { size, bold }.width(text);
        words.push_str(text);
    }
    let (x, y) = (number(node, "x"), number(node, "y"));
    let left = match node.attribute("text-anchor") {
        None => x,
        Some("middle") => x - width / 2.0,
        Some("end") => x - width,
        Some(other) => panic!("{other}"),
    };
    (words, (left, y - size * 0.74, left + width, y + size * 0.2))
}

/// The room that the points of a path take.
fn way(d: &str) -> Bounds {
    let numbers = d.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
    let numbers = numbers.filter(|text| !text.is_empty());
    let numbers: Vec<f64> = numbers.map(|text| text.parse().unwrap()).collect();
    let outside = (f64::MAX, f64::MAX, f64::MIN, f64::MIN);
    numbers.chunks(2).fold(outside, |bounds, point| {
        (
            bounds.0.min(point[0]),
            bounds.1.min(point[1]),
            bounds.2.max(point[0]),
            bounds.3.max(point[1]),
        )
    })
}

/// The words of a document, whatever lines they stand in.
pub(super) fn words(svg: &str) -> String {
    let document = Document::parse(svg).unwrap();
    let texts = document.descendants().filter(Node::is_text);
    let texts: Vec<&str> = texts.filter_map(|node| node.text()).collect();
    let text = texts.join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fails where a document needs or brings anything but shapes and text.
pub(super) fn check_elements(name: &str, svg: &str) {
    let document = Document::parse(svg).unwrap_or_else(|error| panic!("{name}: {error}"));
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"), "{name}");
    let title = root.first_element_child().unwrap();
    assert_eq!(title.tag_name().name(), "title", "{name}");
    assert!(title.text().is_some_and(|text| !text.is_empty()), "{name}");
    let elements = [
        "svg", "title", "g", "rect", "circle", "path", "text", "tspan",
    ];
    let attributes = [
        "viewBox",
        "width",
        "height",
        "role",
        "font-family",
        "font-size",
        "font-weight",
        "text-anchor",
        "space",
        "fill",
        "stroke",
        "stroke-width",
        "stroke-dasharray",
        "x",
        "y",
        "cx",
        "cy",
        "r",
        "d",
    ];
    for node in document.descendants().filter(Node::is_element) {
        let tag = node.tag_name().name();
        assert!(elements.contains(&tag), "{name}: {tag}");
        for attribute in node.attributes() {
            let known = attributes.contains(&attribute.name());
            assert!(known, "{name}: {}", attribute.name());
            assert!(!attribute.value().contains("url("), "{name}");
        }
    }
    let is_hidden = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}')
    };
    assert!(!svg.contains(is_hidden), "{name}");
}
