"""Errors meant for the person at the screen."""


class UserError(Exception):
    """Something the user can mend. Its text is one or two whole sentences: what is wrong, and
    what to do; they are shown as they are, without a traceback."""


class SupersededError(Exception):
    """A picture was abandoned because a newer one is wanted."""
