//! Answers that the proxy gives itself.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::http::{Answer, Head};

/// A refusal, in the form that each kind of store has: S3's document, Azure's header.
pub fn error(status: u16, code: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>{code}</Code><Message>injected</Message><RequestId>0</RequestId></Error>"
    );
    let mut answer = status_only(status);
    answer.head.set("Content-Type", "application/xml");
    answer.head.set("x-ms-error-code", code);
    answer.body = body.into_bytes();
    answer
}

pub fn status_only(status: u16) -> Answer {
    let mut head = Head::new(&format!("HTTP/1.1 {status} Injected"));
    head.set("Date", &http_date(SystemTime::now()));
    Answer { head, body: Vec::new() }
}

/// As a store answers that has taken this body.
pub fn stored(request: &Head, body: &[u8]) -> Answer {
    let is_azure = request.get("x-ms-blob-type").is_some();
    let mut answer = status_only(if is_azure { 201 } else { 200 });
    answer.head.set("ETag", &format!("\"{}\"", md5(body)));
    answer.head.set("Last-Modified", &http_date(SystemTime::now()));
    answer
}

fn md5(bytes: &[u8]) -> String {
    let mut command = Command::new("md5sum");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("md5sum is there");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("a pipe");
    let printed = child.wait_with_output().expect("our child").stdout;
    String::from_utf8_lossy(&printed).chars().take(32).collect()
}

/// A time as HTTP has it: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http_date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = time.duration_since(UNIX_EPOCH).expect("a time of today").as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut day, mut month) = (1970, days, 0);
    while day >= 365 + u64::from(is_leap(year)) {
        (day, year) = (day - 365 - u64::from(is_leap(year)), year + 1);
    }
    let length = |month: usize| match month {
        1 => 28 + u64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    while day >= length(month) {
        (day, month) = (day - length(month), month + 1);
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (weekday, month) = (DAYS[(days % 7) as usize], MONTHS[month]);
    format!("{weekday}, {:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT", day + 1)
}
