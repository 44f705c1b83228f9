//! Kinds of failure: the exit code of each, its name in JSON, and what to do about it.

use hotbackup::Code;

/// What kind of failure it was. The exit codes are promised in `docs/command.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the library says.
    Library(Code),
    /// It would have destroyed something, and nobody said yes.
    Refused,
    /// An examination has found something that is wrong.
    Found,
}

impl Kind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Library(code) => match code {
                Code::InvalidArgument => 2,
                Code::NotFound => 3,
                Code::Conflict => 4,
                Code::NoSpace => 5,
                Code::Corrupt => 6,
                Code::Io => 7,
                Code::HookFailed | Code::FreezeTimeout => 8,
                Code::SourceChanged => 9,
                Code::RestoreUnfinished => 10,
                Code::Unsupported => 11,
                Code::Unauthorized => 14,
                Code::Unreachable => 15,
                Code::Cancelled => 130,
                // A defect, and what a later library may add.
                _ => 1,
            },
            Kind::Refused => 12,
            Kind::Found => 13,
        }
    }

    /// Its name in JSON: that of the C header, without its prefix.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Library(code) => code.name(),
            Kind::Refused => "REFUSED",
            Kind::Found => "FOUND",
        }
    }

    /// What to do about it, where nothing better is known.
    pub fn to_do(self) -> Option<&'static str> {
        let Kind::Library(code) = self else { return None };
        Some(match code {
            Code::InvalidArgument => "`hotbackup help` and the command's name show what it takes",
            Code::NotFound => "look at the path, and whether its disk is mounted",
            Code::Conflict => "wait until the other has ended, or stop it, and try again",
            Code::NoSpace => "make room there, with `hotbackup prune` for one, and try again",
            Code::Corrupt => "use another snapshot; `hotbackup verify --all` says which are good",
            Code::Io => "look at that path, its permissions and its disk (dmesg), and try again",
            Code::HookFailed => "mend what the command says, and try again",
            Code::FreezeTimeout => "make the freeze shorter, or give a longer --freeze-timeout",
            Code::SourceChanged => "stop whoever writes there, or give --freeze-cmd and --thaw-cmd",
            Code::RestoreUnfinished => "run `hotbackup recover` on that directory first",
            Code::Unauthorized => "look at the credentials and at what they may do there",
            Code::Unreachable => "look at the network and the endpoint, and try again: what was sent is kept",
            Code::Internal => "this is a defect of hotbackup: please report it with this line",
            _ => return None,
        })
    }
}

/// The exit codes, as the help shows them.
pub const HELP: &str = "\
Exit codes:
    0  done
    1  a defect of hotbackup
    2  the command line is wrong
    3  a directory, a root or a snapshot is not there
    4  something else is at work there: a backup, a restore, a running host
    5  a disk or quota is full, or would be below --min-free
    6  a snapshot is corrupt
    7  a system call failed
    8  a hook command failed, or the freeze took too long
    9  a source file changed while it was read
   10  an interrupted restore must be recovered first
   11  this system, file system or build cannot do it
   12  it would destroy something, and nobody said yes
   13  `doctor` or `remote probe` has found something that is wrong
   14  a store refuses the credentials, or they may do too little
   15  a store cannot be reached
  130  cancelled, by Ctrl-C for one";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_exit_code() {
        // No command ends with a wait that was too short.
        let ends = Code::ALL.into_iter().filter(|code| *code != Code::Timeout);
        for kind in ends.map(Kind::Library).chain([Kind::Refused, Kind::Found]) {
            let code = format!("{:>5}  ", kind.exit_code());
            assert!(HELP.lines().any(|line| line.starts_with(&code)), "{kind:?}");
        }
    }
}
