//! Each request, in a bucket or in a directory.

use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use hotbackup::{Code, Error, Result};
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, PutPayload};

use super::Object;
use super::clock::{Clock, since_boot};
use super::cloud::Cloud;
use super::files::Files;
use super::place::{Place, Service};
use super::retry::{Miss, Patience, What, persist};
use super::settings::Settings;
use super::watch::{Counts, Job};
use super::wire::Wire;

/// What was looked for before that is looked for again. A lock that is not made anew counts as stale only later.
const SEEN_FOR: Duration = Duration::from_secs(5 * 60);

/// What the guest works with.
pub(super) struct Backend {
    pub kind: Kind,
    pub clock: Arc<Clock>,
    prefix: String,
}

pub(super) enum Kind {
    Cloud(Cloud),
    Files(Files),
}

/// Where a listing goes on.
pub(super) enum From {
    Start,
    Token(String),
    Directories(Vec<String>),
}

impl From {
    pub fn start(_: &str) -> Self {
        From::Start
    }
}

impl Backend {
    pub fn open(
        place: &Place,
        settings: Arc<Settings>,
        counts: Arc<Counts>,
        clock: Arc<Clock>,
    ) -> Result<Self> {
        let kind = match &place.service {
            Service::File { root } => {
                let unused =
                    ["endpoint", "region", "path_style", "access_key", "secret_key", "session_token"];
                settings.refuse("file", &unused)?;
                settings.refuse("file", &["profile", "credentials_file", "ca_file", "proxy"])?;
                Kind::Files(Files::new(root.clone(), counts))
            }
            _ => {
                let ca = settings.ca_file.as_deref().map(read_ca).transpose()?;
                Kind::Cloud(Cloud::open(place, Wire { settings, ca, counts, clock: Arc::clone(&clock) })?)
            }
        };
        Ok(Self { kind, clock, prefix: place.prefix.clone() })
    }

    pub fn path(&self, name: &str) -> Path {
        match self.prefix.is_empty() {
            true => Path::from(name),
            false => Path::from(format!("{}/{name}", self.prefix)),
        }
    }

    pub async fn get(&self, what: &What, patience: &Patience, range: Option<Range<u64>>) -> Result<Vec<u8>> {
        if range.as_ref().is_some_and(|range| range.is_empty()) {
            return Ok(Vec::new());
        }
        let cloud = match &self.kind {
            Kind::Files(files) => {
                return blocking(files, what, patience, |files, name, job| files.get(name, range, job)).await;
            }
            Kind::Cloud(cloud) => cloud,
        };
        let path = self.path(&what.name);
        let wanted = range.as_ref().map(|range| range.end - range.start);
        persist(patience, what, cloud.credentials.as_ref(), || async {
            let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
            read(cloud.objects.get_opts(&path, options).await?, wanted).await
        })
        .await
    }

