import pytest
import torch

from pano_data.errors import CorruptSampleError, DataError
from pano_data.label_store import CachedMaps, finish, label
from tests.data.synthetic import Numbered


class Model:
    """Answers with the mean colour; counts what it is asked."""

    def __init__(self):
        self.seen = 0

    def __call__(self, images):
        self.seen += len(images)
        mean = images.mean((1, 2, 3), keepdim=True).expand(-1, 1, 4, 8)
        return {"distance_metric": 2 + mean, "far_probability": (images[:, :1] > 0.7).float()}


def run(out, model=None, world=1, count=11, **kwargs):
    settings = {"provenance": {"model": "m1"}, "batch_size": 2, "chunk": 3, **kwargs}
    for rank in range(world):
        label(model or Model(), Numbered(count), out, rank=rank, world=world, **settings)
    return finish(out)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_every_sample_exactly_once(tmp_path, world):
    model = Model()
    labels = run(tmp_path, model, world)
    assert model.seen == 11
    assert sorted(labels.keys) == [f"{i:04d}" for i in range(11)]


def test_maps_and_provenance(tmp_path):
    labels = run(tmp_path)
    maps = labels["0003"]
    torch.testing.assert_close(
        maps["distance_metric"], torch.full((1, 4, 8), 2.4375), rtol=5e-4, atol=0
    )
    assert maps["far_probability"].sum() == 8
    assert labels.provenance("0003") == {"model": "m1"}
    with pytest.raises(DataError, match="no item 'x'"):
        labels["x"]


def test_a_second_run_asks_nothing(tmp_path):
    run(tmp_path)
    model = Model()
    run(tmp_path, model)
    assert model.seen == 0


def test_labels_of_other_data_are_not_taken_for_these(tmp_path):
    run(tmp_path, settings={"manifest": "abc"})
    with pytest.raises(DataError, match=r"another plan \(settings differ\)"):
        run(tmp_path, settings={"manifest": "def"})


def test_a_killed_run_resumes(tmp_path):
    class Dies(Model):
        def __call__(self, images):
            if self.seen == 5:
                raise KeyboardInterrupt
            return super().__call__(images)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Dies())
    with pytest.raises(DataError, match="chunks are missing"):
        finish(tmp_path)
    model = Model()
    assert len(run(tmp_path, model, world=2)) == 11
    assert model.seen == 8  # one chunk of three was whole


def test_another_model_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(DataError, match="another plan"):
        run(tmp_path, provenance={"model": "m2"})


def test_any_shape_can_be_cached(tmp_path):
    faces = torch.rand(6, 5, 5)
    run(tmp_path, lambda x: {"disparity": faces.expand(len(x), 6, 5, 5)}, count=2)
    back = CachedMaps(tmp_path)["0001"]["disparity"]
    torch.testing.assert_close(back, faces, rtol=5e-4, atol=1e-4)


def test_a_label_that_is_not_finite_raises(tmp_path):
    with pytest.raises(DataError, match="NaN, infinity"):
        run(tmp_path, lambda x: {"distance_metric": x[:, :1] / 0})


def test_damaged_samples_are_listed(tmp_path):
    class Damaged(Numbered):
        def __getitem__(self, index):
            if index == 2:
                raise CorruptSampleError("2.png", "empty", "no bytes")
            return super().__getitem__(index)

    label(Model(), Damaged(4), tmp_path, {"model": "m"}, chunk=2)
    assert finish(tmp_path).keys == ["0000", "0001", "0003"]
    assert "2.png" in (tmp_path / "left_out.json").read_text()
