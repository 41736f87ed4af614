//! `junit-10.xsd` of jenkinsci/xunit-plugin as a check: which elements are in
//! which, which attributes they may and must have, and of which type.

use roxmltree::{Document, Node};

/// What an element may hold.
struct Element {
    name: &'static str,
    /// Elements within it, in any order and number.
    children: &'static [&'static str],
    /// Whether it may hold text.
    text: bool,
    /// Attributes that it must have.
    required: &'static [&'static str],
    /// Those that it may have beside them.
    optional: &'static [&'static str],
}

const RESULT: &[&str] = &["type", "message"];
const RERUNS: &[&str] = &["stackTrace", "system-out", "system-err"];

const ELEMENTS: &[Element] = &[
    Element {
        name: "testsuites",
        children: &["testsuite"],
        text: false,
        required: &[],
        optional: &["name", "time", "tests", "failures", "errors"],
    },
    Element {
        name: "testsuite",
        children: &[
            "testsuite",
            "properties",
            "testcase",
            "system-out",
            "system-err",
        ],
        text: false,
        required: &["name", "tests", "failures", "errors"],
        optional: &[
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
            "version",
        ],
    },
    Element {
        name: "testcase",
        children: &[
            "skipped",
            "error",
            "failure",
            "rerunFailure",
            "rerunError",
            "flakyFailure",
            "flakyError",
            "system-out",
            "system-err",
        ],
        text: false,
        required: &["name"],
        optional: &["time", "classname", "group"],
    },
    Element {
        name: "failure",
        children: &[],
        text: true,
        required: &[],
        optional: RESULT,
    },
    Element {
        name: "error",
        children: &[],
        text: true,
        required: &[],
        optional: RESULT,
    },
    Element {
        name: "skipped",
        children: &[],
        text: true,
        required: &[],
        optional: RESULT,
    },
    Element {
        name: "rerunFailure",
        children: RERUNS,
        text: true,
        required: &["type"],
        optional: &["message"],
    },
    Element {
        name: "system-out",
        children: &[],
        text: true,
        required: &[],
        optional: &[],
    },
    Element {
        name: "system-err",
        children: &[],
        text: true,
        required: &[],
        optional: &[],
    },
    Element {
        name: "properties",
        children: &["property"],
        text: false,
        required: &[],
        optional: &[],
    },
    Element {
        name: "property",
        children: &[],
        text: false,
        required: &["name", "value"],
        optional: &[],
    },
];

pub(super) fn assert_valid(text: &str) {
    let errors = errors(text);
    assert_eq!(errors, Vec::<String>::new(), "{text}");
}

fn errors(text: &str) -> Vec<String> {
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => return vec![error.to_string()],
    };
    let mut errors = Vec::new();
    let root = document.root_element();
    if !["testsuites", "testsuite"].contains(&root.tag_name().name()) {
        errors.push(format!("the root is {:?}", root.tag_name()));
    }
    for node in document.descendants().filter(Node::is_element) {
        element(node, &mut errors);
    }
    errors
}

fn element(node: Node<'_, '_>, errors: &mut Vec<String>) {
    let name = node.tag_name().name();
    let Some(element) = ELEMENTS.iter().find(|element| element.name == name) else {
        errors.push(format!("there is no element {name}"));
        return;
    };
    for child in node.children() {
        let child_name = child.tag_name().name();
        if child.is_element() && !element.children.contains(&child_name) {
            errors.push(format!("{name} holds {child_name}"));
        }
        let is_text = child.text().is_some_and(|text| !text.trim().is_empty());
        if child.is_text() && is_text && !element.text {
            errors.push(format!("{name} holds text"));
        }
    }
    for required in element.required {
        if node.attribute(*required).is_none() {
            errors.push(format!("{name} lacks {required}"));
        }
    }
    for attribute in node.attributes() {
        let key = attribute.name();
        if !element.required.contains(&key) && !element.optional.contains(&key) {
            errors.push(format!("{name} has {key}"));
        }
        // The schema has them as strings; readers take them for numbers.
        let is_count = ["tests", "failures", "errors", "skipped"].contains(&key);
        if is_count && attribute.value().parse::<u32>().is_err() {
            errors.push(format!("{key} is {}", attribute.value()));
        }
        if key == "time" && !is_time(attribute.value()) {
            errors.push(format!("time is {}", attribute.value()));
        }
    }
    // Not the schema's, but what makes a summary true.
    for (count, tag) in [
        ("failures", "failure"),
        ("errors", "error"),
        ("tests", "testcase"),
    ] {
        let told = node.attribute(count).and_then(|told| told.parse().ok());
        let found = node.descendants().filter(|n| n.has_tag_name(tag)).count();
        if told.is_some_and(|told: usize| told != found) {
            errors.push(format!("{name} tells of {told:?} {count}, not {found}"));
        }
    }
}

/// `SUREFIRE_TIME` without its commas: digits, and a point with more.
fn is_time(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(fraction) && !whole.is_empty()
}

#[test]
fn the_schema_refuses_what_jenkins_does() {
    let suite = |attributes: &str, inner: &str| {
        format!("<testsuites><testsuite {attributes}>{inner}</testsuite></testsuites>")
    };
    let good = "name='a' tests='0' failures='0' errors='0'";
    assert_eq!(errors(&suite(good, "")), Vec::<String>::new());
    for bad in [
        suite("name='a' tests='0' failures='0'", ""),
        suite(&format!("{good} disabled='0'"), ""),
        suite(&format!("{good} time='1e3'"), ""),
        suite(&format!("{good} skipped='-1'"), ""),
        suite(good, "<failure/>"),
        suite(good, "text"),
        suite(good, "<testcase/>"),
        suite(good, "<testcase name='a' status='ok'/>"),
        suite(good, "<case name='a'/>"),
        format!("<testsuites skipped='0'>{}</testsuites>", ""),
        "<testsuites>\u{1}</testsuites>".to_owned(),
        "<testsuite>".to_owned(),
    ] {
        assert!(!errors(&bad).is_empty(), "{bad}");
    }
}
