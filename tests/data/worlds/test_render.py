import numpy as np
import pytest

from pano_data.worlds import make_world, render

KINDS = ("indoor", "outdoor")


@pytest.mark.parametrize("kind", KINDS)
def test_view_has_the_promised_shapes_and_values(kind, small_erp):
    world = make_world(kind, 3)
    view = render(world, world.viewpoints[0], small_erp)
    assert view.rgb.shape == (64, 128, 3)
    assert view.rgb.dtype == np.uint8
    assert view.distance.dtype == np.float32
    assert view.instance.dtype == np.int32
    assert np.isfinite(view.distance).all()
    assert (view.distance[view.sky] == 0).all()
    assert (view.distance[~view.sky] > 0.05).all()
    length = np.linalg.norm(view.normal, axis=-1)
    np.testing.assert_allclose(length[~view.sky], 1.0, atol=1e-6)
    assert (length[view.sky] == 0).all()
    assert ((view.instance > 0) == ~view.sky).all()
    # Normals look towards the camera.
    assert (np.sum(view.normal * small_erp.rays(), axis=-1)[~view.sky] < 1e-6).all()


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bytes_and_other_seed_other_bytes(kind, small_erp):
    def render_bytes(seed):
        world = make_world(kind, seed)
        view = render(world, world.viewpoints[1], small_erp)
        return (
            view.rgb.tobytes()
            + view.distance.tobytes()
            + view.normal.tobytes()
            + view.instance.tobytes()
        )

    assert render_bytes(5) == render_bytes(5)
    assert render_bytes(5) != render_bytes(6)
