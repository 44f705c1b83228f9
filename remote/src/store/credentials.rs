//! Credentials that can be asked for anew: a store that refuses them may have been given fresh ones.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use object_store::CredentialProvider;

use super::answer::{Failure, told};
use super::body::Attempt;
use super::wire::ATTEMPT;

/// Where credentials come from.
pub(super) struct Provider<T> {
    pub inner: Arc<dyn CredentialProvider<Credential = T>>,
    /// They are what they are: to ask again is of no use.
    pub is_fixed: bool,
}

type Make<T> = Box<dyn Fn() -> object_store::Result<Provider<T>> + Send + Sync>;

/// Credentials with what they were made by. `object_store` keeps a token until it nearly expires; a new provider
/// has none.
pub(super) struct Renewed<T> {
    make: Make<T>,
    now: Mutex<Provider<T>>,
}

/// Forgets what is known.
pub(super) trait Renewable: Send + Sync {
    /// False where that changes nothing.
    fn renew(&self) -> bool;
}

impl<T> Renewed<T> {
    pub fn new(make: Make<T>) -> object_store::Result<Arc<Self>> {
        let now = Mutex::new(make()?);
        Ok(Arc::new(Self { make, now }))
    }
}

impl<T: Send + Sync> Renewable for Renewed<T> {
    fn renew(&self) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if now.is_fixed {
            return false;
        }
        match (self.make)() {
            Ok(made) => {
                *now = made;
                true
            }
            Err(_) => false,
        }
    }
}

impl<T> fmt::Debug for Renewed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[async_trait]
impl<T: fmt::Debug + Send + Sync + 'static> CredentialProvider for Renewed<T> {
    type Credential = T;

    async fn get_credential(&self) -> object_store::Result<Arc<T>> {
        let provider = Arc::clone(&self.now.lock().unwrap_or_else(PoisonError::into_inner).inner);
        let Ok(asking) = ATTEMPT.try_with(Arc::clone) else { return provider.get_credential().await };
        // Whoever says no here is not the store: a 404 of his is no object that is absent.
        let own = Arc::new(Attempt { job: Arc::clone(&asking.job), seen: Mutex::new(None) });
        ATTEMPT.scope(own, provider.get_credential()).await.inspect_err(|error| {
            let failure = Failure::Credentials(told(error));
            *asking.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        })
    }
}
