//! Where a repository lies and how it is reached, in restic's words.

use std::collections::BTreeMap;
use std::time::Duration;

use hotbackup::Code;

use crate::args::remote::Repository;
use crate::args::values;
use crate::failure::Failure;

/// How long a lock is waited for, as pushes do.
const LOCK_WAIT: Duration = Duration::from_secs(15 * 60);

/// Keys that restic would find before those of a profile.
const KEYS: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "MINIO_ACCESS_KEY",
    "MINIO_SECRET_KEY",
];

/// What restic is started with. No secret is in the arguments.
#[derive(Debug, Default)]
pub struct Place {
    pub arguments: Vec<String>,
    pub set: Vec<(&'static str, String)>,
    pub unset: Vec<&'static str>,
    pub lock_wait: Duration,
}

type Choices = BTreeMap<String, String>;

impl Place {
    /// Of a repository by its URL, as [`Remote::url`](hotbackup_remote::Remote::url) writes it, and the choices about it.
    pub fn of(url: &str, choices: &Choices) -> Result<Self, Failure> {
        let mut place = Self { lock_wait: wait_of(choices)?, ..Self::default() };
        let (kind, rest) = url.split_once("://").unwrap_or(("", url));
        let (top, path) = rest.split_once('/').unwrap_or((rest, ""));
        match kind {
            "s3" => place.s3(top, path, choices),
            "gs" => place.gs(top, path, choices)?,
            "az" => place.azure(top, path, choices)?,
            _ => place.repository(rest.to_string()),
        }
        place.in_general(choices)?;
        Ok(place)
    }

    fn repository(&mut self, name: String) {
        self.arguments.extend(["-r".to_string(), name]);
    }

    fn s3(&mut self, bucket: &str, prefix: &str, choices: &Choices) {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let region = choices.get("region").cloned();
        let region = region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        let usual = || match &region {
            Some(region) if region.starts_with("cn-") => format!("https://s3.{region}.amazonaws.com.cn"),
            Some(region) => format!("https://s3.{region}.amazonaws.com"),
            None => "https://s3.amazonaws.com".to_string(),
        };
        let endpoint = choices.get("endpoint").cloned().unwrap_or_else(usual);
        let name = format!("s3:{}/{bucket}/{prefix}", endpoint.trim_end_matches('/'));
        self.repository(name.trim_end_matches('/').to_string());
        self.set.extend(region.map(|region| ("AWS_DEFAULT_REGION", region)));
        if let Some(path_style) = choices.get("path_style") {
            let is_path = matches!(path_style.as_str(), "true" | "1" | "yes" | "on");
            let lookup = if is_path { "path" } else { "dns" };
            self.arguments.extend(["-o".to_string(), format!("s3.bucket-lookup={lookup}")]);
        }
        let given = ["access_key", "secret_key", "session_token", "profile", "credentials_file"];
        if given.iter().any(|key| choices.contains_key(*key)) {
            self.unset.extend(KEYS);
        }
        self.hand(choices, "access_key", "AWS_ACCESS_KEY_ID");
        self.hand(choices, "secret_key", "AWS_SECRET_ACCESS_KEY");
        self.hand(choices, "session_token", "AWS_SESSION_TOKEN");
        self.hand(choices, "profile", "AWS_PROFILE");
        self.hand(choices, "credentials_file", "AWS_SHARED_CREDENTIALS_FILE");
    }

    fn gs(&mut self, bucket: &str, prefix: &str, choices: &Choices) -> Result<(), Failure> {
        no_endpoint("gs", choices)?;
        self.repository(format!("gs:{bucket}:/{prefix}"));
        self.hand(choices, "credentials_file", "GOOGLE_APPLICATION_CREDENTIALS");
        self.hand(choices, "session_token", "GOOGLE_ACCESS_TOKEN");
        Ok(())
    }

    fn azure(&mut self, account: &str, path: &str, choices: &Choices) -> Result<(), Failure> {
        no_endpoint("az", choices)?;
        let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
        self.repository(format!("azure:{container}:/{prefix}"));
        self.set.push(("AZURE_ACCOUNT_NAME", account.to_string()));
        let is_given = choices.contains_key("secret_key") || choices.contains_key("session_token");
        if is_given {
            self.unset.extend(["AZURE_ACCOUNT_KEY", "AZURE_ACCOUNT_SAS"]);
        } else {
            // Names that Azure's own tools know.
            for (theirs, restics) in [
                ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_ACCOUNT_KEY"),
                ("AZURE_STORAGE_SAS_TOKEN", "AZURE_ACCOUNT_SAS"),
            ] {
                self.set.extend(std::env::var(theirs).ok().map(|value| (restics, value)));
            }
        }
        self.hand(choices, "secret_key", "AZURE_ACCOUNT_KEY");
        self.hand(choices, "session_token", "AZURE_ACCOUNT_SAS");
        Ok(())
    }

