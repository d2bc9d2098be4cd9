"""What a user is shown of a fault: one sentence with what was found, what was expected and what to do next."""

from __future__ import annotations

import errno
import os
import re

_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk is used up",
    errno.EFBIG: "it would exceed the largest size allowed for a file",
}
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class UserError(Exception):
    """A fault of the input or the configuration: what was found, what was expected, what to do next."""


def explain_files(error: BaseException | None) -> str:
    """Say in one sentence that a disk is full or a file may not be touched; "" for any other error.

    HDF5 gives the system's error number in the text of its own error only, often as the cause of another one.
    """
    while error is not None:
        number, file = getattr(error, "errno", None), getattr(error, "filename", None)
        system = re.search(r"filename = '(?P<file>[^']*)'.*?errno = (?P<number>\d+)", str(error), re.DOTALL)
        if system:
            number, file = int(system["number"]), system["file"]
        if number in _FULL:
            where = file or "the results"
            return f"{where} could not be written: {_FULL[number]}. Make room there, then run again: it goes on here."
        if number in _CLOSED:
            where = file or "a file"
            return f"{where} may not be touched: {os.strerror(number)}. Choose a --directory that you may write to."
        error = error.__cause__ or error.__context__
    return ""
