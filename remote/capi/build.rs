//! Writes the C header and names the shared library.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

#[path = "../../build/header.rs"]
mod header;

const SONAME: &str = "libhotbackup_remote.so.0";

fn main() -> Result<(), Box<dyn Error>> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let header = PathBuf::from(env::var("OUT_DIR")?).join("hotbackup_remote.h");
    let config = package.join("cbindgen.toml");
    fs::write(&header, header::text(&package.join("src"), "hotbackup_remote.h.in", &config)?)?;

    for input in ["build.rs", "src", "../../build", "cbindgen.toml"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rustc-env=HOTBACKUP_GENERATED_HEADER={}", header.display());
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    // What the crates inside have for C (in a build of the whole workspace libhotbackup's functions) stays inside.
    println!("cargo:rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    Ok(())
}
