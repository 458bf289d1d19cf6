"""Parts of units: what a comparison reads of a unit in the report bucket."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.depth import examples
from trailforward.audit.units import Layout, Unit, of_one_part, read_head, read_notes, read_part

NUMBERS = st.integers(0, 2**64 - 1)


@settings(max_examples=examples(200), deadline=None)
@given(
    parts=st.sampled_from([1, 2, 8, 64]),
    events=st.lists(st.tuples(st.integers(0, 1000), NUMBERS, NUMBERS), max_size=60),
    notes=st.binary(max_size=20),
    checked=st.booleans(),
)
def test_a_file_with_one_part_has_what_the_whole_file_has(
    *, parts: int, events: list[tuple[int, int, int]], notes: bytes, checked: bool
) -> None:
    """Each part read alone is the part of the whole file, with the notes and the JSON."""
    unit = Unit(parts)
    unit.add(7, events if checked else [(index, key, 0) for index, key, _ in events])
    unit.notes += notes
    with tempfile.TemporaryDirectory() as folder:
        whole, alone = Path(folder, "whole.unit"), Path(folder, "alone.unit")
        unit.save(whole, {"problems": ["ü"]})
        data = whole.read_bytes()
        needed = Layout.of(data[:40])
        assert isinstance(needed, int)
        layout = Layout.of(data[:needed])
        assert isinstance(layout, Layout)
        assert layout.end == len(data)
        for part in range(parts):
            first, length = layout.spans[2 * part : 2 * part + 2]
            rest = data[layout.notes : layout.end]
            alone.write_bytes(of_one_part(data[first : first + length], rest, layout))
            assert read_part([alone], 0) == read_part([whole], part)
        assert read_notes(alone) == read_notes(whole) == notes
        assert read_head(alone) == read_head(whole)
