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
    fs::write(&header, header::text(&package)?)?;

    for input in ["build", "cbindgen.toml", "src/ffi"] {
        println!("cargo:rerun-if-changed={input}");
    }
    println!("cargo:rustc-env=HOTBACKUP_GENERATED_HEADER={}", header.display());
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,{SONAME}");
    Ok(())
}
