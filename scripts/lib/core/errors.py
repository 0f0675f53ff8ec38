"""The one exception that a command ends with."""


class Failure(Exception):
    """What is wrong and what to type, as one finished sentence: `what is wrong: 'value'; what to type`."""
