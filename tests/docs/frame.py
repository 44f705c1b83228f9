# What stands around a piece of Python in the documentation, so that it runs by itself.
# Arguments: a data directory, a root, an empty directory.
import sys as _sys
from pathlib import Path as _Path

import hotbackup

data, root, target = (_Path(argument) for argument in _sys.argv[1:4])
target = target / "restored"


def stop_writes(hook):
    pass


def resume_writes(hook):
    pass


with hotbackup.Coordinator(data, root=root, freeze=stop_writes, thaw=resume_writes) as _coordinator:
    snapshot = _coordinator.run().location

@top@

@body@
