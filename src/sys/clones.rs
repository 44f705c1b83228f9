//! Whether a file system makes clones of files (reflinks), as far as can be told without making one.

use std::os::fd::AsFd;

use rustix::fs as rfs;
use rustix::ioctl::{Getter, ioctl, opcode};

const BTRFS: i64 = 0x9123_683E;
const XFS: i64 = 0x5846_5342;
const BCACHEFS: i64 = 0xca45_1a4e;

/// Whether a directory is on one that does.
pub fn makes_clones(directory: impl AsFd) -> bool {
    let Ok(stat) = rfs::fstatfs(&directory) else { return false };
    #[allow(clippy::unnecessary_cast)] // its type differs between architectures
    match stat.f_type as i64 {
        BTRFS | BCACHEFS => true,
        XFS => xfs_does(directory),
        _ => false,
    }
}

/// The kernel's `struct xfs_fsop_geom_v1`, of which only the flags are looked at.
#[repr(C, align(8))]
struct Geometry {
    before: [u32; 23],
    flags: u32,
    after: [u32; 4],
}

/// It depends on how one was made.
fn xfs_does(directory: impl AsFd) -> bool {
    const REFLINK: u32 = 1 << 20;
    type Get = Getter<{ opcode::read::<Geometry>(b'X', 100) }, Geometry>;
    // SAFETY: XFS_IOC_FSGEOMETRY_V1, which fills a structure of this size and alignment.
    let geometry = unsafe { ioctl(directory, Get::new()) };
    geometry.is_ok_and(|geometry| geometry.flags & REFLINK != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_geometry_has_the_size_that_the_kernel_fills() {
        assert_eq!(size_of::<Geometry>(), 112);
        assert_eq!(std::mem::offset_of!(Geometry, flags), 92);
    }
}
