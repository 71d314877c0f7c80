import pytest

from viz.state.errors import UserError
from viz.state.person import parse_seeds, seeds_text


@pytest.mark.parametrize(
    "text,seeds",
    [
        ("", ()),
        ("0-3,7, 9 2", (0, 1, 2, 3, 7, 9)),
        ("3,3", (3,)),
        ("5-6 4-7", (5, 6, 4, 7)),
        ("4294967295", (2**32 - 1,)),
    ],
)
def test_seeds_are_read_as_people_write_them(text, seeds):
    assert parse_seeds(text, 256) == seeds


@pytest.mark.parametrize(
    "text,told",
    [
        ("a", 'holds "a"'),
        ("-1", 'holds "-1"'),
        ("3-", 'holds "3-"'),
        ("1-2-3", "write seeds as in"),
        ("1.5", "write seeds as in"),
        ("٣", "write seeds as in"),
        ("3-1", "the smaller seed of a range first"),
        ("4294967296", "the largest seed is 4294967295"),
        ("0-256", "more than 256 seeds"),
        ("0-4294967295", "more than 256 seeds"),
        ("0-200 300-400", "more than 256 seeds"),
    ],
)
def test_what_is_no_list_says_so(text, told):
    with pytest.raises(UserError, match=f"^--seeds .*{told}"):
        parse_seeds(text, 256, "--seeds")


@pytest.mark.parametrize("seeds", [(), (1,), (0, 1, 2, 3, 7, 9, 10), (5, 6, 7, 1)])
def test_lists_go_both_ways(seeds):
    assert parse_seeds(seeds_text(seeds), 256) == seeds
    assert seeds_text((0, 1, 2, 3, 7, 9, 10)) == "0-3, 7, 9, 10"
