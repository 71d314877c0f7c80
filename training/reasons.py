"""What an error says, in a form that fits into a sentence."""

from __future__ import annotations


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or the name of its type if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def reason(error: Exception) -> str:
    """Why a file or a device cannot be used, as part of a sentence: the system's words without the
    error's number and the path."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not a text file"
    text = (getattr(error, "strerror", None) or first_line(error)).rstrip(".")
    is_name = not text.split(" ")[0][1:].islower()  # or an abbreviation
    return text if is_name else text[:1].lower() + text[1:]
