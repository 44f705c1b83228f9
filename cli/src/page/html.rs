//! HTML that is being written. Text that comes from elsewhere gets in by [`Html::text`] alone: what is markup
//! must be known when this is compiled.

use std::fmt::{Display, Write};

#[derive(Default)]
pub struct Html(String);

impl Html {
    /// Markup.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0 += markup;
        self
    }

    /// Text, in an element or in a quoted attribute.
    pub fn text(&mut self, text: impl Display) -> &mut Self {
        write!(Escaping(&mut self.0), "{text}").expect("a string takes all");
        self
    }

    /// A value that nobody knows.
    pub fn unknown(&mut self) {
        self.raw("<span class=\"quiet\">not known</span>");
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// What passes through is text and nothing else.
struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for letter in text.chars() {
            match letter {
                '&' => *self.0 += "&amp;",
                '<' => *self.0 += "&lt;",
                '>' => *self.0 += "&gt;",
                '"' => *self.0 += "&quot;",
                '\'' => *self.0 += "&#39;",
                '\n' | '\t' => self.0.push(' '),
                // No page may hold these; and what turns the direction of writing makes a text look like another.
                _ if letter.is_control() || is_direction(letter) => self.0.push('\u{fffd}'),
                _ => self.0.push(letter),
            }
        }
        Ok(())
    }
}

fn is_direction(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut html = Html::default();
        html.text(text);
        html.finish()
    }

    #[test]
    fn text_never_becomes_markup() {
        assert_eq!(escaped("<script>a && b</script>"), "&lt;script&gt;a &amp;&amp; b&lt;/script&gt;");
        assert_eq!(escaped("\" onload='x'"), "&quot; onload=&#39;x&#39;");
        assert_eq!(escaped("naïve 日本"), "naïve 日本");
    }

    #[test]
    fn what_a_page_may_not_hold_or_what_turns_it_is_replaced() {
        assert_eq!(escaped("a\0b\x1bc\u{85}d"), "a\u{fffd}b\u{fffd}c\u{fffd}d");
        assert_eq!(escaped("gpj\u{202e}exe"), "gpj\u{fffd}exe");
        assert_eq!(escaped("two\nlines"), "two lines");
    }
}
