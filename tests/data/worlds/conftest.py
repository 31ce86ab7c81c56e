from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Rays:
    """A camera given by its rays."""

    directions: np.ndarray

    def rays(self):
        return self.directions


def erp_rays(height: int, width: int) -> Rays:
    lon = ((np.arange(width) + 0.5) / width - 0.5) * 2.0 * np.pi
    lat = (0.5 - (np.arange(height) + 0.5) / height) * np.pi
    lon, lat = np.meshgrid(lon, lat)
    return Rays(
        np.stack([np.cos(lat) * np.sin(lon), -np.sin(lat), np.cos(lat) * np.cos(lon)], axis=-1)
    )


@pytest.fixture(scope="session")
def small_erp() -> Rays:
    return erp_rays(64, 128)
