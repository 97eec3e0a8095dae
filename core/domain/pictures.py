"""Pictures that people upload: JPEG or PNG, of a sensible size, and without anything that is not the picture.

Pure. What a camera writes beside a picture (where it was taken, on which phone) is left out, and so is whatever else
might hide in a file: only the pieces that draw it are kept. Source: the PNG specification (W3C, third edition, 5.6) and
ITU-T T.81 annex B.
"""

from __future__ import annotations

import struct
import zlib

from core.domain.errors import BadInput

MOST_BYTES = 400_000
LARGEST = 3000
"""Pixels along a side."""
_PNG = b"\x89PNG\r\n\x1a\n"
_DRAWS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"sRGB", b"cHRM"})
_FRAMES = frozenset({*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def clean(content: bytes) -> tuple[str, bytes]:
    """("png" or "jpeg", the picture alone). Raises `BadInput`, pointer `/picture`."""
    if len(content) > MOST_BYTES:
        raise BadInput("picture_too_large", pointer="/picture", most=MOST_BYTES // 1000)
    try:
        if content.startswith(_PNG):
            return "png", _png(content)
        if content.startswith(b"\xff\xd8\xff"):
            return "jpeg", _jpeg(content)
    except (struct.error, IndexError) as error:
        raise BadInput("picture_unreadable", pointer="/picture") from error
    raise BadInput("picture_unreadable", pointer="/picture")


def _png(content: bytes) -> bytes:
    kept, at, sized, drawn = [_PNG], len(_PNG), False, False
    while at < len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content) or zlib.crc32(content[at + 4 : end - 4]) != struct.unpack_from(">I", content, end - 4)[0]:
            raise BadInput("picture_unreadable", pointer="/picture")
        if name == b"IHDR":
            _fits(*struct.unpack_from(">II", content, at + 8))
            sized = True
        drawn |= name == b"IDAT"
        if name in _DRAWS:
            kept.append(content[at:end])
        at = end
        if name == b"IEND" and sized and drawn:
            return b"".join(kept)
    raise BadInput("picture_unreadable", pointer="/picture")


def _jpeg(content: bytes) -> bytes:
    kept, at, sized = [b"\xff\xd8"], 2, False
    while True:
        if content[at] != 0xFF:
            raise BadInput("picture_unreadable", pointer="/picture")
        marker = content[at + 1]
        if marker == 0xFF:  # a filler
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", content, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(content):
            raise BadInput("picture_unreadable", pointer="/picture")
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            _fits(width, height)
            sized = True
        # APP0 (JFIF) and APP14 (Adobe's colours) draw; other APPn and comments only tell.
        if not (0xE1 <= marker <= 0xED or marker in (0xEF, 0xFE)):
            kept.append(content[at:end])
        at = end
        if marker == 0xDA:
            last = content.rfind(b"\xff\xd9", at)
            if not sized or last < 0:
                raise BadInput("picture_unreadable", pointer="/picture")
            return b"".join([*kept, content[at : last + 2]])


def _fits(width: int, height: int) -> None:
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise BadInput("picture_too_wide", pointer="/picture", most=LARGEST)
