//! What a host chooses: text by text, checked as it comes.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use hotbackup::{Code, Error, Result};

use super::values::{duration, flag, number, size};

/// Whether pieces are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// Where it makes them smaller, at a level that costs little.
    #[default]
    Auto,
    /// Never.
    Off,
    /// As small as they become.
    Max,
}

/// What of a push is read back before its snapshot is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReadBack {
    /// That all objects are there with the right size.
    #[default]
    Listed,
    /// All bytes of them.
    All,
}

/// Which repository may be pushed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Accept {
    /// That which earlier snapshots of the same root went to, if any did.
    #[default]
    Known,
    /// Whatever is there.
    Any,
}

/// The choices. Those that nobody made have their defaults.
#[derive(Clone)]
pub struct Settings {
    /// Where the service answers, if not where its URL's kind usually does.
    pub endpoint: Option<String>,
    /// The region of a bucket.
    pub region: Option<String>,
    /// Whether a bucket's name is in the path (S3), not in the host name. Unset: as `endpoint` asks for it.
    pub path_style: Option<bool>,
    pub(super) access_key: Option<String>,
    pub(super) secret_key: Option<String>,
    pub(super) session_token: Option<String>,
    /// The profile in the files of credentials.
    pub profile: Option<String>,
    /// The file of credentials: profiles (S3), a service account (GCS).
    pub credentials_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    pub(super) proxy: Option<String>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// For how long nothing may move before a request counts as dead.
    pub idle_timeout: Duration,
    /// How often a request is tried again.
    pub retries: u32,
    /// How long requests of one job may be tried again, in all.
    pub retry_budget: Duration,
    /// How many requests are at work at once.
    pub connections: usize,
    /// Whose snapshots these are.
    pub host: Option<String>,
    /// What comes between the URL's path and the names of objects.
    pub prefix: Option<String>,
    /// Whether pieces are compressed.
    pub compression: Compression,
    /// The file that holds the repository's password.
    pub password_file: Option<PathBuf>,
    /// The length of pieces. Unset: by the class and the length of a file.
    pub piece: Option<u64>,
    /// How much memory an index may take.
    pub index_memory: u64,
    /// How long another's lock is waited for.
    pub lock_wait: Duration,
    /// What is read back before a snapshot is committed.
    pub read_back: ReadBack,
    /// Which repository is pushed to.
    pub accept: Accept,
    /// Bytes a second that are sent at most. Unset: no limit.
    pub rate_limit_up: Option<u64>,
    /// Bytes a second that are fetched at most. Unset: no limit.
    pub rate_limit_down: Option<u64>,
    given: BTreeSet<&'static str>,
}

/// All keys.
pub const KEYS: [&str; 26] = [
    "accept",
    "access_key",
    "ca_file",
    "compression",
    "connect_timeout",
    "connections",
    "credentials_file",
    "endpoint",
    "host",
    "idle_timeout",
    "index_memory",
    "lock_wait",
    "password_file",
    "path_style",
    "piece",
    "prefix",
    "profile",
    "proxy",
    "rate_limit_down",
    "rate_limit_up",
    "read_back",
    "region",
    "retries",
    "retry_budget",
    "secret_key",
    "session_token",
];

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            path_style: None,
            access_key: None,
            secret_key: None,
            session_token: None,
            profile: None,
            credentials_file: None,
            ca_file: None,
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            retries: 8,
            retry_budget: Duration::from_secs(15 * 60),
            connections: 8,
            host: None,
            prefix: None,
            compression: Compression::Auto,
            password_file: None,
            piece: None,
            index_memory: 256 << 20,
            lock_wait: Duration::from_secs(15 * 60),
            read_back: ReadBack::Listed,
            accept: Accept::Known,
            rate_limit_up: None,
            rate_limit_down: None,
            given: BTreeSet::new(),
        }
    }
}

