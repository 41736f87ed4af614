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
        // MultipleComparisons that no space divides.
        (
            "https://u:p@h1,https://u:p@h2",
            "https://***@h1,https://***@h2",
        ),
        (
            "http://u:p@h/x?to=http://v:q@i/@s",
            "http://***@h/x?to=http://***@i/@s",
        ),
    ] {
        assert_eq!(without_credentials(text), expected);
        assert_eq!(without_credentials(expected), expected);
    }
}

#[test]
fn secrets_of_a_url_are_known_without_it() {
    assert_eq!(in_url("https://me:p%40ss@h/x"), ["p%40ss", "p@ss"]);
    assert_eq!(in_url("https://0123456789abcdef@h"), ["0123456789abcdef"]);
    assert_eq!(in_url("https://tok:x-oauth-basic@h"), ["tok"]);
    for url in ["ssh://git@h", "https://h/a@b", "unix:///x"] {
        assert!(in_url(url).is_empty(), "{url}");
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
        (
            "https://h/?key=AIza0123456789abcdef&pass=x",
            "https://h/?key=***&pass=***",
        ),
        (
            "https://h/?u=https%3A%2F%2Fme%3Apw%40i&v=https%3a%2f%2fi",
            "https://h/?u=***&v=https%3a%2f%2fi",
        ),
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
        "https://h/?sort=key&key=name",
        "https://$HOST:$PORT/@scope/package",
        "docker-image://ubuntu:24.04@sha256:6c15e2e8443e1dad8971b6a062c0feff4cf186ddf4de1c5ce9702d480c78f5b3",
        "oci-layout://x@sha256:6c15e2e8443e1dad8971b6a062c0feff4cf186ddf4de1c5ce9702d480c78f5b3",
    ] {
        assert!(
            matches!(without_credentials(text), Cow::Borrowed(_)),
            "{text}"
        );
    }
}

#[test]
fn a_digest_hides_no_user() {
    let digest = "@sha256:6c15e2e8443e1dad8971b6a062c0feff4cf186ddf4de1c5ce9702d480c78f5b3";
    for (text, expected) in [
        ("docker-image://u:p@reg", "docker-image://***@reg"),
        ("docker-image://u:p@reg:1/x", "docker-image://***@reg:1/x"),
        ("docker-image://u:p/w@reg/x", "docker-image://***@reg/x"),
    ] {
        let text = format!("{text}{digest}");
        assert_eq!(without_credentials(&text), format!("{expected}{digest}"));
    }
}

/// A file of another may hold anything.
#[test]
fn many_urls_without_a_space_take_no_time() {
    for part in ["a://", "a://b:c/", "a://b@c,", "a://x?", "a://x:y?@"] {
        let began = std::time::Instant::now();
        without_credentials(&part.repeat(200_000));
        assert!(began.elapsed().as_secs() < 10, "{part}");
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
