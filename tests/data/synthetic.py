"""A map-style data set of exact samples whose pixels say which row they come from."""

import torch
from torch.utils.data import Dataset

from pano_data.sample import ErpSample


class Numbered(Dataset):
    """Row `i` has distance `i + 1 + column / width`, so order and rolls can be read off a batch."""

    def __init__(self, count, name="numbered", size=(4, 8), metric=True):
        self.count, self.name, self.size, self.metric = count, name, size, metric

    def __len__(self):
        return self.count

    def __getitem__(self, index) -> ErpSample:
        if not 0 <= index < self.count:
            raise IndexError(index)
        h, w = self.size
        ramp = (torch.arange(w) / w).expand(1, h, w).contiguous()
        return {
            "image": ramp.repeat(3, 1, 1),
            "distance": ramp + index + 1,
            "valid": ramp < 0.75,
            "far": ramp >= 0.75,
            "metric": torch.tensor(self.metric),
            "key": f"{index:04d}",
            "dataset": self.name,
        }
