"""The exception that ends a command with a sentence for its user, and what is needed to make such sentences."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)
IF_MERGED = "if it is part of a merge conflict, resolve that: see git status"


class Failure(Exception):
    """What is wrong and what to type, as one finished sentence: `what is wrong: 'value'; what to type`."""
