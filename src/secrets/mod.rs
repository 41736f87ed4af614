//! What may not be written or shown: user information of URLs, tokens in
//! their queries, and texts that the user named. Statuses, results, reports
//! and the terminal all go by this one.
//!
//! It removes what looks like a credential by its place in a URL. A token that
//! stands anywhere else is known only where `--secret` or `--redact` names it.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// What stands in place of a credential in a URL.
const HIDDEN: &str = "***";

/// Parts of the names of query parameters whose values are credentials, in
/// lower case, without `-` and `_`: `X-Amz-Signature`, `private_token`, …
const SECRET_PARTS: &[&str] = &[
    "token",
    "secret",
    "signature",
    "credential",
    "password",
    "passwd",
    "apikey",
    "accesskey",
    "subscriptionkey",
    "passphrase",
];
/// Whole names of others: `sig` is that of Azure's shared access signatures.
const SECRET_NAMES: &[&str] = &["sig", "auth", "bearer", "jwt", "pass", "pwd"];

/// Words of a variable's name, between underscores, by which BuildKit's own check
/// `SecretsUsedInArgOrEnv` takes its value for a secret, and those by which not
/// (`frontend/dockerfile/dockerfile2llb/validations.go`).
const SECRET_WORDS: &[&str] = &[
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
];
const PUBLIC_WORDS: &[&str] = &["public", "file", "version"];

/// Whether the name of a variable says that its value is a secret: `API_TOKEN`.
pub fn is_secret_name(name: &str) -> bool {
    let has = |words: &[&str]| {
        let mut parts = name.split('_');
        parts.any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
    };
    has(SECRET_WORDS) && !has(PUBLIC_WORDS)
}

/// The text without user information and tokens of the URLs in it. All of the
/// rest stays as it is, so that JSON stays JSON.
pub fn without_credentials(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some(found) = text[from..].find("://") {
        let scheme_end = from + found;
        let start = scheme_end + "://".len();
        from = start;
        let Some(scheme) = scheme(&text[..scheme_end]) else {
            continue;
        };
        // Others may follow before a character that no URL holds: in its query,
        // or after a comma. They are read with it, so that each byte is once.
        from += url_length(&text[start..]);
        if let Some(cleaned) = cleaned(scheme, &text[start..from]) {
            kept.push_str(&text[copied..start]);
            kept.push_str(&cleaned);
            copied = from;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[copied..]);
    Cow::Owned(kept)
}

/// The same for text that may not be UTF-8; `None` where nothing is to go.
fn bytes_without_credentials(text: &[u8]) -> Option<Vec<u8>> {
    let has_url = text.windows(3).any(|part| part == b"://");
    if !has_url {
        return None;
    }
    match without_credentials(&String::from_utf8_lossy(text)) {
        Cow::Borrowed(_) => None,
        Cow::Owned(cleaned) => Some(cleaned.into_bytes()),
    }
}

/// Passwords and tokens in the user information of a URL, as they are written
/// and as they are meant: what fails may show them without the URL.
pub fn in_url(url: &str) -> Vec<String> {
    /// Characters from which a name alone may be a token.
    const TOKEN: usize = 16;
    let Some((_, url)) = url.split_once("://") else {
        return Vec::new();
    };
    let user = &url[..user_information(url, last_at(url))];
    let user = user.trim_end_matches('@');
    let secret = match user.split_once(':') {
        Some((name, "" | "x-oauth-basic")) => name,
        Some((_, password)) => password,
        None if user.len() >= TOKEN => user,
        None => return Vec::new(),
    };
    let meant = percent_encoding::percent_decode_str(secret).decode_utf8_lossy();
    let mut secrets = vec![secret.to_owned(), meant.into_owned()];
    secrets.dedup();
    secrets
}

/// The scheme that the text ends in.
fn scheme(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_part(*c))
        .last()
        .map(|(at, _)| at)?;
    Some(&text[start..])
}

/// Bytes of what belongs to a URL: up to white space, a quote, a bracket that
/// no URL holds, or the backslash of an escape in JSON or a shell.
fn url_length(text: &str) -> usize {
    let ends = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\' | '{' | '}' | '|')
    };
    text.find(ends).unwrap_or(text.len())
}

