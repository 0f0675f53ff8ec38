"""The exception that ends a command with a sentence for its user, and the system errors that say a disk is full."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)


class Failure(Exception):
    """What is wrong and what to type, as one finished sentence: `what is wrong: 'value'; what to type`."""
