"""The pack that a new one is made from when records have grown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rounds.engines.pack.layout import FORMAT, MANIFEST, Array, is_whole, mapped, name_of_key
from rounds.engines.pack.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """A pack of the records as they were."""

    folder: Path
    said: Mapping[str, Any]
    """Its manifest."""

    @classmethod
    def of(cls, folder: Path, key: bytes, *, without_whom: str = "") -> Self | None:
        """Return a pack to start from; None if it is not whole, or somebody has written behind what it has.

        Nor if others were excluded from it: the rows of somebody who is counted again are not in it.
        """
        try:
            said = json.loads((folder / MANIFEST).read_bytes())
            if said["format"] != FORMAT or said["key"] != name_of_key(key) or not is_whole(folder, said["files"]):
                return None
            if said.get("without", "") != without_whom:
                return None
            if any((folder / name).stat().st_size != size for name, (size, _) in said["files"].items()):
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return cls(folder=folder, said=said)

    def array(self, name: str, length: int | None = None) -> Array:
        return mapped(self.folder, name, length)

    def of_people(self, name: str) -> Array:
        """Return what it has of everybody."""
        return self.array(f"people.{name}", self.said["people"])

    @property
    def parts_of_people(self) -> list[Part]:
        """Return the files that people were read from."""
        return [Part.of_manifest(said) for said in self.said["parts_of_people"]]

    @property
    def care_sites(self) -> Array | None:
        """Return the ids of care sites whose places rows hold; None if there are none."""
        return self.array("ids.care_site_id") if "care_site_id" in self.said["ids"] else None

    def names(self, beginning: str) -> list[str]:
        """Return the arrays whose names begin so."""
        return [name.removesuffix(".npy") for name in self.said["files"] if name.startswith(beginning)]