/// A URL and those in it, without its scheme, if there was a credential.
fn cleaned(scheme: &str, urls: &str) -> Option<String> {
    let without_users = without_users(scheme, urls);
    without_tokens(without_users.as_deref().unwrap_or(urls)).or(without_users)
}

/// A URL and those in it, without its scheme; `None` where none has user
/// information.
fn without_users<'u>(mut of: &'u str, urls: &'u str) -> Option<String> {
    let last = last_at(urls);
    let mut kept = String::new();
    let (mut copied, mut at) = (0, 0);
    loop {
        let left = last.and_then(|last| last.checked_sub(at));
        let end = at + user_information(&urls[at..], left);
        let user = &urls[at..end];
        // The name under which every Git server takes ssh keys says nothing.
        let is_plain = user.is_empty()
            || user == format!("{HIDDEN}@")
            || (user == "git@" && of.to_ascii_lowercase().ends_with("ssh"));
        if !is_plain {
            kept.push_str(&urls[copied..at]);
            kept.push_str(HIDDEN);
            kept.push('@');
            copied = end;
        }
        let mut others = urls[end..].match_indices("://");
        let other = others.find_map(|(found, separator)| {
            let before = end + found;
            Some((scheme(&urls[end..before])?, before + separator.len()))
        });
        match other {
            Some((scheme, start)) => (of, at) = (scheme, start),
            None => break,
        }
    }
    kept.push_str(&urls[copied..]);
    (copied > 0).then_some(kept)
}

/// Bytes of the user information and its `@`, at the start of an authority.
/// `last` is where the last `@` stands that may end one.
fn user_information(url: &str, last: Option<usize>) -> usize {
    let authority = url.find(['/', '?', '#']).unwrap_or(url.len());
    let host = &url[..authority];
    if let Some(at) = last_at(host) {
        return at + 1;
    }
    // A password with a slash, a question mark or a number sign that nobody
    // encoded: what stands where the port should be is none.
    let port = host.rsplit_once(':').map(|(_, port)| port);
    let is_ipv6 = host.starts_with('[');
    match port {
        Some(port) if !is_port(port) && !is_ipv6 => last.map_or(0, |at| at + 1),
        _ => 0,
    }
}