    fn in_general(&mut self, choices: &Choices) -> Result<(), Failure> {
        if let Some(file) = choices.get("ca_file") {
            self.arguments.extend(["--cacert".to_string(), file.clone()]);
        }
        for (key, option) in [("rate_limit_up", "--limit-upload"), ("rate_limit_down", "--limit-download")] {
            let Some(rate) = choices.get(key) else { continue };
            let bytes = values::size(rate).map_err(|why| refused(key, &why))?;
            if bytes > 0 {
                self.arguments.extend([option.to_string(), bytes.div_ceil(1024).to_string()]);
            }
        }
        self.hand(choices, "proxy", "HTTPS_PROXY");
        self.hand(choices, "proxy", "HTTP_PROXY");
        Ok(())
    }

    fn hand(&mut self, choices: &Choices, key: &str, variable: &'static str) {
        self.set.extend(choices.get(key).map(|value| (variable, value.clone())));
    }
}

/// How long another's lock is waited for.
pub fn lock_wait(repository: &Repository) -> Result<Duration, Failure> {
    wait_of(&repository.choices)
}

fn wait_of(choices: &Choices) -> Result<Duration, Failure> {
    let Some(wait) = choices.get("lock_wait") else { return Ok(LOCK_WAIT) };
    let seconds = wait.parse().ok().map(Duration::from_secs);
    seconds.map_or_else(|| values::duration(wait), Ok).map_err(|why| refused("lock_wait", &why))
}

fn refused(key: &str, why: &str) -> Failure {
    Failure::new(Code::InvalidArgument, format!("option {key}: {why}"))
}

fn no_endpoint(kind: &str, choices: &Choices) -> Result<(), Failure> {
    match choices.contains_key("endpoint") {
        true => Err(Failure::new(
            Code::Unsupported,
            format!("restic cannot reach a {kind}:// store by an endpoint of its own; nothing was changed"),
        )
        .advise("run this where the usual endpoint of that service is reached")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str, choices: &[(&str, &str)]) -> Place {
        let choices = choices.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Place::of(url, &choices).expect("a place")
    }

    fn value<'a>(place: &'a Place, variable: &str) -> Option<&'a str> {
        place.set.iter().find(|(name, _)| *name == variable).map(|(_, value)| value.as_str())
    }

    #[test]
    fn each_kind_of_store_has_restics_name_for_it() {
        let region = ("region", "eu-west-1");
        let cases = [
            ("file:///srv/my repo", vec![], "/srv/my repo"),
            ("s3://b/db1", vec![region], "s3:https://s3.eu-west-1.amazonaws.com/b/db1"),
            ("s3://b/db1", vec![("region", "cn-north-1")], "s3:https://s3.cn-north-1.amazonaws.com.cn/b/db1"),
            ("s3://b", vec![("endpoint", "http://127.0.0.1:9000"), region], "s3:http://127.0.0.1:9000/b"),
            ("gs://b/a/b", vec![], "gs:b:/a/b"),
            ("az://acc/box/a/b", vec![], "azure:box:/a/b"),
        ];
        for (url, choices, name) in cases {
            assert_eq!(place(url, &choices).arguments[..2], ["-r", name], "{url}");
        }
        assert_eq!(value(&place("az://acc/box", &[]), "AZURE_ACCOUNT_NAME"), Some("acc"));
    }

    #[test]
    fn secrets_go_by_the_environment_alone() {
        let secrets = [("access_key", "AK"), ("secret_key", "hush"), ("session_token", "hush-hush")];
        let proxy = ("proxy", "http://me:hush@proxy:3128");
        for url in ["s3://b/p", "gs://b/p", "az://a/c/p"] {
            let place = place(url, &[&secrets[..], &[proxy]].concat());
            assert!(!place.arguments.iter().any(|argument| argument.contains("hush")), "{place:?}");
            assert!(place.set.iter().any(|(_, value)| value == "hush-hush"), "{place:?}");
            assert_eq!(value(&place, "HTTPS_PROXY"), Some(proxy.1));
        }
    }

    #[test]
    fn keys_of_the_environment_do_not_come_before_a_profile_that_was_chosen() {
        let place = place("s3://b", &[("profile", "backup")]);
        assert!(place.unset.contains(&"AWS_ACCESS_KEY_ID"));
        assert_eq!(value(&place, "AWS_PROFILE"), Some("backup"));
    }

    #[test]
    fn limits_are_in_restics_units() {
        let place =
            place("file:///r", &[("rate_limit_up", "1M"), ("rate_limit_down", "100"), ("lock_wait", "90")]);
        assert_eq!(place.arguments[2..], ["--limit-upload", "1024", "--limit-download", "1"]);
        assert_eq!(place.lock_wait, Duration::from_secs(90));
    }

    #[test]
    fn an_endpoint_that_restic_cannot_be_told_is_refused() {
        let choices = Choices::from([("endpoint".to_string(), "http://127.0.0.1:1".to_string())]);
        assert!(Place::of("gs://b", &choices).is_err_and(|failure| failure.is(Code::Unsupported)));
    }
}
