"""Small file systems for stores: one in memory, or one of ext4 in a file, which a fault fills up or breaks.

A disk of ext4 becomes read-only as a real one does after an error: at once, also for files that are open. It
must then be checked and mounted anew, for which everybody has to let go of it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from chaos.stage import Stage

_MEGABYTE: Final = 1 << 20
_PIECES: Final = (_MEGABYTE, 65536, 4096)
_FILLER: Final = "filler"
_PROBE: Final = "probe"
_MEMORY: Final = Path("/dev/shm")
_PLACES: Final = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def breaking_obstacle() -> str:
    """Return the reason why a disk that breaks cannot be made here; empty if it can."""
    if not shutil.which("mkfs.ext4", path=_PLACES):
        return "there is no program mkfs.ext4"
    kinds = Path("/proc/filesystems").read_text(encoding="utf-8")
    if "\text4\n" not in kinds or not Path("/dev/loop-control").exists():
        return "the kernel mounts no ext4 from a file"
    return ""


class Disk:
    """A file system of its own, until the stage closes.

    Args:
        stage: Removes it.
        megabytes: Its size.
        kind: tmpfs, or ext4 for one that can break.

    Attributes:
        folder: Where it is mounted; everybody may pass through.
    """

    def __init__(self, stage: Stage, megabytes: int, kind: str = "tmpfs") -> None:
        memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
        base = Path(tempfile.mkdtemp(prefix="df-disk-", dir=memory))
        base.chmod(0o755)
        self.folder = base / "disk"
        self._image = base / "image"
        self._megabytes = megabytes
        self._kind = kind
        stage.leftovers.add("folder", str(base))
        stage.leftovers.add("mount", str(base))
        self.folder.mkdir()
        # Programs that have mounts of their own let go of the disk, too, when it is unmounted here.
        _run("mount", "--bind", str(base), str(base))
        _run("mount", "--make-shared", str(base))
        if kind == "ext4":
            with self._image.open("wb") as image:
                image.truncate(megabytes * _MEGABYTE)
            _run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        self._mount()
        stage.at_end(lambda: _remove(base))

    @property
    def free_bytes(self) -> int:
        use = os.statvfs(self.folder)
        return use.f_bavail * use.f_frsize

    def fill(self, spare_bytes: int = 0) -> int:
        """Fill the disk but for so many bytes; return the size of what fills it."""
        size = 0
        with (self.folder / _FILLER).open("wb") as file:
            for piece in _PIECES:
                with contextlib.suppress(OSError):
                    while self.free_bytes - piece >= spare_bytes:
                        os.posix_fallocate(file.fileno(), size, piece)
                        size += piece
        return size

    def empty(self) -> None:
        """Remove what fills the disk."""
        (self.folder / _FILLER).unlink(missing_ok=True)

    def break_down(self) -> None:
        """Have the kernel find an error in the file system, so that it becomes read-only."""
        device = _run("findmnt", "--noheadings", "--output", "SOURCE", str(self.folder)).strip()
        Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error").write_text("chaos", encoding="utf-8")

    def refuses_writes(self) -> bool:
        """Return True if the file system is read-only; it may say otherwise of itself."""
        probe = self.folder / _PROBE
        try:
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            return error.errno == errno.EROFS
        return False

    def repair(self) -> None:
        """Check the file system and mount it anew; nobody may use it."""
        _run("umount", str(self.folder))
        _run("e2fsck", "-f", "-y", str(self._image), codes=(0, 1))
        self._mount()

    def _mount(self) -> None:
        if self._kind == "ext4":
            words = ("loop,errors=remount-ro", str(self._image))
        else:
            words = (f"size={self._megabytes}m,mode=755", "tmpfs")
        _run("mount", "-t", self._kind, "-o", *words, str(self.folder))


def _remove(base: Path) -> None:
    subprocess.run(["umount", "--recursive", "--lazy", str(base)], check=False, capture_output=True)
    shutil.rmtree(base, ignore_errors=True)


def _run(*words: str, codes: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": _PLACES}
    )
    if done.returncode not in codes:
        raise RuntimeError(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
