import pickle

import pytest
from torch.utils.data import DataLoader, Dataset

from pano_data.errors import (
    CorruptSampleError,
    DataError,
    DatasetNotFoundError,
    ManifestError,
    UnknownDatasetError,
)

ERRORS = [
    DatasetNotFoundError("zind", "data/raw/zind", "root", "ask Zillow"),
    CorruptSampleError("a.png", "truncated", "the PNG has no end chunk"),
    UnknownDatasetError("unknown data set 'x'"),
    ManifestError("row 'a': got b: c, expected d"),
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


class Broken(Dataset):
    """Raises the same error for every item."""

    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise self.error


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("workers", [0, 1])
def test_a_loader_s_worker_raises_the_same_error(error, workers):
    """Torch rebuilds it from the text of a traceback: type, message, reason are those raised."""
    with pytest.raises(type(error)) as caught:
        next(iter(DataLoader(Broken(error), num_workers=workers)))
    assert str(caught.value) == str(error)
    if isinstance(error, CorruptSampleError):
        assert vars(caught.value) == vars(error)
