"""The root of every error that a person is meant to read."""


class FtchatError(Exception):
    """An error with one line for a person: what, where, what is allowed, the next step."""


class BadInput(FtchatError):
    """What the person handed over cannot be used: a file, a flag, a value."""


class NotAvailable(FtchatError):
    """A part that the work needs is not there: a model file, a package, a service."""
