"""Map-style data set over shards, for the keyed sampler."""

from pathlib import Path

from torch.utils.data import Dataset

from pano_data.sample import ErpSample
from pano_data.shards.record import decode_sample
from pano_data.shards.store import Store


class ShardDataset(Dataset[ErpSample]):
    """Panoramas of a folder of shards, by number.

    LitData's own streams lose or repeat samples when a mixed run resumes with workers; read by
    number under `KeyedBatchSampler` the order is exact, and the chunks stay plain LitData.

    Args:
        path: folder that `pack` and `finish` wrote.
        size: height and width of the samples; as stored if None.

    Raises:
        DatasetNotFoundError: no finished shards are there.
    """

    def __init__(self, path: Path | str, size: tuple[int, int] | None = None) -> None:
        self.store = Store(path)
        self.size = None if size is None else (int(size[0]), int(size[1]))

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, index: int) -> ErpSample:
        return decode_sample(self.store[index], self.size)
