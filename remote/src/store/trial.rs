//! What a probe asks of a store beyond what pushes do: that it refuses what must be refused.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hotbackup::{Code, Result};
use object_store::{ObjectStoreExt, PutPayload};

use super::Store;
use super::backend::{Backend, Kind};
use super::retry::{Patience, What, persist};
use super::signed::{Never, SignedPut};
use super::wire::DAMAGED;

impl Store {
    /// How late it is there, by its last answer; `None`: nothing was heard, or it has no clock of its own.
    pub fn heard(&self) -> Option<SystemTime> {
        self.shared.clock.heard()
    }

    /// Sends an object of which a bit flips after it was signed, once, and whether it was taken. `None`: with this kind
    /// of store no signature covers the bytes.
    pub fn put_damaged(&self, name: &str, bytes: Bytes) -> Result<Option<bool>> {
        let (what, patience) = self.request("putting", name)?;
        self.guest
            .ask(
                &self.job.watch,
                |backend| async move { backend.put_damaged(&what, &patience, bytes).await },
            )?
            .wait()
    }

    /// Sends what was signed though its time is over here, and whether it was taken.
    pub fn put_late(&self, signed: SignedPut, bytes: Bytes) -> Result<bool> {
        taken(self.put_signed(signed.though_late(), bytes))
    }
}

impl Backend {
    async fn put_damaged(&self, what: &What, patience: &Patience, bytes: Bytes) -> Result<Option<bool>> {
        let Kind::Cloud(cloud) = &self.kind else { return Ok(None) };
        if !cloud.is_s3 {
            return Ok(None);
        }
        let once = Patience { retries: 0, ..patience.clone() };
        let path = self.path(&what.name);
        let sent = persist(&once, what, &Never, || {
            DAMAGED.scope((), async {
                cloud.objects.put(&path, PutPayload::from(bytes.clone())).await?;
                Ok(())
            })
        });
        taken(sent.await).map(Some)
    }
}

/// A refusal is an answer; what else went wrong says nothing.
fn taken(sent: Result<()>) -> Result<bool> {
    const REFUSALS: [&str; 3] = ["answered 400", "answered 401", "answered 403"];
    match sent {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Code::Conflict => Ok(false),
        Err(error) if REFUSALS.iter().any(|words| error.message().contains(words)) => Ok(false),
        Err(error) => Err(error),
    }
}

impl SignedPut {
    /// Whether the store itself looks at the time: in a directory we do.
    pub fn is_the_stores(&self) -> bool {
        self.url.is_some()
    }

    fn though_late(mut self) -> Self {
        self.until = Duration::MAX;
        self
    }
}
