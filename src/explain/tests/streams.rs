//! However a stream comes, in whatever order and pieces, the explanation is
//! the same; and whatever comes, there is one.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;

use super::super::{Conditions, Explanation, explain};
use super::holds::holds;
use super::random::{Telling, conditions, hostile, plan};
use super::{busy_node, fold};
use crate::trace::rawjson::{self, Tail};
use crate::trace::{SolveStatus, Trace};

const RECORDINGS: [&[u8]; 4] = [
    include_bytes!("../../../tests/fixtures/traces/cross-cold.rawjson"),
    include_bytes!("../../../tests/fixtures/traces/cross-noop.rawjson"),
    include_bytes!("../../../tests/fixtures/traces/failing.rawjson"),
    include_bytes!("../../../tests/fixtures/traces/syntax.rawjson"),
];

/// A stream that does not contradict itself, each update by itself.
fn consistent() -> impl Strategy<Value = Vec<SolveStatus>> {
    prop_oneof![
        hostile(Telling::Consistent),
        plan().prop_map(|plan| plan.stream()),
    ]
}

/// Joins updates, so many at a time.
fn chunked(stream: &[SolveStatus], sizes: &[usize]) -> Vec<SolveStatus> {
    let mut chunks = Vec::new();
    let mut rest = stream;
    for &size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (these, others) = rest.split_at(size.min(rest.len()));
        rest = others;
        let mut joined = SolveStatus::default();
        for status in these.iter().cloned() {
            joined.vertexes.extend(status.vertexes);
            joined.statuses.extend(status.statuses);
            joined.logs.extend(status.logs);
        }
        chunks.push(joined);
    }
    chunks
}

fn without_log_bytes(explanation: Option<Explanation>) -> Option<Explanation> {
    let mut explanation = explanation?;
    for step in &mut explanation.steps {
        step.log_bytes = 0;
    }
    Some(explanation)
}

fn in_another_order() -> impl Strategy<Value = (Vec<SolveStatus>, Vec<SolveStatus>)> {
    let stream = consistent();
    stream.prop_flat_map(|stream| (Just(stream.clone()), Just(stream).prop_shuffle()))
}

/// What can be read of a recording, and how that ends.
fn read(input: impl Read) -> (Vec<SolveStatus>, Option<Tail>, bool) {
    let mut reader = rawjson::Reader::new(input);
    let mut stream = Vec::new();
    let mut failed = false;
    for status in reader.by_ref() {
        match status {
            Ok(status) => stream.push(status),
            Err(_) => failed = true,
        }
    }
    (stream, reader.tail().cloned(), failed)
}

fn written(stream: &[SolveStatus]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for status in stream {
        rawjson::write(status, &mut bytes).unwrap();
    }
    bytes
}

/// What was read of a recording that was cut is its begin, and is explained as
/// such.
fn is_begin_of(
    whole: &[SolveStatus],
    (stream, tail, failed): (Vec<SolveStatus>, Option<Tail>, bool),
) -> Result<(), TestCaseError> {
    prop_assert!(!failed);
    prop_assert_eq!(&stream[..], &whole[..stream.len()]);
    let conditions = Conditions {
        cut_off: tail == Some(Tail::CutOff),
        ..busy_node()
    };
    prop_assert!(conditions.cut_off || tail == Some(Tail::Whole));
    let trace = fold(&stream);
    if let Some(explanation) = explain(&trace, &conditions) {
        holds(&explanation)?;
        let unfinished = trace.steps().iter().any(|step| step.is_running())
            || (explanation.failure.is_none() && trace.is_part());
        prop_assert_eq!(explanation.complete, !conditions.cut_off && !unfinished);
    }
    Ok(())
}

/// Explains what can be made of any bytes.
fn any_end(bytes: &[u8], conditions: &Conditions) -> Result<(), TestCaseError> {
    let mut trace = Trace::new();
    for status in rawjson::Reader::new(bytes).map_while(Result::ok) {
        trace.push(&status);
    }
    explain(&trace, conditions).map_or(Ok(()), |explanation| holds(&explanation))
}

