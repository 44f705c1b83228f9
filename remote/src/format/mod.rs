//! restic's repository format, version 2: what each object holds, without asking where it lies.
