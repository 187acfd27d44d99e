"""A file as bytes in memory-mapped pages, compressed or not, that may be far larger than memory."""

from __future__ import annotations

import mmap
import tempfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

_PIECE = 1 << 20


class PlainFile:
    """The content of a file; one that is compressed by gzip is unpacked into a temporary file (in TMPDIR).

    :param path: of the file.
    :raises ValueError: there is no such file, or it is empty; names it.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ValueError(f'{path}: there is no such file')
        self.path = path
        self.problem = ''
        """What was wrong with the compression; empty if nothing was."""
        handle: IO[bytes] = path.open('rb')
        if handle.read(2) == b'\x1f\x8b':
            handle.seek(0)
            handle = self._unpacked(handle)
        if not handle.seek(0, 2):
            raise ValueError(f'{path}: the file is empty' + (f' ({self.problem})' if self.problem else ''))
        self.buffer = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        handle.close()
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(self.buffer, dtype=np.uint8)

    def _unpacked(self, packed: IO[bytes]) -> IO[bytes]:
        """All that can be unpacked, of files of several members too."""
        plain: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as its pages
        member: Any = None
        with packed:
            while piece := packed.read(_PIECE):
                while piece:
                    member = member or zlib.decompressobj(zlib.MAX_WBITS | 16)
                    try:
                        plain.write(member.decompress(piece))
                    except zlib.error as error:
                        self.problem = f'gzip damaged before byte {packed.tell()}: {error}'
                        return plain
                    piece = member.unused_data if member.eof else b''
                    member = None if member.eof else member
        if member is not None:
            self.problem = 'the gzip file is cut off'
        plain.flush()
        return plain

    def forget(self) -> None:
        """Give back the pages that were read: they count as memory of the process until then."""
        if hasattr(mmap, 'MADV_DONTNEED'):
            self.buffer.madvise(mmap.MADV_DONTNEED)
