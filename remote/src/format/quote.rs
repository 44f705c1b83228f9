//! Names of files as restic puts them into JSON, which has no bytes: between the quotes of Go's `strconv.Quote`,
//! without those.

/// A name as text.
pub fn quote(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => text.extend(['\\', c]),
                '\u{7}' => text.push_str("\\a"),
                '\u{8}' => text.push_str("\\b"),
                '\u{b}' => text.push_str("\\v"),
                '\u{c}' => text.push_str("\\f"),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                '\0'..' ' | '\u{7f}' => text.push_str(&format!("\\x{:02x}", u32::from(c))),
                ' '..'\u{7f}' => text.push(c),
                _ if is_printable(c) => text.push(c),
                '\0'..'\u{10000}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
                _ => text.push_str(&format!("\\U{:08x}", u32::from(c))),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// What Go prints as it is: letters, marks, numbers, punctuation and symbols. So does Rust in a text, but for
/// marks at its beginning.
fn is_printable(c: char) -> bool {
    let mut bytes = [b'a', 0, 0, 0, 0];
    let length = 1 + c.encode_utf8(&mut bytes[1..]).len();
    let text = std::str::from_utf8(&bytes[..length]).unwrap_or_default();
    text.escape_debug().count() == 2
}

/// The name that a text stands for, or none if `quote` makes no such text.
pub fn unquote(text: &str) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        name.extend_from_slice(&rest.as_bytes()[..at]);
        rest = escape(rest[at..].strip_prefix('\\')?, &mut name)?;
    }
    name.extend_from_slice(rest.as_bytes());
    Some(name)
}

/// Takes what follows a backslash, and gives the rest.
fn escape<'a>(text: &'a str, name: &mut Vec<u8>) -> Option<&'a str> {
    let kind = text.chars().next()?;
    let rest = &text[kind.len_utf8()..];
    let digits = |text: &'a str, count: usize, radix: u32| {
        let (digits, rest) = text.split_at_checked(count)?;
        let all = digits.chars().all(|c| c.is_digit(radix));
        Some((u32::from_str_radix(digits, radix).ok().filter(|_| all)?, rest))
    };
    let byte = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' | '"' => kind as u8,
        'x' => {
            let (byte, rest) = digits(rest, 2, 16)?;
            name.push(byte as u8);
            return Some(rest);
        }
        '0'..='7' => {
            let (byte, rest) = digits(text, 3, 8)?;
            name.push(u8::try_from(byte).ok()?);
            return Some(rest);
        }
        'u' | 'U' => {
            let (code, rest) = digits(rest, if kind == 'u' { 4 } else { 8 }, 16)?;
            let c = char::from_u32(code)?;
            name.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    name.push(byte);
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Go 1.19 prints for these by `strconv.Quote`.
    #[test]
    fn names_are_quoted_as_go_quotes_them() {
        let cases: [(&[u8], &str); 10] = [
            (b"000001.sst", "000001.sst"),
            (b"a\"b\\c'd`", r#"a\"b\\c'd`"#),
            (b"\x00\x07\x08\t\n\x0b\x0c\r\x1b\x7f", r"\x00\a\b\t\n\v\f\r\x1b\x7f"),
            (b"\xff\xc3(\xe2\x82", r"\xff\xc3(\xe2\x82"),
            ("é漢😀\u{fffd}".as_bytes(), "é漢😀\u{fffd}"),
            ("\u{301}e\u{301}".as_bytes(), "\u{301}e\u{301}"),
            ("\u{a0}\u{2028}\u{200b}\u{feff}".as_bytes(), r"\u00a0\u2028\u200b\ufeff"),
            ("\u{e000}\u{10ffff}\u{e0001}".as_bytes(), r"\ue000\U0010ffff\U000e0001"),
            ("\u{80}\u{ad}".as_bytes(), r"\u0080\u00ad"),
            (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        ];
        for (name, text) in cases {
            assert_eq!(quote(name), text);
            assert_eq!(unquote(text).as_deref(), Some(name), "{text}");
        }
    }

    #[test]
    fn every_name_comes_back() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                let name = [a, b, b'x', a];
                assert_eq!(unquote(&quote(&name)).as_deref(), Some(&name[..]));
            }
        }
        let all: String = (0..=0x10ffff).filter_map(char::from_u32).collect();
        assert_eq!(unquote(&quote(all.as_bytes())).unwrap(), all.as_bytes());
    }

    #[test]
    fn other_texts_are_no_names() {
        for text in [
            r"\",
            "\"",
            "a\nb",
            r"\q",
            r"\'",
            r"\x1",
            r"\x+1",
            r"\xé",
            r"\u12",
            r"\ud800",
            r"\U00110000",
            r"\400",
            r"\08",
            r"\é",
        ] {
            assert_eq!(unquote(text), None, "{text}");
        }
        assert_eq!(unquote(r"\101\x41\u0041\U00000041").as_deref(), Some(&b"AAAA"[..]));
    }
}
