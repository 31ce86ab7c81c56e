import numpy as np

from panodepth.outputs.bands import ROWS, row_bands


def test_bands_cover_every_row_once() -> None:
    for height in (1, ROWS, ROWS + 1, 5 * ROWS):
        rows = np.concatenate([np.arange(height)[band] for band in row_bands(height)])
        assert rows.tolist() == list(range(height))
        assert max(band.stop - band.start for band in row_bands(height)) <= ROWS
