//! The two panels: bars for one platform and for all, and bars of
//! incremental builds on a logarithmic axis.

use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::area::{Area, Drawn, raced};
use super::style::{GRID, INK, Letters, MUTED, RED, colour, label, pale};
use crate::escape;
use crate::model::{BuildKind, Outcome};
use crate::report::number;
use crate::report::view::{Cell, ScenarioView, VariantView};
use crate::stats::Times;

/// Variants shown; the summary has all.
const MAX_VARIANTS: usize = 8;
/// Height above the bars: the panel's heading and legend.
const HEAD: u32 = 50;
/// Pixels left of the bars: the axis.
const AXIS: u32 = 54;
/// Width of the widest bar, pixels.
const MAX_BAR: f64 = 64.0;
/// Pixels between two lines above a bar.
const LABEL_LINE: i32 = 16;

/// A bar and the text above it.
struct Bar {
    /// Centre on the axis, on which each variant takes 1.
    x: f64,
    /// Half the width of the bar, in the same unit.
    half: f64,
    colour: RGBColor,
    height: Height,
    /// Text above the time: what the build costs, or gains.
    note: Option<(String, RGBColor)>,
}

enum Height {
    Time(Times),
    Failed(Outcome),
    Missing,
}

impl Bar {
    fn new(variant: &VariantView, kind: BuildKind, x: f64, half: f64, colour: RGBColor) -> Self {
        let times = variant.cells.get(&kind).and_then(|cell| cell.times);
        let height = match (times, variant.failed(kind)) {
            (Some(times), _) => Height::Time(times),
            (None, Some(outcome)) => Height::Failed(outcome),
            (None, None) => Height::Missing,
        };
        Self {
            x,
            half,
            colour,
            height,
            note: None,
        }
    }

    fn max(&self) -> Option<f64> {
        match self.height {
            Height::Time(times) => Some(times.max),
            _ => None,
        }
    }

    fn min(&self) -> Option<f64> {
        match self.height {
            Height::Time(times) => Some(times.min),
            _ => None,
        }
    }

    /// The lines above the bar, the lowest first. `crowded` is whether it is
    /// too narrow for more than a figure or a word.
    fn texts(&self, crowded: bool) -> Vec<(String, Letters)> {
        let size = if crowded { 13 } else { 15 };
        match self.height {
            Height::Time(times) => {
                let time = match crowded {
                    true => number::bare_seconds(times.median),
                    false => number::seconds(times.median),
                };
                let mut texts = vec![(time, label(size, &INK))];
                if let Some((note, tone)) = &self.note {
                    let style = label(size + 2, tone).bold();
                    let words: Vec<&str> = match crowded {
                        true => note.rsplit(' ').collect(),
                        false => vec![note],
                    };
                    texts.extend(words.into_iter().map(|words| (words.to_owned(), style)));
                }
                texts
            }
            // The word is wider than a narrow bar; the summary has it.
            Height::Failed(_) if crowded => vec![("×".to_owned(), label(size - 1, &RED))],
            Height::Failed(outcome) => vec![(outcome.to_string(), label(size - 1, &RED))],
            Height::Missing => vec![("–".to_owned(), label(size, &MUTED))],
        }
    }
}

/// Time per variant for one platform and for all, with the ratio written on.
pub(super) fn platforms(area: &Area<'_>, scenario: &ScenarioView) -> Drawn {
    let shown = shown(scenario);
    let pixels = pixels_each(area, shown.len());
    let kinds: Vec<BuildKind> = [BuildKind::Cold, BuildKind::MultiArch]
        .into_iter()
        .filter(|kind| raced(scenario, *kind))
        .collect();
    let first = first_colour(scenario);
    let half = (0.17f64).min(MAX_BAR / 2.0 / pixels);
    let mut bars = Vec::new();
    for (index, variant) in shown.iter().enumerate() {
        for (place, &kind) in kinds.iter().enumerate() {
            let offset = (place as f64 - (kinds.len() - 1) as f64 / 2.0) * half * 2.2;
            let tone = match kind {
                BuildKind::Cold => pale(colour(first + index)),
                _ => colour(first + index),
            };
            let mut bar = Bar::new(variant, kind, index as f64 + 0.5 + offset, half, tone);
            if kind == BuildKind::MultiArch {
                bar.note = variant.describe_cost().map(|cost| (cost, INK));
            }
            bars.push(bar);
        }
    }
    heading(area, "Build from nothing")?;
    legend(area, scenario, &kinds)?;
    let Some(max) = bars.iter().filter_map(Bar::max).reduce(f64::max) else {
        return empty(area, !kinds.is_empty());
    };
    let top = max.max(1e-3) * headroom(area, &bars);
    draw(area, scenario, &bars, 0.0..top, 0.0)
}

