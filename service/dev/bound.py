"""Become a server that dies with its parent: `bound.py PARENT SIGNAL UID GID PROGRAM ARGUMENTS...`.

Executed by `process.py` as a file of its own, never imported: it starts in ten milliseconds with the
standard library alone, and after the switch of user it could not read the rest of the project anyway.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, death_signal: int, uid: int, gid: int, argv: list[str]) -> None:
    libc = ctypes.CDLL(None)
    if os.geteuid() != uid:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    # After the switch of user, which would clear it; and the parent may be gone already.
    libc.prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() == parent:
        os.execv(argv[0], argv)


if __name__ == "__main__":
    parent, death_signal, uid, gid = map(int, sys.argv[1:5])
    main(parent, death_signal, uid, gid, sys.argv[5:])
