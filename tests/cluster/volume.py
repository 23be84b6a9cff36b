"""A volume of a Secret or ConfigMap, as the kubelet mounts it."""

import itertools
from collections.abc import Mapping
from pathlib import Path


class Volume:
    """A folder whose files change all at once: they are links into a folder that is exchanged."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._versions = itertools.count()
        place.mkdir()

    def write(self, files: Mapping[str, bytes]) -> None:
        """Show these files."""
        version = self.place / f"..{next(self._versions)}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_bytes(content)
            if not (self.place / name).is_symlink():
                (self.place / name).symlink_to(Path("..data") / name)
        new = self.place / "..data_tmp"
        new.symlink_to(version.name)
        new.replace(self.place / "..data")
