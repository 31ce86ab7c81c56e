import torch

from experiments.benchmark.full_pictures import FullPictures, collate
from pano_data.reader import ManifestDataset, read
from tests.experiments.benchmark.conftest import SIZE


def test_pictures_are_as_stored_and_labels_as_scored(rooms: ManifestDataset) -> None:
    half = (SIZE[0] // 2, SIZE[1] // 2)
    data = ManifestDataset(rooms.manifest, rooms.root, half)
    sample, plain = FullPictures(data)[3], data[3]
    stored = torch.from_numpy(read(data.manifest[3], data.root).rgb).permute(2, 0, 1)
    assert torch.equal(sample["picture"], stored)
    assert sample["picture"].shape[-2:] == SIZE
    for name in ("image", "distance", "valid", "far"):
        assert torch.equal(sample[name], plain[name])
    assert sample["distance"].shape[-2:] == half
    assert sample["key"] == plain["key"]


def test_batches_hold_pictures_of_any_sizes(rooms: ManifestDataset) -> None:
    one, two = FullPictures(rooms)[0], FullPictures(rooms)[1]
    two["picture"] = two["picture"][:, :10]
    batch = collate([one, two])
    assert [p.shape[-2] for p in batch["picture"]] == [SIZE[0], 10]
    assert batch["distance"].shape == (2, 1, *SIZE)
    assert "picture" not in collate([rooms[0], rooms[1]])
