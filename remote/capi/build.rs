//! Names the shared library.

const SONAME: &str = "libhotbackup_remote.so.0";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    // What the crates inside have for C (in a build of the whole workspace libhotbackup's functions) stays inside.
    println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
}
