import pickle

import pytest

from pano_data.errors import (
    CorruptSampleError,
    DataError,
    DatasetNotFoundError,
    UnknownDatasetError,
)

ERRORS = [
    DatasetNotFoundError("zind", "data/raw/zind", "root", "ask Zillow"),
    CorruptSampleError("a.png", "truncated", "the PNG has no end chunk"),
    UnknownDatasetError("unknown data set 'x'"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_errors_are_one_family_and_cross_processes(error):
    assert isinstance(error, DataError)
    assert isinstance(error, ValueError)
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_a_missing_data_set_says_what_where_which_and_how():
    assert str(ERRORS[0]) == (
        "zind not found: looked in data/raw/zind (set by root). To get it: ask Zillow"
    )
    assert str(ERRORS[1]) == "a.png: truncated: the PNG has no end chunk"
    assert str(ERRORS[2]) == "unknown data set 'x'"  # not the repr that KeyError shows
