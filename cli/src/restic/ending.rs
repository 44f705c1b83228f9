//! What an end of restic's means.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use hotbackup::Code;

use crate::failure::Failure;

/// Since 0.17 restic has codes of its own; before it all is 1, and what it says must tell.
const CODES: [(i32, Code); 4] =
    [(10, Code::NotFound), (11, Code::Conflict), (12, Code::Unauthorized), (130, Code::Cancelled)];

const WORDS: [(&str, Code); 15] = [
    ("already locked", Code::Conflict),
    ("wrong password", Code::Unauthorized),
    ("Is there a repository at", Code::NotFound),
    ("contains errors", Code::Corrupt),
    ("ciphertext verification failed", Code::Corrupt),
    ("Access Denied", Code::Unauthorized),
    ("AccessDenied", Code::Unauthorized),
    ("InvalidAccessKeyId", Code::Unauthorized),
    ("SignatureDoesNotMatch", Code::Unauthorized),
    ("AuthenticationFailed", Code::Unauthorized),
    ("connection refused", Code::Unreachable),
    ("no such host", Code::Unreachable),
    ("i/o timeout", Code::Unreachable),
    ("no space left", Code::NoSpace),
    ("no matching ID found", Code::NotFound),
];

/// Why it failed; `None`: it did not.
pub fn failure(status: ExitStatus, said: &str) -> Option<Failure> {
    if status.success() {
        return None;
    }
    let by_code = CODES.iter().find(|(number, _)| status.code() == Some(*number)).map(|(_, code)| *code);
    let by_words = || WORDS.iter().find(|(words, _)| said.contains(words)).map(|(_, code)| *code);
    let code = by_code.or_else(by_words).unwrap_or(Code::Io);
    let how = match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended".to_string(),
    };
    let why = reason(said).map_or_else(String::new, |line| format!(": {line}"));
    let failure = Failure::new(code, format!("running restic: {how}{why}"));
    Some(match code {
        Code::Conflict => failure.advise(
            "wait until the push, or the restic, that holds the lock has ended, and try again; the lock of a push that \
             was killed `hotbackup remote unlock` removes once it is 30 minutes old, that of a restic `restic unlock`",
        ),
        Code::Io => failure.advise("look at what restic said, and try again"),
        _ => failure,
    })
}

/// Its last word, the fatal one if there is one.
fn reason(said: &str) -> Option<&str> {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    lines().rfind(|line| line.starts_with("Fatal:")).or_else(|| lines().next_back())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_by_its_code_or_by_its_words() {
        let ended = |code: i32, said: &str| failure(ExitStatus::from_raw(code << 8), said);
        assert!(ended(0, "wrong password").is_none());
        assert!(ended(11, "").is_some_and(|failure| failure.is(Code::Conflict)));
        let said = "repository 1 opened\nFatal: wrong password or no key found\n\n";
        let failure = ended(1, said).unwrap();
        assert!(failure.is(Code::Unauthorized));
        let message = "running restic: it ended with exit code 1: Fatal: wrong password or no key found";
        assert_eq!(failure.message(), message);
        assert!(ended(1, "what?").unwrap().is(Code::Io));
    }
}
