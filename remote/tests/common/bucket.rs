//! The objects of a repository, as who may do all with the bucket sees and changes them.

use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::backend::{Backend, PREFIX};

pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: &'static str,
    runtime: tokio::runtime::Runtime,
}

impl Bucket {
    /// S3's, or a directory.
    pub fn of(backend: &Backend) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let url = backend.url();
        if let Some(path) = url.strip_prefix("file://") {
            let store = LocalFileSystem::new_with_prefix(path).expect("a directory");
            return Self { store: Arc::new(store), prefix: "", runtime };
        }
        let settings = backend.settings();
        let given = |wanted: &str| {
            settings
                .iter()
                .find(|(key, _)| *key == wanted)
                .map(|(_, value)| value.clone())
                .unwrap_or_default()
        };
        let store = AmazonS3Builder::new()
            .with_endpoint(given("endpoint"))
            .with_region(given("region"))
            .with_allow_http(true)
            .with_bucket_name(backend.bucket())
            .with_access_key_id(given("access_key"))
            .with_secret_access_key(given("secret_key"))
            .build()
            .expect("a store");
        Self { store: Arc::new(store), prefix: PREFIX, runtime }
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    /// All names beneath a directory of the repository, sorted, and how long each is.
    pub fn list(&self, directory: &str) -> Vec<(String, u64)> {
        let all = self.runtime.block_on(self.store.list(Some(&self.path(directory))).try_collect::<Vec<_>>());
        let start = if self.prefix.is_empty() { 0 } else { self.prefix.len() + 1 };
        let name =
            |object: object_store::ObjectMeta| (object.location.as_ref()[start..].to_string(), object.size);
        let mut all: Vec<_> = all.expect("a listing").into_iter().map(name).collect();
        all.sort();
        all
    }

    pub fn get(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        let bytes = self.runtime.block_on(async { self.store.get(&path).await?.bytes().await });
        bytes.expect("an object").to_vec()
    }

    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        self.runtime.block_on(self.store.put(&self.path(name), bytes.into())).expect("an object is put");
    }

    pub fn delete(&self, name: &str) {
        self.runtime.block_on(self.store.delete(&self.path(name))).expect("an object is deleted");
    }

    pub fn delete_all(&self, directory: &str) {
        self.list(directory).iter().for_each(|(name, _)| self.delete(name));
    }

    /// One bit in the middle of an object is another one.
    pub fn flip(&self, name: &str) {
        let mut bytes = self.get(name);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        self.put(name, bytes);
    }
}