/// Digits, or a variable of a shell.
fn is_port(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.strip_prefix('$') {
        Some(name) => name.chars().all(is_name),
        None => text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// The last `@` that is not of an image's digest, `name@sha256:…`.
fn last_at(text: &str) -> Option<usize> {
    /// Digits of the shortest digest.
    const DIGITS: usize = 32;
    let is_digest = |after: &str| {
        let digits = after.split_once(':').and_then(|(algorithm, digits)| {
            let is_known = ["sha256", "sha384", "sha512"].contains(&algorithm);
            digits.get(..DIGITS).filter(|_| is_known)
        });
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let mut found = text.rmatch_indices('@').map(|(at, _)| at);
    found.find(|at| {
        let after = &text[at + 1..];
        // No more of it than a digest begins with.
        let mut end = after.len().min("sha256:".len() + DIGITS);
        while !after.is_char_boundary(end) {
            end -= 1;
        }
        !is_digest(&after[..end])
    })
}

/// The rest of a URL without the values of parameters that hold credentials;
/// `None` where there are none. Fragments hold them, too.
fn without_tokens(rest: &str) -> Option<String> {
    let start = rest.find(['?', '#'])?;
    let (path, parameters) = rest.split_at(start);
    let mut cleaned = path.to_owned();
    let mut changed = false;
    for part in parameters.split_inclusive(['?', '#', '&', ';']) {
        let (part, separator) = match part.chars().last() {
            Some(last @ ('?' | '#' | '&' | ';')) => part.split_at(part.len() - last.len_utf8()),
            _ => (part, ""),
        };
        match part.split_once('=') {
            Some((name, value)) if is_secret(name, value) || is_encoded_secret(value) => {
                changed = true;
                cleaned.push_str(&format!("{name}={HIDDEN}"));
            }
            _ => cleaned.push_str(part),
        }
        cleaned.push_str(separator);
    }
    changed.then_some(cleaned)
}

fn is_secret(name: &str, value: &str) -> bool {
    /// Characters from which on the value of a `key` is one that opens something.
    const KEY: usize = 16;
    if value.is_empty() || value == HIDDEN {
        return false;
    }
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .collect::<String>()
        .to_ascii_lowercase();
    SECRET_NAMES.contains(&plain.as_str())
        || SECRET_PARTS.iter().any(|part| plain.contains(part))
        || (plain == "key" && value.len() >= KEY)
}

/// Whether a parameter is a URL with a credential, encoded: that of a proxy, or
/// of where to go afterwards.
fn is_encoded_secret(value: &str) -> bool {
    if !value.to_ascii_lowercase().contains("%3a%2f%2f") {
        return false;
    }
    let meant = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
    matches!(without_credentials(&meant), Cow::Owned(_))
}

/// Texts that may not be shown, each with what is shown in its place, and the
/// search for all of them at once.
#[derive(Debug, Clone, Default)]
pub struct Masks {
    search: Option<AhoCorasick>,
    shown: Vec<String>,
}

/// Characters of the shortest line of a secret that is looked for: a shorter
/// one would be found in everything.
pub const SHORTEST: usize = 6;

impl Masks {
    /// Looks for these texts; the longest is found first.
    pub fn new(texts: Vec<(String, String)>) -> Self {
        let texts = texts.into_iter().filter(|(text, _)| !text.is_empty());
        let (hidden, shown): (Vec<String>, Vec<String>) = texts.unzip();
        if hidden.is_empty() {
            return Self::default();
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&hidden);
        Self {
            search: search.ok(),
            shown,
        }
    }

    /// The text without any of them, and without credentials of URLs.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let masked = match &self.search {
            Some(search) if search.is_match(text) => {
                Cow::Owned(search.replace_all(text, &self.shown))
            }
            _ => Cow::Borrowed(text),
        };
        match masked {
            Cow::Borrowed(text) => without_credentials(text),
            Cow::Owned(text) => Cow::Owned(without_credentials(&text).into_owned()),
        }
    }

    /// The same for bytes; `None` where nothing is to go.
    pub fn bytes(&self, text: &[u8]) -> Option<Vec<u8>> {
        let masked = match &self.search {
            Some(search) if search.is_match(text) => {
                Some(search.replace_all_bytes(text, &self.shown))
            }
            _ => None,
        };
        bytes_without_credentials(masked.as_deref().unwrap_or(text)).or(masked)
    }
}

/// A value's forms as a build's log or an error might show them: its lines,
/// and each of them, and the whole, in base64 and as part of a URL. Lines of
/// fewer than `shortest` characters are no forms.
pub fn forms(value: &[u8], shown: &str, shortest: usize) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(value);
    let lines = text.lines().map(str::trim);
    let lines: Vec<&str> = lines.filter(|line| line.len() >= shortest).collect();
    let mut forms: Vec<String> = Vec::new();
    for line in &lines {
        forms.push((*line).to_owned());
        // As results hold it.
        if let Ok(json) = serde_json::to_string(line) {
            forms.push(json[1..json.len() - 1].to_owned());
        }
        forms.push(percent_encode(line.as_bytes(), NON_ALPHANUMERIC).to_string());
        forms.extend(percent_forms(line));
        forms.extend(base64_forms(line.as_bytes()));
    }
    if lines.len() > 1 || text.trim().len() != text.len() {
        forms.extend(base64_forms(value));
    }
    forms.sort();
    forms.dedup();
    let forms = forms.into_iter();
    forms.map(|form| (form, shown.to_owned())).collect()
}

/// As URLs have it, where what needs no encoding has none.
fn percent_forms(line: &str) -> [String; 2] {
    const UNRESERVED: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let upper = percent_encode(line.as_bytes(), UNRESERVED).to_string();
    let form = upper.replace("%20", "+");
    [upper, form]
}

/// Fewest characters of base64 that are looked for.
const SHORTEST_BASE64: usize = 8;

/// What base64 of any text that holds the bytes has in it, whatever comes
/// before and after: as three bytes make four characters, there are three
/// ways to begin.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
        let engine = GeneralPurpose::new(alphabet, NO_PAD);
        for before in 0..3 {
            let mut padded = vec![0; before];
            padded.extend(bytes);
            let encoded = engine.encode(&padded);
            // Characters that the bytes around have a part in.
            let from = (before * 8).div_ceil(6);
            let to = padded.len() * 8 / 6;
            if let Some(certain) = encoded.get(from..to)
                && certain.len() >= SHORTEST_BASE64
            {
                forms.push(certain.to_owned());
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests;