impl Settings {
    /// Sets `key`. Times are numbers of seconds or have a unit (`500ms`, `5s`, `15m`, `1h`), sizes and rates
    /// numbers of bytes or have one (`64KiB`, `16M`); a rate of 0 is no limit. An unknown key or a value out of
    /// its range is INVALID_ARGUMENT, and nothing is changed.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let Some(key) = KEYS.into_iter().find(|known| *known == key) else {
            let known = KEYS.join(", ");
            return Err(refused(format!("there is no option {key:?} of a store; there are {known}")));
        };
        if value.chars().any(char::is_control) {
            return Err(refused(format!("option {key}: it has a control character")));
        }
        let set = match key {
            "access_key" | "secret_key" | "session_token" | "profile" | "credentials_file" | "proxy" => {
                self.set_credential(key, value)
            }
            "connect_timeout" | "idle_timeout" | "retries" | "retry_budget" | "connections" | "lock_wait" => {
                self.set_limit(key, value)
            }
            "endpoint" | "region" | "path_style" | "ca_file" | "prefix" => self.set_place(key, value),
            _ => self.set_work(key, value),
        };
        // A secret's value is never in the message: only how a value must be is.
        set.map_err(|why| refused(format!("option {key}: {why}")))?;
        self.given.insert(key);
        Ok(())
    }

    fn set_credential(&mut self, key: &str, value: &str) -> std::result::Result<(), String> {
        let text = some(value)?;
        match key {
            "access_key" => self.access_key = Some(text),
            "secret_key" => self.secret_key = Some(text),
            "session_token" => self.session_token = Some(text),
            "profile" => self.profile = Some(text),
            "credentials_file" => self.credentials_file = Some(text.into()),
            _ => self.proxy = Some(web_address(&text, &["http", "https"], true)?),
        }
        Ok(())
    }

    fn set_limit(&mut self, key: &str, value: &str) -> std::result::Result<(), String> {
        let between = |range: RangeInclusive<u64>| {
            duration(value).and_then(|time| match range.contains(&(time.as_millis() as u64)) {
                true => Ok(time),
                false => Err(format!("it is from {} ms to {} s", range.start(), range.end() / 1000)),
            })
        };
        match key {
            "connect_timeout" => self.connect_timeout = between(100..=300_000)?,
            "idle_timeout" => self.idle_timeout = between(100..=3_600_000)?,
            "retry_budget" => self.retry_budget = between(0..=86_400_000)?,
            "lock_wait" => self.lock_wait = between(0..=604_800_000)?,
            "retries" => self.retries = number(value, 0..=100)? as u32,
            _ => self.connections = number(value, 1..=64)? as usize,
        }
        Ok(())
    }

    fn set_place(&mut self, key: &str, value: &str) -> std::result::Result<(), String> {
        let text = some(value)?;
        match key {
            "endpoint" => self.endpoint = Some(web_address(&text, &["https", "http"], false)?),
            "region" => self.region = Some(text),
            "path_style" => self.path_style = Some(flag(value)?),
            "ca_file" => self.ca_file = Some(text.into()),
            _ => self.prefix = Some(text.trim_matches('/').to_string()),
        }
        Ok(())
    }

    fn set_work(&mut self, key: &str, value: &str) -> std::result::Result<(), String> {
        match key {
            "host" => self.host = Some(some(value)?),
            "password_file" => self.password_file = Some(some(value)?.into()),
            "compression" => {
                self.compression = match value {
                    "auto" => Compression::Auto,
                    "off" => Compression::Off,
                    "max" => Compression::Max,
                    _ => return Err("it is auto, off or max".into()),
                }
            }
            "read_back" => {
                self.read_back = match value {
                    "listed" => ReadBack::Listed,
                    "all" => ReadBack::All,
                    _ => return Err("it is listed or all".into()),
                }
            }
            "accept" => {
                self.accept = match value {
                    "known" => Accept::Known,
                    "any" => Accept::Any,
                    _ => return Err("it is known or any".into()),
                }
            }
            // Restic refuses a piece of more than 8 MiB, and smaller ones than these are all overhead.
            "piece" => match size(value)? {
                piece @ 4_096..=8_388_608 => self.piece = Some(piece),
                _ => return Err("it is from 4 KiB to 8 MiB".into()),
            },
            "index_memory" => match size(value)? {
                memory @ 1_048_576..=1_099_511_627_776 => self.index_memory = memory,
                _ => return Err("it is from 1 MiB to 1 TiB".into()),
            },
            "rate_limit_up" => self.rate_limit_up = Some(size(value)?).filter(|rate| *rate > 0),
            _ => self.rate_limit_down = Some(size(value)?).filter(|rate| *rate > 0),
        }
        Ok(())
    }

    /// Refuses what was given and would be ignored with this kind of store.
    pub(super) fn refuse(&self, kind: &str, keys: &[&str]) -> Result<()> {
        match keys.iter().find(|key| self.given.contains(*key)) {
            Some(key) => Err(refused(format!("option {key}: a {kind} store has no use for it"))),
            None => Ok(()),
        }
    }

    /// All that must never be seen in a text.
    pub(super) fn secrets(&self) -> Vec<String> {
        let all = [&self.secret_key, &self.session_token, &self.proxy];
        all.into_iter().flatten().cloned().collect()
    }
}