/// Incremental times on a logarithmic axis, with the gain written on.
pub(super) fn rebuilds(area: &Area<'_>, scenario: &ScenarioView) -> Drawn {
    let shown = shown(scenario);
    let first = first_colour(scenario);
    let half = (0.26f64).min(MAX_BAR / 2.0 / pixels_each(area, shown.len()));
    let bars: Vec<Bar> = shown
        .iter()
        .enumerate()
        .map(|(index, variant)| {
            let kind = BuildKind::Incremental;
            let tone = colour(first + index);
            let mut bar = Bar::new(variant, kind, index as f64 + 0.5, half, tone);
            bar.note = variant.ratio(kind).map(|ratio| {
                let slower =
                    ratio.estimate > 1.0 + number::SAME_WITHIN && !number::is_unclear(&ratio);
                let tone = if slower { RED } else { INK };
                let text = variant.cells.get(&kind).and_then(Cell::describe);
                (text.unwrap_or_default(), tone)
            });
            bar
        })
        .collect();
    heading(area, "Rebuild after an edit (logarithmic)")?;
    let max = bars.iter().filter_map(Bar::max).reduce(f64::max);
    let min = bars.iter().filter_map(Bar::min).reduce(f64::min);
    let (Some(min), Some(max)) = (min, max) else {
        return empty(area, raced(scenario, BuildKind::Incremental));
    };
    // From the power of ten below the shortest to the next one at least, and
    // above the longest as much of the axis as the text there needs. A little
    // lower than the power itself, so that its line is drawn.
    let bottom = 10f64.powf((min.max(1e-3) * 0.8).log10().floor()) * 0.999;
    let decades = (max / bottom).log10();
    let top = bottom * 10f64.powf((decades * headroom(area, &bars)).max(1.02));
    draw(area, scenario, &bars, (bottom..top).log_scale(), bottom)
}

/// Whether bars are too narrow for more than a figure above them.
fn crowded(area: &Area<'_>, bars: &[Bar], variants: usize) -> bool {
    let pixels = pixels_each(area, variants);
    bars.iter().any(|bar| bar.half * 2.2 * pixels < 46.0)
}

/// Length of the axis over that of the longest bar, for the text above it.
fn headroom(area: &Area<'_>, bars: &[Bar]) -> f64 {
    let variants = bars.last().map_or(1, |bar| bar.x.ceil() as usize);
    if crowded(area, bars, variants) {
        1.34
    } else {
        1.24
    }
}

fn shown(scenario: &ScenarioView) -> &[VariantView] {
    &scenario.variants[..scenario.variants.len().min(MAX_VARIANTS)]
}

/// Pixels of the panel for each variant.
fn pixels_each(area: &Area<'_>, variants: usize) -> f64 {
    let (width, _) = area.dim_in_pixel();
    f64::from(width.saturating_sub(AXIS + 20)) / variants.max(1) as f64
}

/// The reference's colour is its own; without it candidates keep theirs.
fn first_colour(scenario: &ScenarioView) -> usize {
    usize::from(scenario.reference().is_none())
}

fn heading(area: &Area<'_>, text: &str) -> Drawn {
    area.draw(&Text::new(text.to_owned(), (22, 2), label(16, &INK).bold()))?;
    Ok(())
}

