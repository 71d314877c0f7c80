"""Errors meant for the person at the screen."""


class UserError(Exception):
    """Something that the user can put right. Its text is one or two whole sentences that say what
    is wrong and what to do; it is shown without a traceback."""

    option = ""
    """The option that puts it right on the command line, if there is one."""


class SupersededError(Exception):
    """A picture was abandoned because a newer one was requested."""
