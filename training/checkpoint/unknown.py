"""Guesses what a file that is not a checkpoint is, for the error message."""

from __future__ import annotations


def describe(head: bytes) -> str:
    """A sentence about a file of no known format that starts with `head`, and what to do."""
    again = "Download the checkpoint again."
    if not head:
        return f"the file is empty. {again}"
    if not head.strip(b"\0"):
        return f"the file starts with nothing but zeros: its download was never finished. {again}"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")):
        return f"this is a web page, not a checkpoint: the download failed. {again}"
    if start.startswith(b"version https://git-lfs"):
        return (
            "this is a Git LFS pointer, not the checkpoint itself. Run 'git lfs pull', or download "
            "the file from the project's page."
        )
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")):
        return "this is a compressed archive. Unpack it and choose the checkpoint in it."
    known = "It must be a checkpoint of this program, a PV3D .ckpt or an EG3D .pkl."
    if _is_text(head):
        return f"this is a text file, not a checkpoint. {known}"
    return f"it is of no known format. {known}"


def _is_text(head: bytes) -> bool:
    # The head may end within a character.
    text = head.decode("utf-8", errors="ignore")
    return len(text.encode()) > len(head) - 4 and all(c.isprintable() or c.isspace() for c in text)
