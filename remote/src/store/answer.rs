//! What a service said, made one line that holds no secret.

use http::StatusCode;

/// Why an attempt failed, as it was seen on the wire.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The service answered.
    Answer { status: u16, code: String, message: String },
    /// It did not, or broke off.
    Silence(String),
    /// An answer was shorter than it should be.
    Short(String),
    /// Who gives the credentials has none.
    Credentials(String),
    /// The job is to end.
    Stopped(hotbackup::Error),
}

/// The code and the message of an answer that is no success, in XML (S3, Azure) or JSON (GCS).
pub(super) fn failure(status: StatusCode, header_code: Option<&str>, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(&body[..body.len().min(16 << 10)]);
    let (mut code, mut message) = (tag(&text, "Code"), tag(&text, "Message"));
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) {
        let of =
            |path: &str| json.pointer(path).and_then(|value| value.as_str()).unwrap_or_default().to_string();
        (code, message) = (of("/error/errors/0/reason"), of("/error/message"));
        if code.is_empty() {
            code = of("/error/status");
        }
        if code.is_empty() {
            code = of("/error");
        }
    }
    if code.is_empty() {
        code = header_code.unwrap_or_default().to_string();
    }
    Failure::Answer { status: status.as_u16(), code: short(&code, 80), message: short(&message, 300) }
}

fn tag(text: &str, name: &str) -> String {
    let start = text.find(&format!("<{name}>")).map(|at| at + name.len() + 2);
    let inner = start.and_then(|start| text[start..].split('<').next());
    inner.unwrap_or_default().trim().to_string()
}

fn short(text: &str, most: usize) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").chars().take(most).collect()
}

/// A text of another's making, one line, without queries (they hold signatures) and without `secrets`.
pub(super) fn scrub(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_string();
    for secret in secrets.iter().filter(|secret| secret.len() > 3) {
        text = text.replace(secret.as_str(), "***");
    }
    const MARKS: [&str; 7] =
        ["signature", "sig=", "credential=", "token=", "bearer", "secret", "accountkey="];
    let mut hide_next = false;
    let word = |word: &str| {
        let low = word.to_ascii_lowercase();
        if std::mem::replace(&mut hide_next, low.ends_with("bearer")) {
            return "***".to_string();
        }
        match word.split_once('?') {
            Some((before, query)) if query.contains('=') => format!("{before}?***"),
            _ if word.contains('=') && MARKS.iter().any(|mark| low.contains(mark)) => "***".to_string(),
            _ => word.to_string(),
        }
    };
    short(&text.split_whitespace().map(word).collect::<Vec<_>>().join(" "), 400)
}

/// An error with all that it comes from.
pub(super) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_is_read_from_xml_and_from_json() {
        let xml = b"<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Reduce\nyour rate</Message></Error>";
        let Failure::Answer { code, message, .. } = failure(StatusCode::SERVICE_UNAVAILABLE, None, xml)
        else {
            panic!("an answer")
        };
        assert_eq!((code.as_str(), message.as_str()), ("SlowDown", "Reduce your rate"));
        let json = br#"{"error":{"code":403,"message":"No.","errors":[{"reason":"forbidden"}]}}"#;
        let Failure::Answer { code, message, .. } = failure(StatusCode::FORBIDDEN, None, json) else {
            panic!("an answer")
        };
        assert_eq!((code.as_str(), message.as_str()), ("forbidden", "No."));
    }

    #[test]
    fn signatures_tokens_and_known_secrets_are_taken_out() {
        let text =
            "GET https://h/b/k?X-Amz-Signature=abcd&x=1 failed; Bearer hushhush, sig=efgh key topsecret";
        let clean = scrub(text, &["topsecret".to_string()]);
        for secret in ["abcd", "hushhush", "efgh", "topsecret"] {
            assert!(!clean.contains(secret), "{clean}");
        }
        assert!(clean.contains("https://h/b/k?***"), "{clean}");
    }
}
