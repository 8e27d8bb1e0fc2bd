"""What clouds keep is documented as it is foretold."""

from pathlib import Path

import pytest

from catalog import KEPT, Kept

DOCS = Path(__file__).parents[2] / "docs" / "clouds.md"


@pytest.mark.parametrize(("token", "kept"), KEPT.items(), ids=list(KEPT))
def test_every_type_has_its_row(token: str, kept: Kept) -> None:
    time = "for ever" if kept.days is None else f"{kept.days} days"
    said_by = f" (`{kept.days_input}`)" if kept.days_input else ""
    row = f"| `{token}` | {kept.afterlife} | {time}{said_by} | {kept.until_made_again} |"
    assert row in DOCS.read_text(encoding="utf-8").splitlines()
    assert kept.source.startswith("https://")
