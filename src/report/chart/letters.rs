//! How wide text is, and how it is cut and broken to fit.
//!
//! Nobody knows which font a reader's browser takes, so widths are those of DejaVu Sans or a little
//! more: of the usual fonts without serifs it is about the widest.

use unicode_width::UnicodeWidthChar;

use crate::escape;
use crate::report::names;

/// Characters of an outside text that are looked at: where two texts begin to differ later, they
/// are numbered.
const MAX_CHARS: usize = 2000;

/// How letters look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Letters {
    /// Size of the font, in the picture's unit.
    pub(super) size: f64,
    /// Whether it is bold.
    pub(super) bold: bool,
}

impl Letters {
    /// Most that a text of such letters takes.
    pub(super) fn width(self, text: &str) -> f64 {
        text.chars().map(|c| self.advance(c)).sum()
    }

    fn advance(self, c: char) -> f64 {
        let em = match c {
            'i' | 'j' | 'l' | 'I' | 'J' | '\'' => 0.3,
            ' ' | '.' | ',' | ':' | ';' | '|' | '/' | '\\' | '·' => 0.34,
            'f' | 'r' | 't' | '-' | '(' | ')' | '[' | ']' | '!' => 0.42,
            'm' | 'M' | 'W' | '@' | '%' | '…' => 1.03,
            'w' | '+' | '<' | '=' | '>' | '#' | '^' | '~' | '×' | '−' | '±' | '→' | '≈' => {
                0.84
            }
            'A'..='Z' | '&' => 0.79,
            ' '..='~' => 0.64,
            c => match c.width() {
                Some(0) | None => 0.0,
                Some(_) => 1.1,
            },
        };
        (em + if self.bold && em > 0.0 { 0.09 } else { 0.0 }) * self.size
    }

    /// The text, its end left out where it takes more than the room: `cross-comp…`. Outside text is
    /// made visible and bounded.
    pub(super) fn cut(self, text: &str, room: f64) -> String {
        self.cut_plain(&escape::terminal(text, MAX_CHARS), room)
    }

    fn cut_plain(self, plain: &str, room: f64) -> String {
        if self.width(plain) <= room {
            return plain.to_owned();
        }
        let room = room - self.advance('…');
        let mut kept = String::new();
        let mut width = 0.0;
        for c in plain.chars() {
            width += self.advance(c);
            if width > room {
                break;
            }
            kept.push(c);
        }
        kept.truncate(kept.trim_end().len());
        kept.push('…');
        kept
    }

    /// The text in lines that fit the room, broken between words; the last of `max` lines ends in
    /// `…` where there would be more.
    pub(super) fn wrap(self, text: &str, room: f64, max: usize) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for paragraph in text.lines() {
            let plain = escape::terminal(paragraph, MAX_CHARS);
            let mut line = String::new();
            // A dot between two facts stays with the first.
            let plain = plain.replace(" · ", "\u{a0}· ");
            for word in plain.split(' ').filter(|word| !word.is_empty()) {
                let word = word.replace('\u{a0}', " ");
                let longer = match line.is_empty() {
                    true => word.clone(),
                    false => format!("{line} {word}"),
                };
                if self.width(&longer) > room && !line.is_empty() {
                    lines.push(std::mem::replace(&mut line, word));
                } else {
                    line = longer;
                }
            }
            lines.push(line);
        }
        let more = lines.len() > max;
        lines.truncate(max);
        if more && let Some(last) = lines.last_mut() {
            last.push_str(" …");
        }
        let lines = lines.into_iter();
        lines.map(|line| self.cut_plain(&line, room)).collect()
    }

    /// Names that fit the room and differ from each other as the names do: those that are too long
    /// lose their end, or, where that is where they differ, what comes before.
    pub(super) fn distinct(self, names: &[&str], room: f64) -> Vec<String> {
        let plain: Vec<String> = names
            .iter()
            .map(|name| escape::terminal(name, MAX_CHARS))
            .collect();
        names::distinct(&plain, |text, end| {
            self.cut_plain(text, room - self.width(end)) + end
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const BODY: Letters = Letters {
        size: 18.0,
        bold: false,
    };

    /// DejaVu Sans and its bold, from `hmtx`: thousandths of an em, from space to tilde.
    const DEJAVU: [[u16; 95]; 2] = [
        [
            318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636,
            636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684,
            686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695,
            635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550,
            635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392,
            634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
        ],
        [
            348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696,
            696, 696, 696, 696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 580, 1000, 774,
            762, 734, 830, 683, 683, 821, 837, 372, 372, 775, 637, 995, 837, 850, 733, 850, 770,
            720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 500, 500, 675, 716, 593,
            716, 678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478,
            712, 652, 924, 645, 652, 582, 712, 365, 712, 838,
        ],
    ];

    #[test]
    fn widths_are_no_less_than_those_of_a_wide_font() {
        for (bold, widths) in [false, true].into_iter().zip(DEJAVU) {
            let letters = Letters { size: 1000.0, bold };
            for (c, width) in (' '..='~').zip(widths) {
                let taken = letters.width(&c.to_string());
                assert!(taken >= f64::from(width), "{c:?} {bold}: {taken} < {width}");
            }
        }
    }

    #[test]
    fn what_is_cut_still_differs() {
        let long = "docker-cli-with-a-very-long-name".repeat(5);
        let names = [
            format!("{long}-before"),
            format!("{long}-after"),
            "cross".to_owned(),
            long.clone(),
        ];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let shown = BODY.distinct(&names, 120.0);
        let unlike: BTreeSet<&String> = shown.iter().collect();
        assert_eq!(unlike.len(), shown.len(), "{shown:?}");
        assert!(shown[0].contains("bef"), "{shown:?}");
        assert!(shown[1].contains("aft"), "{shown:?}");
        assert_eq!(shown[2], "cross");
        for text in &shown {
            assert!(BODY.width(text) <= 120.0, "{text}");
        }
        // Two that do not differ at all are numbered.
        let same = BODY.distinct(&[&long, &long], 120.0);
        assert_ne!(same[0], same[1]);
    }

    #[test]
    fn lines_fit_and_more_is_said() {
        let text = "one two three four five six seven eight nine ten".repeat(4);
        let lines = BODY.wrap(&text, 200.0, 3);
        assert_eq!(lines.len(), 3);
        assert!(lines[2].ends_with('…'));
        assert!(lines.iter().all(|line| BODY.width(line) <= 200.0));
        assert_eq!(BODY.wrap("a\u{1b}[31m b", 200.0, 3), ["a\\x1b[31m b"]);
        assert_eq!(
            BODY.wrap("one two · three", 90.0, 3),
            ["one two ·", "three"]
        );
        // A word without an end is cut.
        assert!(BODY.width(&BODY.wrap(&"x".repeat(500), 200.0, 3)[0]) <= 200.0);
    }
}
