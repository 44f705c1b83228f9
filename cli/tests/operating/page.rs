//! The page as a list of commands with what each printed.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Page {
    path: PathBuf,
    parts: Vec<Part>,
}

/// A line of prose or of a fence, or a command.
enum Part {
    Line(String),
    Step(Step),
}

/// A command, its further lines after `> `, and what it printed.
#[derive(Clone)]
pub struct Step {
    pub line: usize,
    pub command: String,
    pub output: String,
}

impl Page {
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("the page is there");
        let mut parts = Vec::new();
        let mut typed = false;
        for (number, line) in text.lines().enumerate() {
            if line.starts_with("```") {
                typed = line == "```console";
            } else if let (true, Some(command)) = (typed, line.strip_prefix("$ ")) {
                let step = Step { line: number + 1, command: command.into(), output: String::new() };
                parts.push(Part::Step(step));
                continue;
            } else if typed {
                let Some(Part::Step(step)) = parts.last_mut() else { panic!("no command before: {line}") };
                match line.strip_prefix("> ").filter(|_| step.output.is_empty()) {
                    Some(more) => step.command += &format!("\n{more}"),
                    None => step.output += &format!("{line}\n"),
                }
                continue;
            }
            parts.push(Part::Line(line.into()));
        }
        Self { path: path.into(), parts }
    }

    /// The numbers of the commands below this heading.
    pub fn steps_of(&self, section: &str) -> impl Iterator<Item = usize> {
        let mut inside = false;
        let heading = format!("## {section}");
        self.parts.iter().enumerate().filter_map(move |(at, part)| match part {
            Part::Line(line) if line.starts_with("## ") => {
                inside = *line == heading;
                None
            }
            Part::Line(_) => None,
            Part::Step(_) => inside.then_some(at),
        })
    }

    pub fn step(&self, at: usize) -> Step {
        match &self.parts[at] {
            Part::Step(step) => step.clone(),
            Part::Line(line) => panic!("no command: {line}"),
        }
    }

    /// Gives a command another output.
    pub fn prints(&mut self, at: usize, output: &str) {
        if let Part::Step(step) = &mut self.parts[at] {
            step.output = output.into();
        }
    }

    pub fn write(&self) {
        let text: String = self.parts.iter().map(Part::text).collect();
        fs::write(&self.path, text).expect("the page can be written");
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Self::Line(line) => format!("{line}\n"),
            Self::Step(step) => format!("$ {}\n{}", step.command.replace('\n', "\n> "), step.output),
        }
    }
}
