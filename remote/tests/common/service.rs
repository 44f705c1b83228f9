//! Servers that the tests start: installed once for all test programs, ended with the program that started
//! them, however that ends.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};

/// Runs the server `"$@"` with its data in `$PLACE`, until standard input ends: our end of that pipe is closed
/// by the kernel, whatever happens to us.
const GUARD: &str = r#"exec 3<&0
"$@" </dev/null 3<&- & server=$!
cat <&3 >/dev/null
kill "$server" 2>/dev/null
for _ in $(seq 50); do kill -0 "$server" 2>/dev/null || break; sleep .1; done
kill -9 "$server" 2>/dev/null
rm -rf "$PLACE""#;

/// A server under its guard.
pub struct Service {
    guard: Child,
    log: PathBuf,
}

impl Service {
    /// Starts a server.
    pub fn start(command: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::guarded(GUARD, command, environment)
    }

    /// The same with a script of its own, which waits for the end of its standard input and then removes
    /// `$PLACE`.
    pub fn guarded(script: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory").keep();
        let log = place.join("server.log");
        let file = File::create(&log).expect("a log");
        let mut command = Command::new("bash");
        command.args(["-c", script, "guard"]).args(arguments).envs(environment.iter().copied());
        command.env("PLACE", &place).current_dir(&place);
        command.stdin(Stdio::piped()).stdout(file.try_clone().expect("a log")).stderr(file);
        // Ctrl-C is for the tests; the guard ends when they have.
        let guard = command.process_group(0).spawn().expect("bash is there");
        Self { guard, log }
    }

    /// Waits until it takes connections.
    pub fn is_up(&mut self, address: SocketAddr, limit: Duration) -> Result<(), String> {
        self.until(limit, |_| TcpStream::connect(address).is_ok())
    }

    /// Waits until its log says this.
    pub fn has_said(&mut self, words: &str, limit: Duration) -> Result<(), String> {
        self.until(limit, |service| service.log().contains(words))
    }

    fn until(&mut self, limit: Duration, is_so: impl Fn(&Self) -> bool) -> Result<(), String> {
        let since = Instant::now();
        while !is_so(self) {
            let ended = self.guard.try_wait().expect("our child");
            if ended.is_some() || since.elapsed() > limit {
                return Err(format!("no server after {:?} ({ended:?}):\n{}", since.elapsed(), self.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The directory that it runs in, which goes with it.
    pub fn place(&self) -> &Path {
        self.log.parent().expect("a directory")
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

pub fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port that nothing listens on, nor on those at these distances from it. Below the ports that the kernel
/// gives to whoever connects, so that none of those takes it before the server does.
pub fn free_port(distances: &[u16]) -> u16 {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").subsec_nanos();
    let asked = ASKED.fetch_add(1, Ordering::Relaxed);
    let mut random =
        super::Random::new(u64::from(now ^ std::process::id().rotate_left(16)) + u64::from(asked));
    let is_free = |port: u16| TcpListener::bind(local(port)).is_ok();
    (0..1000)
        .map(|_| 12_000 + random.below(16_000) as u16)
        .find(|port| is_free(*port) && distances.iter().all(|distance| is_free(port + distance)))
        .expect("a free port")
}

/// A directory of tools beside the build, filled once: `install` fills an empty directory, and what it made is
/// kept for all test programs and later runs. Others wait meanwhile.
pub fn installed(name: &str, install: impl FnOnce(&Path) -> Result<(), String>) -> Result<PathBuf, String> {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (place, done) = (tools.join(name), tools.join(format!("{name}.installed")));
    let lock = File::create(tools.join(format!("{name}.lock"))).map_err(|error| error.to_string())?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| error.to_string())?;
    if !done.exists() {
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        install(&place)?;
        File::create(&done).map_err(|error| error.to_string())?;
    }
    Ok(place)
}

/// Runs a step of an installation.
pub fn step(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}
