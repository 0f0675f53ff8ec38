"""The exception that ends a command with a sentence for its user, and what is needed to make such sentences."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)


class Failure(Exception):
    """What is wrong and what to type, as one finished sentence: `what is wrong: 'value'; what to type`."""
