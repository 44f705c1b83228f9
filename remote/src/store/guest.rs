//! The guest: one thread that owns the client and makes all requests, up to `connections` at once. Whoever asks is
//! a plain thread, and waits. A client that is used from a second runtime can stand still, so nobody else has it.

use std::pin::Pin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hotbackup::{Code, Error, Result};
use tokio::sync::{mpsc, oneshot};

use super::watch::Watch;

/// How often one who waits looks whether his job is to end.
const LOOK: Duration = Duration::from_millis(100);

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Request<B> = Box<dyn FnOnce(Arc<B>) -> Work + Send>;

/// What callers say, by a channel of the standard library: it has no descriptor.
enum Message<B> {
    Ask(Request<B>),
    Stop(oneshot::Sender<()>),
}

/// The thread. It ends when the last of those who know it is gone.
pub(super) struct Guest<B> {
    door: Option<Sender<Message<B>>>,
    slots: Arc<Slots>,
    thread: Option<JoinHandle<Result<()>>>,
}

/// Starts the thread of a guest.
fn spawn_guest(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<JoinHandle<Result<()>>> {
    hotbackup::extension::spawn(work)
}

impl<B: Send + Sync + 'static> Guest<B> {
    /// Starts a guest that makes what it works with by itself.
    pub fn start(connections: usize, open: impl FnOnce() -> Result<B> + Send + 'static) -> Result<Self> {
        let (door, said) = channel();
        let (opened, is_open) = sync_channel(1);
        let thread = spawn_guest(move || serve(connections, open, opened, said))?;
        let gone = |_| Error::new(Code::Internal, "the thread that talks to the store is gone");
        is_open.recv().map_err(gone)??;
        Ok(Self { door: Some(door), slots: Slots::new(connections), thread: Some(thread) })
    }

    /// Has something done. It waits while too much is under way, and no longer than the watch lets it.
    pub fn ask<T, F>(
        self: &Arc<Self>,
        watch: &Arc<dyn Watch>,
        work: impl FnOnce(Arc<B>) -> F + Send + 'static,
    ) -> Result<Reply<B, T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let slot = self.slots.take(watch.as_ref())?;
        let (sender, answer) = sync_channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let request: Request<B> = Box::new(move |backend| {
            Box::pin(async move {
                let done = unless_stopped(work(backend), stopped).await;
                drop(slot);
                if let Some(result) = done {
                    let _ = sender.send(result);
                }
            })
        });
        self.say(Message::Ask(request));
        Ok(Reply { answer, stop: Some(stop), watch: Arc::clone(watch), guest: Arc::clone(self) })
    }
}

impl<B> Guest<B> {
    fn say(&self, message: Message<B>) {
        if let Some(door) = &self.door {
            let _ = door.send(message);
        }
    }
}

impl<B> Drop for Guest<B> {
    fn drop(&mut self) {
        self.door = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve<B: Send + Sync + 'static>(
    connections: usize,
    open: impl FnOnce() -> Result<B>,
    opened: SyncSender<Result<()>>,
    said: Receiver<Message<B>>,
) -> Result<()> {
    // The others are for names that are looked up, for files, and for those who wait for a rate.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(connections + 4)
        .thread_keep_alive(Duration::from_secs(2))
        .build()
        .map_err(|error| Error::system("making the store's runtime", error))?;
    let backend = {
        let _inside = runtime.enter();
        match open() {
            Ok(backend) => Arc::new(backend),
            Err(error) => {
                let _ = opened.send(Err(error));
                return Ok(());
            }
        }
    };
    // A runtime is woken by a write to its descriptor. On a caller's thread that number is another file of the
    // host's: so this thread, which shares the guest's table, says to the runtime what callers say to it.
    let (requests, mut taken) = mpsc::unbounded_channel();
    let doorman = std::thread::Builder::new().name("hotbackup-door".into()).spawn(move || {
        for message in said {
            match message {
                Message::Ask(request) => drop(requests.send(request)),
                Message::Stop(stop) => drop(stop),
            }
        }
    });
    let doorman = doorman.map_err(|error| Error::system("starting the store's thread", error))?;
    let _ = opened.send(Ok(()));
    runtime.block_on(async {
        while let Some(request) = taken.recv().await {
            drop(tokio::spawn(request(Arc::clone(&backend))));
        }
    });
    let _ = doorman.join();
    // A call that hangs in the kernel is left behind; nobody waits for it any more.
    runtime.shutdown_background();
    Ok(())
}

/// The result of `work`, or nothing as soon as nobody waits for it: then it is dropped where it stands.
async fn unless_stopped<T>(work: impl Future<Output = T>, mut stopped: oneshot::Receiver<()>) -> Option<T> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(move |cx| {
        if let std::task::Poll::Ready(done) = work.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(done));
        }
        Pin::new(&mut stopped).poll(cx).map(|_| None)
    })
    .await
}

/// What was asked for, as soon as it is there. Dropped, it is given up.
pub(super) struct Reply<B, T> {
    answer: Receiver<Result<T>>,
    stop: Option<oneshot::Sender<()>>,
    watch: Arc<dyn Watch>,
    guest: Arc<Guest<B>>,
}

impl<B, T> Drop for Reply<B, T> {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            self.guest.say(Message::Stop(stop));
        }
    }
}

impl<B, T> Reply<B, T> {
    pub fn wait(self) -> Result<T> {
        loop {
            match self.answer.recv_timeout(LOOK) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => self.watch.check()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(Code::Internal, "a request to the store ended without a result"));
                }
            }
        }
    }
}

/// How many requests may still begin.
struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

struct Slot(Arc<Slots>);

impl Slots {
    fn new(number: usize) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(number), freed: Condvar::new() })
    }

    fn take(self: &Arc<Self>, watch: &dyn Watch) -> Result<Slot> {
        watch.check()?;
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free == 0 {
            let (guard, timeout) =
                self.freed.wait_timeout(free, LOOK).unwrap_or_else(PoisonError::into_inner);
            free = guard;
            if timeout.timed_out() {
                watch.check()?;
            }
        }
        *free -= 1;
        Ok(Slot(Arc::clone(self)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
