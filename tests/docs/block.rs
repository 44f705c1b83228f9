//! The blocks of code in the README and in docs/.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::library::package;

/// What stands between two fences.
pub struct Block {
    file: PathBuf,
    line: usize,
    /// What the fence says.
    pub language: String,
    /// The lines between the fences.
    pub text: String,
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

impl Block {
    /// Whether it is a program of its own.
    pub fn is_whole(&self) -> bool {
        ["int main(", "package main", "__name__ == ", "sys.argv"].iter().any(|sign| self.text.contains(sign))
    }

    /// A program: the block itself, or in its language's frame, where declarations have a place of
    /// their own.
    pub fn program(&self, extension: &str) -> String {
        if self.is_whole() {
            return self.text.clone();
        }
        let frame = fs::read_to_string(package().join("tests/docs/frame").with_extension(extension))
            .unwrap_or_else(|error| panic!("{self} is no program, and there is no frame for it: {error}"));
        let declares = self
            .text
            .lines()
            .any(|line| ["static ", "#include ", "func "].iter().any(|start| line.starts_with(start)));
        let (top, body) = if declares { (self.text.as_str(), "") } else { ("", self.text.as_str()) };
        frame.replace("@top@", top).replace("@body@", body)
    }
}

/// The README, what lies in docs/, and the bindings' own.
pub fn documents() -> Vec<PathBuf> {
    let mut documents: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "packaging/README.md"]
            .into_iter()
            .chain(["bindings/python/README.md", "bindings/go/README.md", "bindings/go/hosts/README.md"])
            .map(|name| package().join(name))
            .collect();
    for file in fs::read_dir(package().join("docs")).expect("docs is there") {
        let path = file.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    documents
}

/// All blocks of all documents.
pub fn all_blocks() -> Vec<Block> {
    documents().into_iter().flat_map(blocks_of).collect()
}

/// All blocks in a language; there is at least one.
pub fn in_language(language: &str) -> impl Iterator<Item = Block> {
    let blocks: Vec<Block> = all_blocks().into_iter().filter(|block| block.language == language).collect();
    assert!(!blocks.is_empty(), "the documentation has no block in {language}");
    blocks.into_iter()
}

/// What stands outside of the fences.
pub fn prose(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.split("```").step_by(2).collect()
}

fn blocks_of(file: PathBuf) -> Vec<Block> {
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                let file = file.strip_prefix(package()).expect("a document of ours").to_path_buf();
                blocks.push(Block { file, line: number + 1, language: language.into(), text: String::new() });
            }
            None if inside => {
                let block = blocks.last_mut().expect("a fence was seen");
                block.text += line;
                block.text.push('\n');
            }
            None => {}
        }
    }
    blocks
}
