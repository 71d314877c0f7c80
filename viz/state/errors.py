"""Errors meant for the person at the screen."""

from collections.abc import Iterable


class UserError(Exception):
    """Something that the user can put right. Its text is one or two whole sentences that say what
    is wrong and what to do; it is shown without a traceback."""

    option = ""
    """The option that puts it right on the command line, if there is one."""


def require_none(problems: Iterable[str]) -> None:
    """Does nothing if there are no problems.

    Raises:
        UserError: with the sentences on all of them, each once.
    """
    if found := list(dict.fromkeys(problems)):
        raise UserError(" ".join(found))


class SupersededError(Exception):
    """A picture was abandoned because a newer one was requested."""
