"""Why a file cannot be used, as part of a sentence."""

import pytest

from training.reasons import reason


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "a/b"), "permission denied"),
        (OSError("Cannot identify the file."), "cannot identify the file"),
        (OSError(5, "I/O error"), "I/O error"),
        (OSError(5, "EIO"), "EIO"),
        (ValueError("First line.\nSecond line."), "first line"),
        (TimeoutError(), "TimeoutError"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "it is not a text file"),
    ],
)
def test_the_reason_continues_a_sentence(error: Exception, words: str) -> None:
    assert reason(error) == words