/// A change to a recording at some place of it.
#[derive(Debug, Clone)]
enum Damage {
    /// A byte is another.
    Byte(Index, u8),
    /// A digit of a number, a time most likely, is another.
    Digit(Index, u8),
    /// Some bytes are missing.
    Gone(Index, usize),
    /// Some bytes are there twice.
    Twice(Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        1 => (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        9 => (place(), b'0'..=b'9').prop_map(|(at, digit)| Damage::Digit(at, digit)),
        1 => (place(), 1usize..300).prop_map(|(at, length)| Damage::Gone(at, length)),
        1 => (place(), 1usize..300).prop_map(|(at, length)| Damage::Twice(at, length)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        let (Damage::Byte(at, _)
        | Damage::Digit(at, _)
        | Damage::Gone(at, _)
        | Damage::Twice(at, _)) = damage;
        let at = at.index(bytes.len());
        let end = |length: usize| (at + length).min(bytes.len());
        match *damage {
            Damage::Byte(_, byte) => bytes[at] = byte,
            Damage::Digit(_, digit) => {
                let digits = bytes[at..].iter_mut().find(|byte| byte.is_ascii_digit());
                if let Some(byte) = digits {
                    *byte = digit;
                }
            }
            Damage::Gone(_, length) => {
                bytes.drain(at..end(length));
            }
            Damage::Twice(_, length) => {
                let again = bytes[at..end(length)].to_vec();
                bytes.splice(at..at, again);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn order_and_pieces_do_not_matter(
        (stream, shuffled) in in_another_order(),
        sizes in vec(1usize..20, 1..6),
        conditions in conditions(),
    ) {
        let explained = explain(&fold(&stream), &conditions);
        prop_assert_eq!(&explain(&fold(&shuffled), &conditions), &explained);
        prop_assert_eq!(&explain(&fold(&chunked(&stream, &sizes)), &conditions), &explained);
    }

    /// Output cannot be told from output that was written twice.
    #[test]
    fn repetition_does_not_matter((stream, shuffled) in in_another_order()) {
        let conditions = busy_node();
        let explained = without_log_bytes(explain(&fold(&stream), &conditions));
        let doubled = [&stream[..], &shuffled].concat();
        let twice = without_log_bytes(explain(&fold(&doubled), &conditions));
        prop_assert_eq!(&twice, &explained);
        let doubled = [&shuffled[..], &stream, &stream].concat();
        let thrice = without_log_bytes(explain(&fold(&doubled), &conditions));
        prop_assert_eq!(thrice, explained);
    }

    #[test]
    fn a_recording_that_is_cut_yields_its_begin(stream in consistent(), cut in any::<Index>()) {
        let bytes = written(&stream);
        let cut = cut.index(bytes.len() + 1);
        is_begin_of(&stream, read(&bytes[..cut]))?;
    }

    #[test]
    fn a_compressed_recording_that_is_cut_yields_its_begin(
        stream in consistent(),
        cut in any::<Index>(),
        flushed in any::<bool>(),
    ) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        for status in &stream {
            encoder.write_all(&written(std::slice::from_ref(status))).unwrap();
            if flushed {
                encoder.flush().unwrap();
            }
        }
        let bytes = encoder.finish().unwrap();
        let cut = 1 + cut.index(bytes.len());
        let (read, tail, failed) = read(MultiGzDecoder::new(&bytes[..cut]));
        if cut == bytes.len() {
            prop_assert_eq!((read.len(), &tail), (stream.len(), &Some(Tail::Whole)));
        } else {
            prop_assert_eq!(&tail, &Some(Tail::CutOff));
        }
        is_begin_of(&stream, (read, tail, failed))?;
    }

    #[test]
    fn any_bytes_come_to_an_end(bytes: Vec<u8>) {
        any_end(&bytes, &busy_node())?;
        any_end(&[b"{\"vertexes\":[{\"started\":", &bytes[..]].concat(), &busy_node())?;
        // Compressed bytes that are none.
        read(MultiGzDecoder::new(&bytes[..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_damaged_recording_comes_to_an_end(
        recording in proptest::sample::select(&RECORDINGS[..]),
        damages in vec(damage(), 1..60),
        conditions in conditions(),
    ) {
        any_end(&damaged(recording.to_vec(), &damages), &conditions)?;
    }
}

#[test]
fn recordings_of_buildx_are_explained() {
    for (recording, begun) in RECORDINGS.iter().zip([true, true, true, false]) {
        let (stream, _, failed) = read(*recording);
        let trace = fold(&stream);
        assert!(!failed);
        let explained = explain(&trace, &busy_node());
        let instructions = trace.count() > 0;
        assert_eq!(instructions, begun);
        if let Some(explanation) = explained {
            holds(&explanation).unwrap();
            // Why no instruction began of one, its recording does not say.
            assert_eq!(explanation.complete, instructions);
        }
    }
}
