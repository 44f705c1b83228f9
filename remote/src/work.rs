//! The work of a repository's jobs by itself, for who starts the jobs: a library whose jobs are those of another.

use std::path::PathBuf;
use std::sync::Arc;

use hotbackup::Result;
use hotbackup::extension::{Supply, Task};

use crate::bring::{Brought, verify};
use crate::push;
use crate::remote::Remote;
use crate::repository::Listed;

impl Remote {
    /// What the job of [`push`](Self::push) does; `snapshot` is absolute.
    pub fn push_work(&self, snapshot: PathBuf) -> impl FnOnce(&Task) -> Result<()> + Send + 'static {
        let inner = self.inner.clone();
        move |task| {
            let repository = inner.repository(task)?;
            push::run(&repository, &snapshot, &inner.choices(), task).map(drop)
        }
    }

    /// What the job of [`verify`](Self::verify) does.
    pub fn verify_work(&self, id: &str) -> impl FnOnce(&Task) -> Result<()> + Send + 'static {
        let (inner, id) = (self.inner.clone(), id.to_string());
        move |task| {
            let repository = inner.repository(task)?;
            let listed = Listed::read(&repository, None)?;
            verify(&repository, listed.find(&id, &repository)?, task)
        }
    }

    /// What [`fetch`](Self::fetch) and [`restore`](Self::restore) bring.
    pub fn supply(&self, id: &str) -> impl FnOnce(&Task) -> Result<Arc<dyn Supply>> + Send + 'static {
        let (inner, id) = (self.inner.clone(), id.to_string());
        move |task| {
            let repository = inner.repository(task)?;
            let listed = Listed::read(&repository, None)?;
            let (found, watch) = (listed.find(&id, &repository)?, task.watch());
            let brought = Brought::new(&repository, found, &|lost| watch.warn(lost))?;
            Ok(Arc::new(brought) as Arc<dyn Supply>)
        }
    }
}
