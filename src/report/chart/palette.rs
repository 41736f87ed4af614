//! Colours of charts by what they stand for, on light and on dark ground.
//!
//! `palette_tests.rs` holds them to bounds: contrast with the ground, and difference from each
//! other in grayscale and as colour-blind readers see them. So a colour is changed here alone, and
//! the tests say whether it still does its work.

use std::fmt;

/// The ground that a chart is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Theme {
    /// White ground.
    Light,
    /// The dark ground of GitHub and of most editors.
    Dark,
}

impl Theme {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Light, Self::Dark];

    /// The colours on this ground.
    pub fn palette(self) -> &'static Palette {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }

    /// The name of a chart's file on this ground: `headline.svg`, `headline-dark.svg`.
    pub fn file(self, chart: &str) -> String {
        match self {
            Self::Light => format!("{chart}.svg"),
            Self::Dark => format!("{chart}-dark.svg"),
        }
    }
}

/// A colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colour(pub u8, pub u8, pub u8);

/// As SVG and CSS write it, `#b35c00`.
impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(red, green, blue) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// The colours of one ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// The ground; text on a bar has this colour, too.
    pub background: Colour,
    /// Text, and marks that are of no variant.
    pub ink: Colour,
    /// Text that explains.
    pub muted: Colour,
    /// Lines behind the marks. They carry nothing and may be faint.
    pub grid: Colour,
    /// An area behind the marks, such as the changes that do not matter.
    pub band: Colour,
    /// The reference variant; steps that run under an emulator.
    pub reference: Colour,
    /// Candidates in their order; the first is also what the CPU executes itself, the second what it
    /// cross-compiles.
    pub candidates: [Colour; 4],
    /// What went wrong.
    pub failed: Colour,
    /// Steps that are no RUN, in three greys.
    pub other_steps: [Colour; 3],
}

impl Palette {
    /// The colour of a variant: 0 is the reference, and the candidates follow. From the fifth
    /// candidate on colours come again; labels tell bars apart in any case.
    pub fn variant(&self, place: usize) -> Colour {
        match place.checked_sub(1) {
            None => self.reference,
            Some(candidate) => self.candidates[candidate % self.candidates.len()],
        }
    }

    /// Steps that run under an emulator.
    pub fn emulated(&self) -> Colour {
        self.reference
    }

    /// Steps that the CPU executes itself, for its own platform.
    pub fn native(&self) -> Colour {
        self.candidates[0]
    }

    /// Steps that the CPU executes itself, for another platform.
    pub fn cross(&self) -> Colour {
        self.candidates[1]
    }
}

const LIGHT: Palette = Palette {
    background: Colour(0xff, 0xff, 0xff),
    ink: Colour(0x1f, 0x27, 0x30),
    muted: Colour(0x56, 0x62, 0x70),
    grid: Colour(0xd8, 0xde, 0xe4),
    band: Colour(0xe4, 0xe9, 0xee),
    reference: Colour(0xb3, 0x5c, 0x00),
    candidates: [
        Colour(0x0b, 0x45, 0xdd),
        Colour(0x09, 0x44, 0x3d),
        Colour(0x47, 0x00, 0x51),
        Colour(0x7f, 0x31, 0x00),
    ],
    failed: Colour(0xb0, 0x10, 0x2a),
    other_steps: [
        Colour(0x8a, 0x90, 0x97),
        Colour(0x6a, 0x72, 0x7b),
        Colour(0x4c, 0x55, 0x5f),
    ],
};

const DARK: Palette = Palette {
    background: Colour(0x0d, 0x11, 0x17),
    ink: Colour(0xe6, 0xed, 0xf3),
    muted: Colour(0xa3, 0xb0, 0xbd),
    grid: Colour(0x2e, 0x37, 0x42),
    band: Colour(0x22, 0x2a, 0x34),
    reference: Colour(0xf1, 0xa7, 0x1b),
    candidates: [
        Colour(0x74, 0x8f, 0xf0),
        Colour(0x70, 0xe7, 0xb3),
        Colour(0xe4, 0x2d, 0x91),
        Colour(0xea, 0xe7, 0xff),
    ],
    failed: Colour(0xff, 0x7b, 0x72),
    other_steps: [
        Colour(0x73, 0x7c, 0x87),
        Colour(0x8f, 0x99, 0xa4),
        Colour(0xae, 0xb7, 0xc1),
    ],
};

#[cfg(test)]
#[path = "palette_tests.rs"]
mod tests;
