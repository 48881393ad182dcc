import pytest

from splade_sdk.errors import ConfigError
from splade_sdk.training.schedules import SCHEDULES, constant, get_schedule, linear, quadratic


def test_quadratic():
    assert [quadratic(step, 4) for step in range(6)] == [0, (1 / 4) ** 2, 1 / 4, (3 / 4) ** 2, 1, 1]


def test_linear():
    assert [linear(step, 4) for step in range(6)] == [0, 1 / 4, 2 / 4, 3 / 4, 1, 1]


def test_constant():
    assert [constant(step, 2) for step in range(4)] == [0, 0, 1, 1]


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_all_start_at_one_without_warm_up(name):
    assert get_schedule(name)(0, 0) == 1.0


def test_an_unknown_name_lists_the_valid_ones():
    with pytest.raises(ConfigError, match="'cosine': expected one of constant, linear, quadratic"):
        get_schedule("cosine")