    pub async fn find(&self, what: &What, patience: &Patience) -> Result<Option<Object>> {
        let cloud = match &self.kind {
            Kind::Files(files) => {
                return blocking(files, what, patience, |files, name, _| files.find(name)).await;
            }
            Kind::Cloud(cloud) => cloud,
        };
        let path = self.path(&what.name);
        let head = persist(patience, what, cloud.credentials.as_ref(), || async {
            Ok(cloud.objects.head(&path).await?)
        });
        match head.await {
            Ok(head) => Ok(Some(Object {
                name: what.name.clone(),
                size: head.size,
                modified: head.last_modified.into(),
            })),
            Err(error) if error.code() == Code::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub async fn page(
        &self,
        what: &What,
        patience: &Patience,
        directory: String,
        from: From,
    ) -> Result<(Vec<Object>, Option<From>)> {
        let cloud = match &self.kind {
            Kind::Files(files) => {
                let mut pending = match from {
                    From::Directories(pending) => pending,
                    _ => vec![directory],
                };
                return blocking(files, what, patience, move |files, _, _| {
                    let objects = files.page(&mut pending)?;
                    Ok((objects, Some(pending).filter(|pending| !pending.is_empty()).map(From::Directories)))
                })
                .await;
            }
            Kind::Cloud(cloud) => cloud,
        };
        let parts = [self.prefix.as_str(), directory.as_str()];
        let prefix: String =
            parts.iter().filter(|part| !part.is_empty()).map(|part| format!("{part}/")).collect();
        let page_token = match from {
            From::Token(token) => Some(token),
            _ => None,
        };
        let page = persist(patience, what, cloud.credentials.as_ref(), || async {
            let options =
                PaginatedListOptions { page_token: page_token.clone(), ..PaginatedListOptions::default() };
            let prefix = Some(prefix.as_str()).filter(|prefix| !prefix.is_empty());
            Ok(cloud.pages.list_paginated(prefix, options).await?)
        })
        .await?;
        if page.page_token.is_some() && page.page_token == page_token {
            return Err(what.error(Code::Io, "the store gave the same page twice"));
        }
        let cut = if self.prefix.is_empty() { 0 } else { self.prefix.len() + 1 };
        let object = |meta: object_store::ObjectMeta| {
            let name = meta.location.as_ref().get(cut..)?.to_string();
            Some(Object { name, size: meta.size, modified: meta.last_modified.into() })
        };
        let objects = page.result.objects.into_iter().filter_map(object).collect();
        Ok((objects, page.page_token.map(From::Token)))
    }

    pub async fn delete(&self, what: &What, patience: &Patience) -> Result<()> {
        let cloud = match &self.kind {
            Kind::Files(files) => {
                return blocking(files, what, patience, |files, name, _| files.delete(name)).await;
            }
            Kind::Cloud(cloud) => cloud,
        };
        let path = self.path(&what.name);
        let deleted = persist(patience, what, cloud.credentials.as_ref(), || async {
            Ok(cloud.objects.delete(&path).await?)
        });
        match deleted.await {
            Err(error) if error.code() == Code::NotFound => Ok(()),
            deleted => deleted,
        }
    }

    pub async fn put(&self, what: &What, patience: &Patience, bytes: Bytes) -> Result<()> {
        let cloud = match &self.kind {
            Kind::Files(files) => {
                return blocking(files, what, patience, move |files, name, job| {
                    files.put(name, &bytes, job, None)
                })
                .await;
            }
            Kind::Cloud(cloud) => cloud,
        };
        let path = self.path(&what.name);
        persist(patience, what, cloud.credentials.as_ref(), || async {
            cloud.objects.put(&path, PutPayload::from(bytes.clone())).await?;
            Ok(())
        })
        .await
    }

    /// Sends an object that names others, which are looked for each time that it is sent: while an attempt failed, or
    /// this process was stopped, they may have been removed. Returns one that is not there; then nothing was sent.
    pub async fn put_after(
        &self,
        what: &What,
        patience: &Patience,
        bytes: Bytes,
        named: &[(What, u64)],
    ) -> Result<Option<String>> {
        let Kind::Cloud(cloud) = &self.kind else {
            return match self.missing(patience, named).await? {
                None => self.put(what, patience, bytes).await.map(|()| None),
                missing => Ok(missing),
            };
        };
        let path = self.path(&what.name);
        persist(patience, what, cloud.credentials.as_ref(), || async {
            let missing = self.missing(patience, named).await.map_err(Miss::Final)?;
            if missing.is_none() {
                cloud.objects.put(&path, PutPayload::from(bytes.clone())).await?;
            }
            Ok(missing)
        })
        .await
    }

    /// One that is not there with its length, as seen just now.
    async fn missing(&self, patience: &Patience, named: &[(What, u64)]) -> Result<Option<String>> {
        loop {
            let since = since_boot();
            for (what, length) in named {
                if self.find(what, patience).await?.is_none_or(|object| object.size != *length) {
                    return Ok(Some(what.name.clone()));
                }
            }
            if since_boot() - since < SEEN_FOR {
                return Ok(None);
            }
        }
    }
}

/// Does something with files on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    files: &Files,
    what: &What,
    patience: &Patience,
    work: impl FnOnce(&Files, &str, &Job) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (files, name, job) = (files.clone(), what.name.clone(), Arc::clone(&patience.job));
    let done = tokio::task::spawn_blocking(move || work(&files, &name, &job)).await;
    done.map_err(|error| Error::new(Code::Internal, format!("{} {}: {error}", what.doing, what.name)))?
}

/// All bytes of an answer: as many as were asked for, or as the answer says that there are.
async fn read(answer: GetResult, wanted: Option<u64>) -> std::result::Result<Vec<u8>, Miss> {
    let length = wanted.unwrap_or(answer.meta.size);
    let short = |came: usize| Miss::Short(format!("{came} of {length} bytes came"));
    let mut bytes = Vec::new();
    let no_memory =
        |_| Miss::Final(Error::new(Code::Io, format!("there is no memory for an object of {length} bytes")));
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX)).map_err(no_memory)?;
    let mut stream = answer.into_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if bytes.len() + chunk.len() > length as usize {
            return Err(Miss::Short(format!("more than {length} bytes came")));
        }
        bytes.extend_from_slice(&chunk);
    }
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(short(bytes.len())),
    }
}

fn read_ca(path: &FilePath) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io("reading the certificates in", path, error))
}
