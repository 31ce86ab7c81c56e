from pathlib import Path

import numpy as np

PAGE = (Path(__file__).parents[3] / "docs/own_data.md").read_text()


def test_the_recipe_for_a_scanner_keeps_the_nearest_return_where_it_lies() -> None:
    names: dict = {}
    exec(PAGE.split("```python\n")[1].split("```")[0], names)
    points = np.array([[0.01, 0.01, 2], [0.01, 0.01, 5], [3, 0.01, 0], [0, -7, 1e-3]])
    found = names["distance_map"](points, height=8)
    assert found.shape == (8, 16)
    assert (found > 0).sum() == 3
    assert found[4, 8] == np.float32(np.sqrt(4 + 2e-4))  # ahead, the nearer of two
    assert np.isclose(found[4, 12], 3, atol=1e-4)  # right
    assert np.isclose(found[0].max(), 7)  # up
