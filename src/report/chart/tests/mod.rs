//! Every chart from the same views, on both grounds.

mod drawing;

use insta::assert_snapshot;

use super::canvas::Canvas;
use super::{Theme, forest, growth, headline, ladder, samples, waterfall, waterfall_pair};
use crate::explain::Explanation;
use crate::report::awkward::{explained_steps, growing, growing_awkwardly, named, views};
use crate::report::explanation::Subject;
use crate::report::runs::Series;
use crate::report::view::View;
use drawing::{Drawing, words};

/// The charts of a view that it has, with their names.
fn charts(view: &View, theme: Theme) -> Vec<(&'static str, String)> {
    let all = [
        ("headline", Some(headline(view, theme))),
        ("ladder", ladder(view, theme)),
        ("forest", forest(view, theme)),
        ("samples", samples(view, theme)),
    ];
    let all = all.into_iter();
    all.filter_map(|(name, svg)| Some((name, svg?))).collect()
}

fn subject(title: &str) -> Subject {
    Subject::of_recording(title.to_owned())
}

/// Builds that are awkward to draw, with what they are of.
fn builds() -> Vec<(Subject, Explanation)> {
    let names = ["naive", "cross", "failing", "hostile", "instant", "long"];
    let titles = names.map(|name| match name {
        "hostile" => crate::report::fixture::hostile(),
        name => format!("go-hello {name} multi-arch, round 1"),
    });
    let builds = names.iter().zip(titles);
    builds
        .map(|(name, title)| (subject(&title), explained_steps(name)))
        .collect()
}

#[test]
fn headlines() {
    for name in [
        "one round",
        "failures",
        "many variants",
        "a matrix",
        "the article",
    ] {
        let snapshot = format!("headline_of_{}", name.replace(' ', "_"));
        assert_snapshot!(snapshot, headline(&named(name), Theme::Light));
    }
    let dark = headline(&named("one round"), Theme::Dark);
    assert_snapshot!("headline_on_dark_ground", dark);
}

#[test]
fn ladders() {
    assert_snapshot!(ladder(&named("many variants"), Theme::Light).unwrap());
    // Two variants are compared as it is, and those of a matrix do not follow one another.
    assert_eq!(ladder(&named("one round"), Theme::Light), None);
    assert_eq!(ladder(&named("a matrix"), Theme::Light), None);
}

#[test]
fn forests() {
    assert_snapshot!(forest(&named("many variants"), Theme::Light).unwrap());
    assert_snapshot!(forest(&named("two rounds that disagree"), Theme::Light).unwrap());
    assert_eq!(forest(&named("no reference"), Theme::Light), None);
}

#[test]
fn samples_over_time() {
    assert_snapshot!(samples(&named("dropped rounds"), Theme::Light).unwrap());
    assert_eq!(samples(&named("nothing"), Theme::Light), None);
}

#[test]
fn growth_over_platforms() {
    let series = growing();
    let all: Vec<&Series> = series.iter().collect();
    assert_snapshot!(growth(&all, Theme::Light).unwrap());
    let for_two = |series: &&&Series| series.name.platforms.len() == 2;
    let all: Vec<&Series> = all.iter().filter(for_two).copied().collect();
    assert_eq!(growth(&all, Theme::Light), None);
}

#[test]
fn waterfalls() {
    let (naive, cross) = (explained_steps("naive"), explained_steps("cross"));
    let (one, other) = (subject("naive"), subject("cross"));
    assert_snapshot!(waterfall_pair(
        (&one, &naive),
        (&other, &cross),
        Theme::Light
    ));
    assert_snapshot!(waterfall(&one, &naive, Theme::Dark));
}

/// Every document that the awkward cases make, on both grounds.
fn documents() -> Vec<(String, String)> {
    let mut made = Vec::new();
    let (views, growing) = (views(), growing_awkwardly());
    let builds = builds();
    for theme in Theme::ALL {
        for (of, view) in &views {
            let charts = charts(view, theme).into_iter();
            made.extend(charts.map(|(name, svg)| (format!("{name} of {of}, {theme:?}"), svg)));
        }
        for (of, series) in &growing {
            let all: Vec<&Series> = series.iter().collect();
            let svg = growth(&all, theme);
            made.extend(svg.map(|svg| (format!("growth of {of}, {theme:?}"), svg)));
        }
        for (subject, build) in &builds {
            let name = format!("waterfall of {:.40}, {theme:?}", subject.title);
            made.push((name, waterfall(subject, build, theme)));
            for (below, other) in &builds {
                let name = format!("{:.40} over {:.40}", subject.title, below.title);
                made.push((
                    name,
                    waterfall_pair((subject, build), (below, other), theme),
                ));
            }
        }
    }
    made
}

