//! Profiles in AWS's files, `~/.aws/credentials` and `~/.aws/config`. They are read before each request, as
//! whoever renews short-lived keys writes them there: a small file costs nothing beside a request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

use super::credentials::Provider;
use super::settings::Settings;

/// A profile and its files.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    name: String,
    credentials: PathBuf,
    config: PathBuf,
    is_chosen: bool,
}

impl Profile {
    pub fn find(settings: &Settings) -> Self {
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = PathBuf::from(env("HOME").unwrap_or_else(|| "/".into()));
        let file = |name: &str, usual: &str| env(name).map_or_else(|| home.join(usual), PathBuf::from);
        let chosen = settings.profile.clone();
        Self {
            is_chosen: chosen.is_some() || settings.credentials_file.is_some(),
            name: chosen.or_else(|| env("AWS_PROFILE")).unwrap_or_else(|| "default".into()),
            credentials: settings
                .credentials_file
                .clone()
                .unwrap_or_else(|| file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")),
            config: file("AWS_CONFIG_FILE", ".aws/config"),
        }
    }

    /// Whether an option asks for it.
    pub fn is_chosen(&self) -> bool {
        self.is_chosen
    }

    /// Whether there are keys in it, or it asks for a way to them that is not gone here.
    pub fn is_there(&self) -> bool {
        let values = self.values();
        values.contains_key("aws_access_key_id") || OTHER_WAYS.iter().any(|way| values.contains_key(*way))
    }

    pub fn region(&self) -> Option<String> {
        self.values().remove("region")
    }

    pub fn provider(&self) -> Provider<AwsCredential> {
        Provider { inner: Arc::new(self.clone()), is_fixed: false }
    }

    fn values(&self) -> BTreeMap<String, String> {
        let in_config = match self.name.as_str() {
            "default" => "default".to_string(),
            name => format!("profile {name}"),
        };
        let mut values = section(&self.config, &in_config);
        values.extend(section(&self.credentials, &self.name));
        values
    }

    fn keys(&self) -> Result<AwsCredential, String> {
        let mut values = self.values();
        let (name, file) = (&self.name, self.credentials.display());
        match (values.remove("aws_access_key_id"), values.remove("aws_secret_access_key")) {
            (Some(key_id), Some(secret_key)) => {
                Ok(AwsCredential { key_id, secret_key, token: values.remove("aws_session_token") })
            }
            _ => Err(match OTHER_WAYS.iter().find(|way| values.contains_key(**way)) {
                Some(way) => format!("profile {name} has {way}, which is not supported: keys are, in {file}"),
                None => format!("profile {name} has no keys in {file}"),
            }),
        }
    }
}

/// What a profile may have in place of keys.
const OTHER_WAYS: [&str; 4] = ["credential_process", "role_arn", "sso_session", "sso_start_url"];

#[async_trait]
impl CredentialProvider for Profile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.keys().map(Arc::new).map_err(|why| object_store::Error::Unauthenticated {
            path: self.credentials.display().to_string(),
            source: why.into(),
        })
    }
}

/// The values of a section. A file that is not there has none.
fn section(file: &Path, name: &str) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut values = BTreeMap::new();
    let mut is_ours = false;
    for line in text.lines() {
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.split(']').next()) {
            is_ours = header.split_whitespace().eq(name.split_whitespace());
        } else if is_ours
            && !is_nested
            && !line.starts_with(['#', ';'])
            && let Some((key, value)) = line.split_once('=')
        {
            values.insert(key.trim().to_ascii_lowercase(), value.trim().to_string());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_anew_each_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("credentials");
        let write = |secret: &str| {
            let text = format!(
                "[other]\naws_access_key_id=x\n[p]\naws_access_key_id = AK\naws_secret_access_key= {secret}\n"
            );
            std::fs::write(&file, text).expect("written");
        };
        write("one");
        let mut settings = Settings::default();
        settings.set("profile", "p").expect("set");
        settings.set("credentials_file", file.to_str().expect("text")).expect("set");
        let profile = Profile::find(&settings);
        assert!(profile.is_chosen());
        assert_eq!(profile.keys().expect("keys").secret_key, "one");
        write("two");
        assert_eq!(profile.keys().expect("keys").secret_key, "two");
        settings.set("profile", "q").expect("set");
        let why = Profile::find(&settings).keys().expect_err("no such profile");
        assert!(why.contains("profile q has no keys"), "{why}");
    }

    #[test]
    fn a_profile_that_asks_for_another_way_says_which() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("credentials");
        std::fs::write(&file, "[default]\ncredential_process = /bin/x\n").expect("written");
        let mut settings = Settings::default();
        settings.set("credentials_file", file.to_str().expect("text")).expect("set");
        let mut profile = Profile::find(&settings);
        profile.name = "default".into();
        assert!(profile.keys().expect_err("none").contains("credential_process"));
    }
}
