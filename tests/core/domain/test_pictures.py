"""Uploaded pictures: only what draws them is kept, and only pictures are taken."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, strategies

from core.domain.errors import BadInput
from core.domain.pictures import MOST_BYTES, clean


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int = 2, height: int = 1, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00" + b"\x10\x20\x30" * min(width, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def jpeg(*more: bytes, size: tuple[int, int] = (4, 3)) -> bytes:
    frame = segment(0xC0, struct.pack(">BHHB", 8, size[1], size[0], 1) + b"\x01\x11\x00")
    return b"\xff\xd8" + b"".join(more) + frame + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\x34" + b"\xff\xd9"


def test_what_a_camera_tells_is_left_out():
    where = segment(0xE1, b"Exif\x00\x00GPS 45.76 N 4.83 E")
    assert clean(jpeg(where, segment(0xFE, b"a comment"))) == ("jpeg", jpeg())
    assert clean(jpeg(segment(0xE0, b"JFIF\x00"))) == ("jpeg", jpeg(segment(0xE0, b"JFIF\x00")))
    assert clean(png(2, 1, chunk(b"tEXt", b"Author\x00Ana"), chunk(b"eXIf", b"GPS"))) == ("png", png())


def test_what_hides_behind_a_picture_is_left_out():
    assert clean(png() + b"<script>alert(1)</script>") == ("png", png())
    assert clean(jpeg() + b"PK\x03\x04") == ("jpeg", jpeg())


@pytest.mark.parametrize("content", [
    b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", png()[:40], jpeg()[:12],
    png().replace(b"IDAT", b"IDAX"), b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xd9", png(4000, 1),
    jpeg(size=(1, 4000)), png(0, 1), b"x" * (MOST_BYTES + 1),
], ids=range(13))  # fmt: skip
def test_what_is_no_picture_or_too_large_is_refused(content):
    with pytest.raises(BadInput) as refused:
        clean(content)
    assert refused.value.pointer == "/picture"


@given(strategies.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b""]), strategies.binary(max_size=200))
def test_no_bytes_break_it(begins, rest):
    try:
        kind, kept = clean(begins + rest)
    except BadInput:
        return
    assert kind in ("png", "jpeg")
    assert len(kept) <= len(begins + rest)