#[test]
fn nothing_overruns_the_picture_and_no_text_another() {
    for (name, svg) in documents() {
        let drawing = Drawing::read(&svg);
        drawing.check_bounds(&name);
        drawing.check_overlaps(&name);
    }
}

#[test]
fn documents_stand_alone_and_within_a_page() {
    for (name, svg) in documents() {
        drawing::check_elements(&name, &svg);
        assert!(svg.len() < 1_000_000, "{name}: {} bytes", svg.len());
    }
}

/// Hostile names stay text, and are cut.
#[test]
fn hostile_names_are_shown_and_not_obeyed() {
    for (_, svg) in charts(&named("hostile text"), Theme::Light) {
        assert!(!svg.contains("<script") && !svg.contains("</pre>"));
        assert!(words(&svg).contains("\\x1b]0;owned"), "{svg:.3000}");
    }
}

#[test]
fn what_failed_is_named_and_what_is_missing() {
    let text = words(&headline(&named("failures"), Theme::Light));
    assert!(text.contains("timed-out"), "{text}");
    assert!(text.contains("1 of 3 failed"), "{text}");
    let text = words(&headline(&named("never finished"), Theme::Light));
    assert!(text.contains("not built"), "{text}");
    assert!(text.contains("interrupted: 5 of 8 samples"), "{text}");
}

#[test]
fn ratios_stand_with_their_base() {
    let text = words(&headline(&named("the article"), Theme::Light));
    for words in [
        "11.5× its amd64 build",
        "faster than naive",
        "article: almost 7×",
        "article: 1.7×",
        "article: 100× faster",
        "n = 3",
        "2 cores",
        "stand-in base images",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    // Of any other program the article says nothing.
    let other = words(&headline(&named("three rounds"), Theme::Light));
    assert!(!other.contains("article"), "{other}");
}

#[test]
fn what_is_left_out_is_counted() {
    let text = words(&headline(&named("fifteen scenarios"), Theme::Light));
    assert!(text.contains("3 more scenarios are not drawn"), "{text}");
    let text = words(&samples(&named("fifteen scenarios"), Theme::Light).unwrap());
    assert!(
        text.contains("36 more kinds of build are not drawn"),
        "{text}"
    );
}

#[test]
fn dropped_rounds_say_why() {
    let text = words(&samples(&named("dropped rounds"), Theme::Light).unwrap());
    assert!(text.contains("Round 2 was dropped"), "{text}");
    assert!(text.contains("90% busy just before"), "{text}");
    assert!(text.contains("hollow: round dropped"), "{text}");
}

#[test]
fn the_form_of_a_mark_tells_the_verdict() {
    let svg = forest(&named("many variants"), Theme::Light).unwrap();
    let text = words(&svg);
    for verdict in ["faster", "slower"] {
        assert!(text.contains(&format!(", {verdict} ")), "{verdict}: {text}");
    }
    let few = words(&forest(&named("three rounds"), Theme::Light).unwrap());
    assert!(few.contains("no verdict: too few rounds"), "{few}");
}

/// The checks find what they are for.
#[test]
#[should_panic(expected = "overlap")]
fn overlapping_texts_are_found() {
    use super::canvas::{Anchor, BODY, Span};
    let mut canvas = Canvas::new(Theme::Light);
    let ink = canvas.palette.ink;
    for x in [100.0, 130.0] {
        canvas.write(
            (x, 40.0),
            Anchor::Start,
            &[Span::new("some words", BODY, ink)],
        );
    }
    canvas.y = 60.0;
    Drawing::read(&canvas.finish("")).check_overlaps("two texts");
}

#[test]
#[should_panic(expected = "outside")]
fn shapes_outside_are_found() {
    use super::canvas::Paint;
    let mut canvas = Canvas::new(Theme::Light);
    let paint = Paint::filled(canvas.palette.ink);
    canvas.rect((600.0, 10.0), 50.0, 10.0, paint);
    Drawing::read(&canvas.finish("")).check_bounds("a bar");
}
