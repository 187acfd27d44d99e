"""What became of each key of a DP-GEN run: taken over in other words, or left out, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Note:
    """One remark on one key.

    :param key: as DP-GEN writes it.
    :param words: what became of it, or why nothing did.
    :param lost: nothing here does what it did there.
    """

    key: str
    words: str
    lost: bool = False


@dataclass
class Notes:
    """Remarks in the order in which they were made, and the keys that were dealt with."""

    notes: list[Note] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def take(self, *keys: str) -> None:
        """Keys that were taken over as they stand."""
        self.seen.update(keys)

    def change(self, key: str, words: str) -> None:
        """Key that was taken over with another meaning or name that the user should know of."""
        self._add(Note(key, words))

    def lose(self, key: str, words: str) -> None:
        """Key that was left out."""
        self._add(Note(key, words, lost=True))

    def _add(self, note: Note) -> None:
        self.seen.add(note.key)
        if note not in self.notes:
            self.notes.append(note)

    def __iter__(self) -> Iterator[Note]:
        """All remarks."""
        return iter(self.notes)
