//! File systems of a test's own, which need root.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::skip;

/// Something mounted, unmounted with the value.
pub struct Mounted(PathBuf);

impl Mounted {
    /// Mounts with these arguments; `None`, and the test is skipped: that is not possible here.
    pub fn new(arguments: &[&str], what: &Path, at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = succeeds(Command::new("mount").args(arguments).arg(what).arg(at));
        if !mounted {
            skip(&format!("mount {arguments:?} needs root and a kernel that can"));
        }
        mounted.then(|| Self(at.to_path_buf()))
    }

    /// A new file system of this kind.
    pub fn image(kind: &str, size: u64, at: &Path) -> Option<Self> {
        let image = at.with_extension(kind);
        File::create(&image).unwrap().set_len(size).unwrap();
        if !succeeds(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image)) {
            skip(&format!("there is no mkfs.{kind}"));
            return None;
        }
        Self::new(&["-o", "loop"], &image, at)
    }

    /// Memory.
    pub fn tmpfs(at: &Path) -> Option<Self> {
        Self::new(&["-t", "tmpfs"], Path::new("tmpfs"), at)
    }

    /// An overlay over what lies in `at`'s sibling `lower`, as in a container. What is written to it
    /// lies beside, on the same file system.
    pub fn overlay(at: &Path) -> Option<Self> {
        let beside = |name: &str| at.with_file_name(name);
        let [lower, upper, work] = ["lower", "upper", "work"].map(beside);
        [&lower, &upper, &work].into_iter().for_each(|made| fs::create_dir_all(made).unwrap());
        let layers =
            format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
        Self::new(&["-t", "overlay", "-o", &layers], Path::new("overlay"), at)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = succeeds(Command::new("umount").arg(&self.0));
    }
}

/// Whether a command does, silently.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