/// Which keys were given; no values, as some are secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("given", &self.given).finish_non_exhaustive()
    }
}

pub(super) fn refused(why: String) -> Error {
    Error::new(Code::InvalidArgument, why)
}

fn some(value: &str) -> std::result::Result<String, String> {
    match value.is_empty() {
        true => Err("it is empty".into()),
        false => Ok(value.to_string()),
    }
}

/// An address without a query, and without a password where none belongs.
fn web_address(text: &str, schemes: &[&str], with_user: bool) -> std::result::Result<String, String> {
    let how = || format!("it is an address like {}://host:port", schemes[0]);
    let url = url::Url::parse(text).map_err(|_| how())?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let is_good = schemes.contains(&url.scheme()) && url.host_str().is_some();
    if !is_good || url.query().is_some() || url.fragment().is_some() || (has_user && !with_user) {
        return Err(how());
    }
    Ok(text.trim_end_matches('/').to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_and_a_value_out_of_range_are_refused_and_change_nothing() {
        let mut settings = Settings::default();
        let wrong = [
            ("colour", "red"),
            ("connections", "0"),
            ("connections", "65"),
            ("connect_timeout", "1ms"),
            ("idle_timeout", "soon"),
            ("retries", "-1"),
            ("endpoint", "ftp://host"),
            ("endpoint", "https://user:word@host"),
            ("path_style", "perhaps"),
            ("compression", "yes"),
            ("piece", "16MiB"),
            ("access_key", ""),
            ("region", "a\nb"),
        ];
        for (key, value) in wrong {
            let error = settings.set(key, value).expect_err(key);
            assert_eq!(error.code(), Code::InvalidArgument, "{key}={value}");
            assert!(error.message().contains(key), "{error}");
        }
        assert_eq!(settings.connections, 8);
        assert!(settings.given.is_empty());
    }

    #[test]
    fn every_key_can_be_set() {
        let mut settings = Settings::default();
        let value = |key: &str| match key {
            "endpoint" | "proxy" => "https://host:8443",
            "path_style" => "true",
            "compression" => "max",
            "read_back" => "all",
            "accept" => "any",
            "piece" => "64KiB",
            "index_memory" | "rate_limit_up" | "rate_limit_down" => "16M",
            key if key.ends_with("timeout") || key.ends_with("budget") || key == "lock_wait" => "90",
            _ => "7",
        };
        for key in KEYS {
            settings.set(key, value(key)).expect(key);
        }
        assert_eq!(settings.given.len(), KEYS.len());
        assert_eq!(settings.idle_timeout, Duration::from_secs(90));
        assert_eq!(settings.piece, Some(65_536));
        assert_eq!(settings.rate_limit_down, Some(16 << 20));
    }

    #[test]
    fn no_secret_is_in_what_is_printed_of_settings() {
        let mut settings = Settings::default();
        for key in ["access_key", "secret_key", "session_token"] {
            settings.set(key, "hush-hush").expect(key);
        }
        settings.set("proxy", "http://me:hush-hush@proxy:3128").expect("a proxy");
        let error = settings.set("proxy", "hush-hush").expect_err("no address");
        let told = format!("{settings:?} {settings:#?} {error} {error:?}");
        assert!(!told.contains("hush-hush"), "{told}");
    }
}
