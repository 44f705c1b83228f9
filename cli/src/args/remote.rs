//! How a repository in an object store is given: everywhere in the same way.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use hotbackup::Code;
use hotbackup_remote::{Remote, RemoteOptions};

use crate::context::Context;
use crate::failure::Failure;

/// Whoever lists processes sees these on a command line.
const SECRET: [&str; 2] = ["secret_key", "session_token"];

const PASSWORD: &str = "RESTIC_PASSWORD";
const PASSWORD_FILE: &str = "RESTIC_PASSWORD_FILE";

/// `--repo URL`, how its store is reached, and its password.
#[derive(Args, Clone)]
#[command(next_help_heading = "Repository")]
pub struct RepositoryOption {
    /// s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix or file:///path
    #[arg(long, value_name = "URL", env = "HOTBACKUP_REPO", hide_env_values = true)]
    repo: Option<String>,
    /// A choice, as in endpoint=https://s3.example:9000 or host=db1; can be given several times. Never a secret:
    /// other users see command lines. Secrets come by the environment or in --options-file
    #[arg(short = 'o', long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// A file of such choices, one a line; with secrets in it, it must be closed to other users
    #[arg(long, value_name = "FILE")]
    options_file: Option<PathBuf>,
    /// The file that holds the password; else it is RESTIC_PASSWORD's or that of the file RESTIC_PASSWORD_FILE
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// Whose snapshots are meant.
#[derive(Args, Clone, Debug)]
pub struct HostOption {
    /// Only snapshots of this host, where a repository holds those of several
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
}

/// A repository that was given.
pub struct Repository {
    pub remote: Remote,
    /// The choices about its store.
    pub choices: BTreeMap<String, String>,
    pub password: String,
}

impl RepositoryOption {
    /// The repository that is meant. The store is not asked for anything yet.
    pub fn open(&self, context: &Context) -> Result<Repository, Failure> {
        self.open_with(&[], context)
    }

    /// The same where a person waits: a store that does not answer is soon said to be one.
    pub fn open_to_look(&self, context: &Context) -> Result<Repository, Failure> {
        self.open_with(&[("retries", "2")], context)
    }

    /// The same, with these choices where they are not given.
    fn open_with(&self, defaults: &[(&str, &str)], context: &Context) -> Result<Repository, Failure> {
        let Some(url) = self.repo.as_deref().filter(|url| !url.is_empty()) else {
            return Err(
                wrong("no repository was given").advise("give it with --repo URL or in HOTBACKUP_REPO")
            );
        };
        let mut choices = self.choices()?;
        let named = choices.remove("password_file").map(PathBuf::from);
        let password = password(self.password_file.as_deref().or(named.as_deref()))?;
        for (key, value) in defaults {
            choices.entry(key.to_string()).or_insert_with(|| value.to_string());
        }
        let mut options = RemoteOptions::new();
        for (key, value) in &choices {
            options.set(key, value)?;
        }
        // Read once: a file that is a pipe has no second time.
        let told = password.clone();
        options.set_password_hook(move || Ok(told.clone()))?;
        let remote = Remote::open(url, &options)?;
        context.display.explain(&format!("the repository is {}", remote.url()));
        Ok(Repository { remote, choices, password })
    }

    /// Those of the command line go before those of the file.
    fn choices(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut choices = BTreeMap::new();
        if let Some(path) = &self.options_file {
            choices = in_file(path)?;
        }
        for option in &self.options {
            let (key, value) =
                pair(option).ok_or_else(|| wrong("an option -o is KEY=VALUE, as in host=db1"))?;
            let has_password = key == "proxy" && value.contains('@');
            if SECRET.contains(&key) || has_password {
                let what = format!(
                    "option {key}: a secret on a command line can be read by every user of this machine"
                );
                return Err(wrong(what).advise(
                    "give it as a line of --options-file, or by the environment, as AWS_SECRET_ACCESS_KEY for one",
                ));
            }
            choices.insert(key.to_string(), value.to_string());
        }
        Ok(choices)
    }
}

fn wrong(what: impl Into<String>) -> Failure {
    Failure::new(Code::InvalidArgument, what)
}

fn pair(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').map(|(key, value)| (key.trim(), value.trim()))
}

fn in_file(path: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let shown = path.display();
    let failed = |error| Failure::io(format!("reading the options file {shown}"), &error).at(path);
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|(at, line)| {
        let (key, value) = pair(line).ok_or_else(|| {
            // The line is not repeated: it may be a secret.
            wrong(format!("reading the options file {shown}: line {} is not KEY=VALUE", at + 1)).at(path)
        })?;
        Ok((key.to_string(), value.to_string()))
    });
    let choices: BTreeMap<_, _> = pairs.collect::<Result<_, Failure>>()?;
    let mode = path.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o007 != 0 && SECRET.iter().any(|key| choices.contains_key(*key)) {
        let what = format!("reading the options file {shown}: it holds a secret, and every user may open it");
        return Err(wrong(what).at(path).advise(format!("chmod 600 {shown}")));
    }
    Ok(choices)
}

/// The file's, else that of the environment, as restic has them.
fn password(file: Option<&Path>) -> Result<String, Failure> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let password = match (file, named(PASSWORD), named(PASSWORD_FILE)) {
        (Some(path), ..) => of_file(path)?,
        (None, Some(password), _) => {
            password.into_string().map_err(|_| wrong(format!("reading {PASSWORD}: it is not UTF-8")))?
        }
        (None, None, Some(path)) => of_file(Path::new(&path))?,
        (None, None, None) => {
            return Err(wrong("no password was given for the repository").advise(format!(
                "give a file that holds it with --password-file, or set {PASSWORD_FILE} or {PASSWORD}"
            )));
        }
    };
    match password.is_empty() {
        true => Err(wrong("the password that was given for the repository is empty")),
        false => Ok(password),
    }
}

/// Without the white space around it, which restic leaves out, too.
fn of_file(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::io(format!("reading the password file {}", path.display()), &error).at(path)
    })?;
    Ok(text.trim().to_string())
}
