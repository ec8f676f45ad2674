"""One file from the first mirror that delivers it whole; only a verified file gets its name."""

from __future__ import annotations

import dataclasses
import hashlib
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from ccnn_pc._files import written_whole

Check = Callable[[Path, Mapping[str, str]], None]
"""Looks at a file and its digests (md5, sha256) and raises ValueError if it is the wrong one."""


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file that can be fetched and checked.

    Attributes:
        file: its name.
        mirrors: addresses, tried in order.
        md5: published checksum.
    """

    file: str
    mirrors: tuple[str, ...]
    md5: str

    def check(self, path: Path, digests: Mapping[str, str]) -> None:
        """Compare the checksum.

        Raises:
            ValueError: another one.
        """
        if digests["md5"] != self.md5:
            raise ValueError(f"its md5 is {digests['md5']}, not {self.md5}")


def fetch(folder: Path, file: str, mirrors: Sequence[str], check: Check, advice: str, timeout: float) -> Path:
    """Fetch ``file`` into ``folder`` unless it is there.

    Args:
        folder: made where missing.
        file: name it gets.
        mirrors: addresses, tried in order.
        check: raises ValueError for a wrong file.
        advice: what to do by hand, for the message.
        timeout: seconds without an answer.

    Raises:
        FileNotFoundError: no mirror delivered it; the message tells what each said, and ``advice``.
    """
    target = folder / file
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for address in mirrors:
        try:
            with written_whole(target) as hidden:
                with open(hidden, "wb") as out:
                    digests = _receive(address, out, timeout)
                check(hidden, digests)
            return target
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            failures.append(f"  {address}: {error}")
    raise FileNotFoundError(f"'{file}' could not be downloaded:\n" + "\n".join(failures) + f"\n{advice}")


def _receive(address: str, out: IO[bytes], timeout: float) -> dict[str, str]:
    md5, sha = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with urllib.request.urlopen(address, timeout=timeout) as answer:
        while block := answer.read(1 << 20):
            out.write(block)
            md5.update(block)
            sha.update(block)
    return {"md5": md5.hexdigest(), "sha256": sha.hexdigest()}
