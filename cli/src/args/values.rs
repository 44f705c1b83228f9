//! Sizes, times and rules, as they are written on a command line.

use std::time::Duration;

use hotbackup::{Budget, FileClass, Share, Symlinks, VerifyLevel};

/// A size: a number with a unit or without one (bytes). `K`, `M`, `G`, `T` are those of 1024, as are `KiB`,
/// `MiB`, ...; `KB`, `MB`, ... are those of 1000.
pub fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = number_and_unit(text).ok_or("a size is a number and a unit, as in 10GiB")?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(format!("{unit:?} is no unit of size: K, M, G, T, KiB, MiB, KB, MB, ...")),
    };
    scaled(number, factor as f64).map(|bytes| bytes as u64).ok_or_else(|| "that is too much".into())
}

/// A time: a number with a unit: `ms`, `s`, `m` or `min`, `h`, `d`, `w`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = number_and_unit(text).ok_or("a time is a number and a unit, as in 30m")?;
    let milliseconds = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" | "min" => 60e3,
        "h" => 3_600e3,
        "d" => 86_400e3,
        "w" => 604_800e3,
        "" if number == 0.0 => 1.0,
        _ => return Err(format!("{unit:?} is no unit of time: ms, s, m, h, d, w")),
    };
    let milliseconds = scaled(number, milliseconds).ok_or("that is too much")?;
    Ok(Duration::from_millis(milliseconds as u64))
}

/// A rule of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub glob: String,
    pub class: FileClass,
}

/// The classes of files, by their names in manifests.
const CLASSES: [(&str, FileClass); 6] = [
    ("immutable", FileClass::IMMUTABLE),
    ("immutable+unfinished_ok", FileClass::Immutable { unfinished_ok: true }),
    ("append_only", FileClass::AppendOnly),
    ("pinned", FileClass::Pinned),
    ("mutable", FileClass::Mutable),
    ("excluded", FileClass::Excluded),
];

/// What a class is called.
pub fn class_name(class: FileClass) -> &'static str {
    CLASSES.iter().find(|(_, known)| *known == class).map_or("unknown", |(name, _)| name)
}

/// The levels of verification, by their names in manifests.
const LEVELS: [(&str, VerifyLevel); 4] = [
    ("none", VerifyLevel::None),
    ("size", VerifyLevel::Size),
    ("checksum", VerifyLevel::Checksum),
    ("media", VerifyLevel::Media),
];

/// What a level is called.
pub fn level_name(level: VerifyLevel) -> &'static str {
    LEVELS.iter().find(|(_, known)| *known == level).map_or("unknown", |(name, _)| name)
}

/// A duration that is not nothing: an age of 0 would keep nothing.
pub fn age(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("no time at all keeps nothing".into()),
        age => Ok(age),
    }
}

/// How much a scrub reads: a size or a time.
pub fn budget(text: &str) -> Result<Budget, String> {
    match (size(text), duration(text)) {
        (_, Ok(time)) => Ok(Budget { time: Some(time), bytes: None }),
        (Ok(bytes), _) => Ok(Budget { bytes: Some(bytes), time: None }),
        _ => Err("a budget is a size or a time, as in 10GiB or 30m".into()),
    }
}

/// `GLOB=CLASS`.
pub fn rule(text: &str) -> Result<Rule, String> {
    let (glob, class) = text.rsplit_once('=').ok_or("a rule is GLOB=CLASS, as in *.sst=immutable")?;
    let found = CLASSES.iter().find(|(name, _)| *name == class);
    let class = found.map(|(_, class)| *class).ok_or_else(|| {
        let known: Vec<_> = CLASSES.iter().map(|(name, _)| *name).collect();
        format!("{class:?} is no class: {}", known.join(", "))
    })?;
    Ok(Rule { glob: glob.to_string(), class })
}

/// How much is compared.
pub fn level(text: &str) -> Result<VerifyLevel, String> {
    let found = LEVELS.iter().find(|(name, _)| *name == text);
    found.map(|(_, level)| *level).ok_or_else(|| "a level is one of none, size, checksum, media".into())
}

/// What is shared with the snapshot before.
pub fn share(text: &str) -> Result<Share, String> {
    Ok(match text {
        "never" => Share::Never,
        "safely" => Share::Safely,
        "always" => Share::Always,
        _ => return Err("one of never, safely, always".into()),
    })
}

/// What happens with symbolic links.
pub fn symlinks(text: &str) -> Result<Symlinks, String> {
    Ok(match text {
        "fail" => Symlinks::Fail,
        "preserve" => Symlinks::Preserve,
        _ => return Err("one of fail, preserve".into()),
    })
}

fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

fn scaled(number: f64, factor: f64) -> Option<f64> {
    Some((number * factor).round()).filter(|product| *product < 9e18)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_binary_and_decimal_units() {
        let cases = [("0", 0), ("512", 512), ("1.5K", 1536), ("10GiB", 10 << 30), ("2 MB", 2_000_000)];
        for (text, bytes) in cases {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "-1", "1e3", "10 parsecs", "99999999T", "1.2.3"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_read_with_their_units_alone() {
        let cases = [("0", 0), ("250ms", 250), ("1.5s", 1_500), ("30m", 1_800_000), ("2d", 172_800_000)];
        for (text, milliseconds) in cases {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "30", "m", "-1s", "3 moons"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_budget_is_a_time_where_its_unit_is_one_of_time() {
        assert_eq!(budget("30m").unwrap().time, Some(Duration::from_secs(1_800)));
        assert_eq!(budget("30M").unwrap().bytes, Some(30 << 20));
        assert!(budget("all").is_err());
    }

    #[test]
    fn a_rule_is_split_at_its_last_equals_sign() {
        let read = rule("a=b/*.sst=immutable").unwrap();
        assert_eq!((read.glob.as_str(), read.class), ("a=b/*.sst", FileClass::IMMUTABLE));
        assert!(rule("*.sst").is_err() && rule("*.sst=solid").is_err());
    }
}
