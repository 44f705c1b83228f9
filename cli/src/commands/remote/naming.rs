//! How a snapshot in a repository is named, and how it is shown.

use std::time::SystemTime;

use hotbackup::Code;
use hotbackup_remote::{Remote, RemoteSnapshot};
use serde::Serialize;

use crate::args::remote::HostOption;
use crate::failure::Failure;
use crate::naming::LEAST;
use crate::output::time;

/// A snapshot of a repository in JSON.
#[derive(Clone, Serialize)]
pub struct View {
    pub id: String,
    /// What restic calls it.
    pub object: String,
    pub host: String,
    /// That of the local snapshot.
    pub name: Option<String>,
    pub finished_at: Option<String>,
    pub layout: Option<String>,
    pub tags: Vec<String>,
    /// Not made by restic's own backup.
    pub is_pushed: bool,
}

impl View {
    pub fn of(snapshot: &RemoteSnapshot) -> Self {
        Self {
            id: snapshot.id().to_string(),
            object: snapshot.object(),
            host: snapshot.host().to_string(),
            name: snapshot.number().map(|number| format!("ts-{number}")),
            finished_at: time::utc(snapshot.time()),
            layout: Some(snapshot.layout().to_string()).filter(|layout| !layout.is_empty()),
            tags: snapshot.tags().map(String::from).collect(),
            is_pushed: snapshot.is_pushed(),
        }
    }

    /// For a line: when it was made, and where.
    pub fn shown(&self) -> String {
        let made = self.finished_at.as_deref().unwrap_or("at an unknown time");
        format!("{} ({} of {}, {made})", self.id, self.name.as_deref().unwrap_or("a snapshot"), self.host)
    }
}

/// Those that can be read, the newest first.
pub fn all(remote: &Remote, of: &HostOption) -> Result<Vec<RemoteSnapshot>, Failure> {
    let (mut found, _) = remote.list(of.host.as_deref())?;
    found.reverse();
    Ok(found)
}

/// The one that is called so.
pub fn find(name: &str, remote: &Remote, of: &HostOption) -> Result<RemoteSnapshot, Failure> {
    let mut all = all(remote, of)?;
    let at = pick(name, &all, remote.url())?;
    Ok(all.swap_remove(at))
}

/// Which of them is meant; they begin with the newest.
pub fn pick(name: &str, all: &[RemoteSnapshot], url: &str) -> Result<usize, Failure> {
    let none = |what: String| {
        Failure::new(Code::NotFound, what).advise("`hotbackup remote list` shows those that are there")
    };
    let several = |what: String, to_do: &str| Failure::new(Code::InvalidArgument, what).advise(to_do);
    if name == "latest" {
        let newest = all.first().ok_or_else(|| none(format!("there is no snapshot in {url}")))?;
        if all.iter().any(|other| other.host() != newest.host()) {
            let what = format!("{url} holds snapshots of several hosts: whose latest is meant?");
            return Err(several(what, "give --host NAME, or its id"));
        }
        return Ok(0);
    }
    let is_meant =
        |snapshot: &RemoteSnapshot| snapshot.id().starts_with(name) || snapshot.object().starts_with(name);
    let found: Vec<usize> = match name.len() >= LEAST {
        true => (0..all.len()).filter(|at| is_meant(&all[*at])).collect(),
        false => Vec::new(),
    };
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(none(format!("there is no snapshot {name:?} in {url}"))),
        more => {
            Err(several(format!("{name:?} names {} snapshots in {url}", more.len()), "give more of its id"))
        }
    }
}

/// How old one is.
pub fn age(snapshot: &RemoteSnapshot) -> String {
    time::age(snapshot.time(), SystemTime::now())
}
