//! Charts as PNG, for where SVG is not taken: chats, slides, pages that forbid it.
//!
//! A PNG holds its letters as pixels, so it needs a font of this machine. SVG leaves the choice to
//! whoever shows it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use resvg::usvg::fontdb::Database;
use resvg::{tiny_skia, usvg};

use super::files::{write_bytes, write_whole};
use crate::print::masked;

/// Fonts that are preferred, as wide as charts leave room for.
const PREFERRED: [&str; 8] = [
    "DejaVu Sans",
    "Verdana",
    "Noto Sans",
    "Liberation Sans",
    "Arial",
    "Helvetica",
    "Open Sans",
    "Roboto",
];
/// Widest picture, pixels, and most pixels of one: a screen of 8K.
const MAX_WIDTH: u32 = 16_384;
const MAX_PIXELS: u64 = 64_000_000;
/// Width of a PNG where none is named: twice that of a chart, for screens and projectors.
pub const WIDTH: u32 = 1280;

/// Writes a chart: as PNG where the file's name says so, else as SVG.
///
/// # Errors
/// The file cannot be written, or no font can be had for a PNG.
pub fn write(file: &Path, svg: &str) -> anyhow::Result<()> {
    let ending = file.extension().map(|ending| ending.to_ascii_lowercase());
    if ending.is_some_and(|ending| ending == "png") {
        let bytes = png(svg, WIDTH).with_context(|| format!("cannot make {}", file.display()))?;
        return write_bytes(file, &bytes);
    }
    write_whole(file, svg)
}

/// A chart as PNG, so many pixels wide, drawn with the fonts of this machine.
///
/// # Errors
/// There is no font, or the picture would be too large.
pub fn png(svg: &str, width: u32) -> anyhow::Result<Vec<u8>> {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    rendered(&masked(svg), width, fonts)
}

fn rendered(svg: &str, width: u32, mut fonts: Database) -> anyhow::Result<Vec<u8>> {
    let family = family(&fonts).ok_or_else(|| {
        anyhow!(
            "no font was found, so a PNG would have no text: install one, such as Debian's package \
             fonts-dejavu-core (apt-get install fonts-dejavu-core), or take the SVG"
        )
    })?;
    fonts.set_sans_serif_family(family);
    let options = usvg::Options {
        fontdb: Arc::new(fonts),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options).context("the chart is no SVG")?;
    let size = tree.size();
    let scale = f64::from(width.clamp(1, MAX_WIDTH)) / f64::from(size.width());
    let (width, height) = (
        (f64::from(size.width()) * scale).round() as u32,
        (f64::from(size.height()) * scale).ceil() as u32,
    );
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        bail!("a PNG of {width}×{height} pixels is too large: take the SVG");
    }
    let mut pixels = tiny_skia::Pixmap::new(width, height)
        .ok_or_else(|| anyhow!("a PNG of {width}×{height} pixels cannot be made"))?;
    let scale = tiny_skia::Transform::from_scale(scale as f32, scale as f32);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    pixels.encode_png().context("the PNG cannot be encoded")
}

/// The family to draw with: a preferred one, else any that is not monospaced, else any.
fn family(fonts: &Database) -> Option<String> {
    let families = || {
        fonts.faces().flat_map(|face| {
            let names = face.families.iter();
            names.map(move |(name, _)| (name.as_str(), face.monospaced))
        })
    };
    let mut preferred = PREFERRED.iter();
    let preferred = preferred.find(|wanted| families().any(|(name, _)| name == **wanted));
    let any = || {
        let proportional = families().find(|(_, monospaced)| !monospaced);
        proportional.or_else(|| families().next())
    };
    let found = preferred.copied().or_else(|| any().map(|(name, _)| name));
    found.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 64 32\" width=\"64\" \
         height=\"32\" font-family=\"sans-serif\"><rect width=\"64\" height=\"32\" \
         fill=\"#ffffff\"/><text x=\"4\" y=\"24\" font-size=\"18\">TEXT</text></svg>";

    #[test]
    fn a_chart_is_drawn_with_its_text() {
        let bytes = png(SVG, 128).unwrap();
        let pixels = tiny_skia::Pixmap::decode_png(&bytes).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (128, 64));
        let dark = pixels.pixels().iter().filter(|pixel| pixel.red() < 100);
        assert!(dark.count() > 100, "the text is missing");
    }

    #[test]
    fn the_name_of_a_file_says_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        for (name, begin) in [
            ("x.PNG", &b"\x89PNG"[..]),
            ("x.svg", b"<svg"),
            ("x", b"<svg"),
        ] {
            let file = folder.path().join(name);
            write(&file, SVG).unwrap();
            assert!(std::fs::read(&file).unwrap().starts_with(begin), "{name}");
        }
    }

    #[test]
    fn without_a_font_the_error_names_a_package() {
        let error = rendered(SVG, 128, Database::new()).unwrap_err();
        assert!(error.to_string().contains("fonts-dejavu-core"), "{error}");
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let tall = SVG.replace(
            "\"0 0 64 32\" width=\"64\" height=\"32\"",
            "\"0 0 64 32\" width=\"64\" height=\"900000\"",
        );
        assert!(tall.contains("900000"));
        let error = png(&tall, MAX_WIDTH).unwrap_err();
        assert!(error.to_string().contains("too large"), "{error}");
    }
}
