//! Colours and letters of the chart: blue is native and cross-compiled,
//! yellow the reference that runs under emulation, as in the article that
//! buildrace is about.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Colour of text.
pub(in crate::report) const INK: RGBColor = RGBColor(0x22, 0x2b, 0x36);
/// Colour of text that explains.
pub(in crate::report) const MUTED: RGBColor = RGBColor(0x5a, 0x66, 0x74);
/// Colour of the lines behind the bars.
pub(in crate::report) const GRID: RGBColor = RGBColor(0xe3, 0xe7, 0xec);
/// Colour of what went wrong.
pub(in crate::report) const RED: RGBColor = RGBColor(0xb3, 0x26, 0x1e);

/// What runs under an emulator.
pub(in crate::report) const YELLOW: RGBColor = RGBColor(0xf0, 0xb4, 0x29);
/// What the CPU executes itself, and what it cross-compiles.
pub(in crate::report) const BLUES: [RGBColor; 4] = [
    RGBColor(0x1d, 0x63, 0xed),
    RGBColor(0x0f, 0x9b, 0xc4),
    RGBColor(0x5b, 0x4b, 0xc4),
    RGBColor(0x1b, 0x8a, 0x7a),
];

/// Colour of a variant: the first is the reference.
pub(super) fn colour(variant: usize) -> RGBColor {
    match variant.checked_sub(1) {
        None => YELLOW,
        Some(candidate) => BLUES[candidate % BLUES.len()],
    }
}

/// The same colour for one platform alone.
pub(super) fn pale(RGBColor(r, g, b): RGBColor) -> RGBColor {
    let mix = |channel: u8| (f64::from(channel) * 0.42 + 255.0 * 0.58) as u8;
    RGBColor(mix(r), mix(g), mix(b))
}

/// Letters; `size` is in the backend's unit, 1.24 of a pixel's font size.
pub(super) fn label(size: u32, colour: &RGBColor) -> Letters {
    Letters {
        size,
        colour: *colour,
        bold: false,
        anchor: Pos::new(HPos::Left, VPos::Top),
    }
}

/// A text style in the making.
#[derive(Clone, Copy)]
pub(super) struct Letters {
    size: u32,
    colour: RGBColor,
    bold: bool,
    anchor: Pos,
}

impl Letters {
    pub(super) fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    /// Centred above its place.
    pub(super) fn above(mut self) -> Self {
        self.anchor = Pos::new(HPos::Center, VPos::Bottom);
        self
    }

    /// Centred below its place.
    pub(super) fn below(mut self) -> Self {
        self.anchor = Pos::new(HPos::Center, VPos::Top);
        self
    }
}

impl<'a> From<Letters> for TextStyle<'a> {
    fn from(letters: Letters) -> Self {
        let font = if letters.bold {
            ("sans-serif", letters.size)
                .into_font()
                .style(FontStyle::Bold)
        } else {
            ("sans-serif", letters.size).into_font()
        };
        font.color(&letters.colour).pos(letters.anchor)
    }
}
