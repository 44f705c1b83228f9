//! Writes the C header and names the shared library; idle without the C API.

use std::error::Error;

#[cfg(feature = "capi")]
#[path = "build/header.rs"]
mod header;

#[cfg(feature = "capi")]
const SONAME: &str = "libhotbackup.so.0";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "capi")]
    c_api()?;
    Ok(())
}

#[cfg(feature = "capi")]
fn c_api() -> Result<(), Box<dyn Error>> {
    use std::env;
    use std::fs;
    use std::path::PathBuf;

    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let header = PathBuf::from(env::var("OUT_DIR")?).join("hotbackup.h");
    fs::write(
        &header,
        header::text(&package.join("src/ffi"), "hotbackup.h.in", &package.join("cbindgen.toml"))?,
    )?;

    for input in ["build", "cbindgen.toml", "src/ffi"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rustc-env=HOTBACKUP_GENERATED_HEADER={}", header.display());
    // Not only to the shared library, but of no effect on programs: what is for a cdylib goes on to each cdylib that
    // is built upon this crate, whose name it would be.
    println!("cargo:rustc-link-arg=-Wl,-soname,{SONAME}");
    Ok(())
}