/// Which tone is which set of platforms.
fn legend(area: &Area<'_>, scenario: &ScenarioView, kinds: &[BuildKind]) -> Drawn {
    let grey = RGBColor(0x6c, 0x75, 0x80);
    let mut x = 22;
    for kind in kinds {
        let (tone, text) = match kind {
            BuildKind::Cold => (pale(grey), scenario.native.to_string()),
            _ if scenario.added.is_empty() => (grey, scenario.platform_names()),
            _ => (grey, with_added(scenario)),
        };
        let text = escape::columns(&text, 34);
        let width = text.chars().count() as i32 * 7;
        area.draw(&Rectangle::new([(x, 26), (x + 11, 37)], tone.filled()))?;
        area.draw(&Text::new(text, (x + 16, 26), label(14, &MUTED)))?;
        x += 16 + width + 16;
    }
    Ok(())
}

fn empty(area: &Area<'_>, raced: bool) -> Drawn {
    let text = if raced { "no times" } else { "not raced" };
    let (width, height) = area.dim_in_pixel();
    let place = (width as i32 / 2, height as i32 / 2);
    let style = label(16, &MUTED).above();
    area.draw(&Text::new(text, place, style))?;
    Ok(())
}

fn draw<Y>(area: &Area<'_>, scenario: &ScenarioView, bars: &[Bar], axis: Y, floor: f64) -> Drawn
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64> + Ranged<ValueType = f64>,
{
    let shown = shown(scenario);
    let mut chart = ChartBuilder::on(area)
        .margin_top(HEAD)
        .margin_right(16)
        .margin_left(12)
        .margin_bottom(4)
        .x_label_area_size(30)
        .y_label_area_size(AXIS)
        .build_cartesian_2d(0f64..shown.len().max(1) as f64, axis)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(0)
        .y_labels(6)
        .y_label_formatter(&|value| tick(*value))
        .y_desc("seconds")
        .axis_desc_style(TextStyle::from(label(14, &MUTED)))
        .label_style(TextStyle::from(label(14, &MUTED)))
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(GRID)
        .draw()?;

    // Narrow bars have room for the figure alone; the axis names the unit.
    let crowded = crowded(area, bars, shown.len());
    for bar in bars {
        if let Height::Time(times) = bar.height {
            chart.draw_series([Rectangle::new(
                [(bar.x - bar.half, floor), (bar.x + bar.half, times.median)],
                bar.colour.filled(),
            )])?;
            if times.n > 1 {
                chart.draw_series([PathElement::new(
                    vec![(bar.x, times.min), (bar.x, times.max)],
                    INK.stroke_width(1),
                )])?;
            }
        }
        let top = bar.max().unwrap_or(floor);
        let top = chart.backend_coord(&(bar.x, top));
        for (line, (text, style)) in (0..).zip(bar.texts(crowded)) {
            let place = (top.0, top.1 - 4 - line * LABEL_LINE);
            area.draw(&Text::new(text, local(area, place), style.above()))?;
        }
    }
    let pixels = pixels_each(area, shown.len());
    for (index, variant) in shown.iter().enumerate() {
        let place = chart.backend_coord(&(index as f64 + 0.5, floor));
        let name = escape::columns(&variant.name, (pixels / 8.0).max(3.0) as usize);
        let style = label(16, &INK).below();
        area.draw(&Text::new(name, local(area, (place.0, place.1 + 9)), style))?;
    }
    Ok(())
}

/// A place of the whole picture within an area.
fn local(area: &Area<'_>, place: (i32, i32)) -> (i32, i32) {
    let (x, y) = area.get_pixel_range();
    (place.0 - x.start, place.1 - y.start)
}

/// A figure on the axis.
fn tick(value: f64) -> String {
    if value == 0.0 || value >= 10.0 {
        format!("{value:.0}")
    } else {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// `with linux/arm64`; of more than one, the names have no room in a legend.
fn with_added(scenario: &ScenarioView) -> String {
    match scenario.added.as_slice() {
        [platform] => format!("with {platform}"),
        platforms => format!("with {} more platforms", platforms.len()),
    }
}
