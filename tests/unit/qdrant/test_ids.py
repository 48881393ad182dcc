from __future__ import annotations

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from splade_sdk.qdrant.ids import NAMESPACE, point_id


def test_an_id_is_the_uuid5_in_our_namespace() -> None:
    # Stored points depend on this very value: it must never change.
    assert point_id("a1") == str(uuid5(UUID("5b1f1a4e-8f0c-5c0e-9d35-7a5c6f2b9e11"), "a1"))
    assert str(NAMESPACE) == "5b1f1a4e-8f0c-5c0e-9d35-7a5c6f2b9e11"


def test_a_uuid_is_hashed_like_any_other_id() -> None:
    given_id = point_id("a1")
    assert point_id(given_id) != given_id


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=20))
def test_different_ids_give_different_points(ids: set[str]) -> None:
    made = {point_id(each) for each in ids}
    assert len(made) == len(ids)
    assert all(str(UUID(each)) == each for each in made)
