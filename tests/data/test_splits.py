from pano_data.splits import matterport3d


def test_houses_of_the_benchmark():
    parts = {split: matterport3d(split) for split in ("train", "val", "test")}
    assert {split: len(houses) for split, houses in parts.items()} == {
        "train": 61,
        "val": 11,
        "test": 18,
    }
    assert len(frozenset.union(*parts.values())) == 90
    assert all(len(house) == 11 for houses in parts.values() for house in houses)
