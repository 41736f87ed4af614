//! Bounds that the colours keep, on both grounds.

use palette::color_difference::{Ciede2000, Wcag21RelativeContrast};
use palette::{FromColor, IntoColor, Lab, LinSrgb, Srgb};

use super::{Colour, Palette, Theme};

/// Least contrast of a mark with its ground: WCAG 2.2, success criterion 1.4.11.
const MARKS: f32 = 3.0;
/// Least contrast of text: WCAG 2.2, success criterion 1.4.3.
const TEXT: f32 = 4.5;
/// Least difference in CIE L* of bars that stand side by side, so that they differ in grayscale.
///
/// Half of the observers see a difference of 7.3 between marks of a third of a degree: Stone, Szafir
/// and Setlur, "An Engineering Model for Color Difference as a Function of Size", CIC 2014, with
/// ND(p, s) = p (10.16 + 1.50 / s) for L*. A bar of 22 pixels is larger.
const NEIGHBOURS_LIGHTNESS: f32 = 10.0;
/// Least difference in CIE L* of any two of them.
const LIGHTNESS: f32 = 5.0;
/// Least difference of any two of them, CIEDE2000, in every vision. Under the same model half of the
/// observers see one of about 10 (along b*, where it takes most) between marks of half a degree.
const DIFFERENCE: f32 = 15.0;

/// How colours are seen: Machado, Oliveira and Fernandes, "A Physiologically-based Model for
/// Simulation of Color Vision Deficiency", IEEE TVCG 15 (6), 2009, at severity 1.0. The matrices are
/// for linear sRGB.
const VISIONS: [(&str, [[f32; 3]; 3]); 4] = [
    (
        "normal vision",
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    ),
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

fn srgb(Colour(red, green, blue): Colour) -> Srgb<f32> {
    Srgb::new(red, green, blue).into_format()
}

fn contrast(one: Colour, other: Colour) -> f32 {
    srgb(one).relative_contrast(srgb(other))
}

fn lightness(colour: Colour) -> f32 {
    Lab::from_color(srgb(colour)).l
}

/// A colour as somebody sees it.
fn seen(colour: Colour, matrix: &[[f32; 3]; 3]) -> Lab {
    let linear: LinSrgb<f32> = srgb(colour).into_linear();
    let channel = |row: &[f32; 3]| {
        let sum = row[0] * linear.red + row[1] * linear.green + row[2] * linear.blue;
        sum.clamp(0.0, 1.0)
    };
    LinSrgb::new(
        channel(&matrix[0]),
        channel(&matrix[1]),
        channel(&matrix[2]),
    )
    .into_color()
}

/// The least difference of two colours in any vision, and in which.
fn difference(one: Colour, other: Colour) -> (f32, &'static str) {
    let seen = VISIONS.iter().map(|(name, matrix)| {
        let difference = seen(one, matrix).difference(seen(other, matrix));
        (difference, *name)
    });
    seen.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap()
}

/// The reference and the candidates, in the order in which they stand side by side.
fn variants(palette: &Palette) -> Vec<Colour> {
    (0..=palette.candidates.len())
        .map(|place| palette.variant(place))
        .collect()
}

fn pairs(colours: &[Colour]) -> impl Iterator<Item = (Colour, Colour)> {
    let places = (0..colours.len()).flat_map(|one| (0..one).map(move |other| (one, other)));
    places.map(|(one, other)| (colours[one], colours[other]))
}

#[test]
fn marks_and_text_stand_out_from_their_ground() {
    for palette in Theme::ALL.map(Theme::palette) {
        let marks = variants(palette).into_iter().chain(palette.other_steps);
        for mark in marks.chain([palette.failed, palette.ink, palette.muted]) {
            let found = contrast(mark, palette.background);
            assert!(found >= MARKS, "{mark}: {found}");
        }
        for text in [palette.ink, palette.muted, palette.failed] {
            for ground in [palette.background, palette.band] {
                let found = contrast(text, ground);
                assert!(found >= TEXT, "{text} on {ground}: {found}");
            }
        }
        // Ratios stand in bars, in the colour of the ground; and marks stand on the band.
        for bar in variants(palette) {
            let found = contrast(palette.background, bar);
            assert!(found >= TEXT, "text on {bar}: {found}");
            let found = contrast(bar, palette.band);
            assert!(found >= MARKS, "{bar} on the band: {found}");
        }
    }
}

#[test]
fn variants_differ_in_grayscale() {
    for palette in Theme::ALL.map(Theme::palette) {
        let variants = variants(palette);
        for side_by_side in [&variants[..], &palette.other_steps] {
            for pair in side_by_side.windows(2) {
                let found = (lightness(pair[0]) - lightness(pair[1])).abs();
                let [one, other] = [pair[0], pair[1]];
                assert!(
                    found >= NEIGHBOURS_LIGHTNESS,
                    "{one} beside {other}: {found}"
                );
            }
        }
        for (one, other) in pairs(&variants) {
            let found = (lightness(one) - lightness(other)).abs();
            assert!(found >= LIGHTNESS, "{one} and {other}: {found}");
        }
    }
}

#[test]
fn colour_blind_readers_tell_variants_apart() {
    for palette in Theme::ALL.map(Theme::palette) {
        for (one, other) in pairs(&variants(palette)) {
            let (found, vision) = difference(one, other);
            assert!(
                found >= DIFFERENCE,
                "{one} and {other} with {vision}: {found}"
            );
        }
    }
}

/// What the bounds are for: the colours of before are refused.
#[test]
fn bounds_refuse_colours_that_merge() {
    let yellow = Colour(0xf0, 0xb4, 0x29);
    assert!(contrast(yellow, Colour(0xff, 0xff, 0xff)) < MARKS);
    let red_and_green = difference(Colour(0xb3, 0x4a, 0x3c), Colour(0x74, 0x74, 0x2c));
    assert!(red_and_green.0 < DIFFERENCE, "{red_and_green:?}");
    // Sharma, Wu and Dalal's first pair of test data for CIEDE2000.
    let blue = Lab::<palette::white_point::D65, f32>::new(50.0, 2.6772, -79.7751);
    let found = blue.difference(Lab::new(50.0, 0.0, -82.7485));
    assert!((found - 2.0425).abs() < 1e-3, "{found}");
}
