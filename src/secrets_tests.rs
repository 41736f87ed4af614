use super::*;
use proptest::prelude::*;

#[test]
fn user_information_of_any_url_goes() {
    for (text, expected) in [
        (
            "load https://user:CTXTOK4242@127.0.0.1:9/x.git#main failed",
            "load https://***@127.0.0.1:9/x.git#main failed",
        ),
        ("tcp://user:p@ss@host:2375", "tcp://***@host:2375"),
        ("https://TOKEN@github.com/a", "https://***@github.com/a"),
        ("https://user:pa/ss@host/x", "https://***@host/x"),
        ("https://user:pa#ss?x@host", "https://***@host"),
        (
            "a=ssh://me:pw@h b=HTTP://u@h",
            "a=ssh://***@h b=HTTP://***@h",
        ),
        (
            r#"{"a":"git+https://u:p@h\n"}"#,
            r#"{"a":"git+https://***@h\n"}"#,
        ),
        ("(socks5://u:p@[::1]:1080)", "(socks5://***@[::1]:1080)"),
        ("x?u=https://a:b@c", "x?u=https://***@c"),
        ("https://h/?to=https://a:b@c", "https://h/?to=https://***@c"),
    ] {
        assert_eq!(without_credentials(text), expected);
        assert_eq!(without_credentials(expected), expected);
    }
}

#[test]
fn tokens_in_queries_go() {
    for (text, expected) in [
        (
            "https://h/x?ref=1&access_token=abc&y=2",
            "https://h/x?ref=1&access_token=***&y=2",
        ),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=AK%2F1&X-Amz-Expires=60&X-Amz-Signature=ff#z",
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=***&X-Amz-Expires=60&X-Amz-Signature=***#z",
        ),
        ("https://h/#access_token=abc", "https://h/#access_token=***"),
        ("https://u:p@h/?sig=ab%3D", "https://***@h/?sig=***"),
    ] {
        assert_eq!(without_credentials(text), expected);
    }
}

#[test]
fn what_holds_no_credential_stays() {
    for text in [
        "unix:///var/run/docker.sock",
        "ssh://git@github.com/org/repo.git",
        "docker-image://docker.io/library/x:1@sha256:abc",
        "https://registry.npmjs.org/@scope/package",
        "http://host:8080/@scope?page=2#keys",
        "https://[::1]:80/a@b",
        "://x@y",
        "npm install a@1 https://x",
        "https://h/?token=",
    ] {
        assert!(
            matches!(without_credentials(text), Cow::Borrowed(_)),
            "{text}"
        );
    }
}

#[test]
fn a_value_is_found_in_the_forms_that_it_takes() {
    let masks = Masks::new(forms(b"s3cr+t/p ss\"w", "[secret x]", SHORTEST));
    let engine = base64::engine::general_purpose::STANDARD;
    for text in [
        "it is s3cr+t/p ss\"w.".to_owned(),
        "{\"a\":\"s3cr+t/p ss\\\"w\"}".to_owned(),
        "u=s3cr%2Bt%2Fp%20ss%22w&".to_owned(),
        "u=s3cr%2Bt%2Fp+ss%22w&".to_owned(),
        engine.encode("s3cr+t/p ss\"w"),
        engine.encode("user:s3cr+t/p ss\"w"),
        engine.encode("me:s3cr+t/p ss\"w\n"),
    ] {
        let masked = masks.text(&text);
        assert!(masked.contains("[secret x]"), "{text}: {masked}");
    }
    assert!(forms(b"short", "", SHORTEST).is_empty());
}

#[test]
fn the_longest_text_is_masked_and_no_mask_is_masked_again() {
    let masks = Masks::new(vec![
        ("secret".into(), "[redacted A]".into()),
        ("secretly".into(), "[secret B]".into()),
    ]);
    assert_eq!(masks.text("secretly secret"), "[secret B] [redacted A]");
    assert_eq!(
        masks.bytes(b"\xffsecret"),
        Some(b"\xff[redacted A]".to_vec())
    );
    assert_eq!(masks.bytes(b"\xffnothing"), None);
}

proptest! {
    #[test]
    fn any_text_is_cleaned_once_and_json_stays_json(text in ".{0,80}", user in "[a-z:%!@]{1,12}") {
        let text = format!("{text}https://{user}@host/{text}");
        let once = without_credentials(&text).into_owned();
        prop_assert_eq!(without_credentials(&once), once.as_str());
        let json = serde_json::to_string(&text).unwrap();
        let cleaned = without_credentials(&json);
        prop_assert!(serde_json::from_str::<String>(&cleaned).is_ok(), "{}", cleaned);
    }
}
