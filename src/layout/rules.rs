//! Rules: which class a file has, by a glob on its name or its path.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use glob::{MatchOptions, Pattern};

use super::FileClass;
use crate::error::{Code, Error, Result};

/// Case matters, a leading dot is a character like others, only `**` crosses `/`.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// One rule. A pattern without `/` matches the last component at any depth, one with `/` the
/// whole relative path.
#[derive(Clone, Debug)]
pub struct Rule {
    pattern: Pattern,
    suffix: Option<Vec<u8>>,
    class: FileClass,
}

impl Rule {
    /// A rule for what `glob` matches. A malformed glob is an error.
    pub fn new(glob: &str, class: FileClass) -> Result<Self> {
        let refuse = |why: String| Error::new(Code::InvalidArgument, format!("bad rule {glob:?}: {why}"));
        if glob.is_empty() {
            return Err(refuse("it is empty".into()));
        }
        if glob.starts_with('/') || glob.ends_with('/') {
            let why = "no slash at the start or the end; what lies in a directory is matched by `wal/**`";
            return Err(refuse(why.into()));
        }
        if glob.contains(['{', '}']) {
            return Err(refuse("braces have no meaning; each alternative is a rule of its own".into()));
        }
        let pattern = Pattern::new(glob).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { pattern, suffix: suffix_of(glob), class })
    }

    /// The glob as it was given.
    pub fn glob(&self) -> &str {
        self.pattern.as_str()
    }

    /// The class it gives.
    pub fn class(&self) -> FileClass {
        self.class
    }

    fn matches(&self, path: &Path) -> bool {
        let subject =
            if self.glob().contains('/') { path.as_os_str() } else { path.file_name().unwrap_or_default() };
        if let Some(suffix) = &self.suffix {
            return subject.as_bytes().ends_with(suffix);
        }
        // A byte that is not UTF-8 counts as one character, which `*` and `?` match.
        self.pattern.matches_with(&subject.to_string_lossy(), MATCHING)
    }
}

/// What names must end with, if that is all that the glob says: most do, and each file is matched
/// inside the freeze.
fn suffix_of(glob: &str) -> Option<Vec<u8>> {
    let suffix = glob.strip_prefix('*')?;
    let is_plain = !suffix.contains(['*', '?', '[', ']', '/']);
    is_plain.then(|| suffix.as_bytes().to_vec())
}

/// Rules in their order: the first match wins, and what none matches is mutable.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// Rules in the order given.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// The class of the file at `path`, relative to its source.
    pub fn class_of(&self, path: &Path) -> FileClass {
        self.class_at(self.place_of(path))
    }

    /// The place of the rule that gives it; `None`: none does.
    pub fn place_of(&self, path: &Path) -> Option<usize> {
        self.0.iter().position(|rule| rule.matches(path))
    }

    /// The class that a rule gives, or none.
    pub fn class_at(&self, place: Option<usize>) -> FileClass {
        place.map_or(FileClass::Mutable, |place| self.0[place].class())
    }

    /// Whether a file, or a directory with all below it, is left out.
    pub fn excludes(&self, path: &Path) -> bool {
        self.class_of(path) == FileClass::Excluded
    }

    /// The rules in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(list: &[(&str, FileClass)]) -> Rules {
        Rules::new(list.iter().map(|(glob, class)| Rule::new(glob, *class).unwrap()).collect())
    }

    #[test]
    fn a_pattern_without_a_slash_matches_the_last_component_at_any_depth() {
        let rules = rules(&[("*.sst", FileClass::IMMUTABLE)]);
        for path in ["1.sst", "a/b/1.sst", ".sst"] {
            assert_eq!(rules.class_of(Path::new(path)), FileClass::IMMUTABLE, "{path}");
        }
        assert_eq!(rules.class_of(Path::new("1.sst/x")), FileClass::Mutable);
    }

    #[test]
    fn a_pattern_with_a_slash_matches_the_whole_path_and_only_two_stars_cross() {
        let rules = rules(&[("sst/*.sst", FileClass::IMMUTABLE), ("log/**/*.log", FileClass::AppendOnly)]);
        assert_eq!(rules.class_of(Path::new("sst/1.sst")), FileClass::IMMUTABLE);
        assert_eq!(rules.class_of(Path::new("sst/a/1.sst")), FileClass::Mutable);
        assert_eq!(rules.class_of(Path::new("x/sst/1.sst")), FileClass::Mutable);
        assert_eq!(rules.class_of(Path::new("log/a/b/1.log")), FileClass::AppendOnly);
        assert_eq!(rules.class_of(Path::new("log/1.log")), FileClass::AppendOnly);
    }

    #[test]
    fn the_first_match_wins() {
        let rules = rules(&[("LOG", FileClass::AppendOnly), ("LOG*", FileClass::Excluded)]);
        assert_eq!(rules.class_of(Path::new("LOG")), FileClass::AppendOnly);
        assert!(rules.excludes(Path::new("LOG.old")));
    }

    #[test]
    fn names_that_are_not_utf8_match_by_character() {
        let path = Path::new(std::ffi::OsStr::from_bytes(b"\xff\xfe.sst"));
        assert_eq!(rules(&[("??.sst", FileClass::IMMUTABLE)]).class_of(path), FileClass::IMMUTABLE);
    }

    #[test]
    fn malformed_globs_are_refused() {
        for glob in ["", "[", "a**b", "/abs", "dir/", "*.{log,wal}"] {
            assert_eq!(
                Rule::new(glob, FileClass::Mutable).unwrap_err().code(),
                Code::InvalidArgument,
                "{glob}"
            );
        }
    }
}
