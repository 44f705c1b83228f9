//! The C header, made of the sources of the C API.
//!
//! cbindgen puts all constants first, then all types, then all functions. A header that reads well
//! goes noun by noun, so each noun's source is given to cbindgen on its own, and
//! a template, `src/ffi/hotbackup.h.in`, says where its declarations go.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use cbindgen::{Builder, Config, ItemType};

/// The template beside the sources, with each line `@types@` or `@<noun>@` replaced by its declarations.
pub fn text(sources: &Path, template: &str, config: &Path) -> Result<String, Box<dyn Error>> {
    let config = Config::from_file(config)?;
    let template = fs::read_to_string(sources.join(template))?;
    let mut header = String::new();
    for line in template.lines() {
        match line.strip_prefix('@').and_then(|line| line.strip_suffix('@')) {
            Some("types") => header += &types(sources, &config)?,
            Some(noun) => header += &of_noun(&sources.join(noun).with_extension("rs"), &config)?,
            None => header += line,
        }
        header.push('\n');
    }
    Ok(header)
}

/// The handles, structs and function types of all nouns.
fn types(sources: &Path, config: &Config) -> Result<String, Box<dyn Error>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(sources)? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    let kinds = [ItemType::OpaqueItems, ItemType::Structs, ItemType::Typedefs];
    declarations(&files, config, kinds.to_vec())
}

/// The constants and functions of one noun.
fn of_noun(source: &Path, config: &Config) -> Result<String, Box<dyn Error>> {
    declarations(&[source.to_path_buf()], config, vec![ItemType::Constants, ItemType::Functions])
}

fn declarations(files: &[PathBuf], config: &Config, kinds: Vec<ItemType>) -> Result<String, Box<dyn Error>> {
    let mut config = config.clone();
    config.export.item_types = kinds;
    let builder = files.iter().fold(Builder::new().with_config(config), Builder::with_src);
    let mut text = Vec::new();
    builder.generate()?.write(&mut text);
    Ok(String::from_utf8(text)?.trim().to_owned())
}
