import torch

import pano_models as pm
from pano_models.weights import da2


def test_options_of_the_release(tiny_da2, stir):
    state = pm.export_official(stir(pm.create("da2", **tiny_da2, faithful=True)))
    model = pm.load_official("da2", state, **tiny_da2)
    assert model.network_size(546, 1092)[0] == (546, 1092)
    assert model.network_size(512, 1024)[0] == (546, 1078)
    assert model.network_size(4096, 8192)[0] == (560, 1120)


def test_user_may_limit_the_size(tiny_da2, stir):
    state = pm.export_official(stir(pm.create("da2", **tiny_da2, faithful=True)))
    model = pm.load_official("da2", state, **tiny_da2, min_pixels=None, max_pixels=20_000)
    rows, cols = model.network_size(512, 1024)[0]
    assert (rows, cols) == (112, 210)


def test_translation_is_one_to_one(tiny_da2):
    published = pm.export_official(pm.create("da2", **tiny_da2, faithful=True))
    ours = da2.translate(published)
    assert len(ours) == len(published)
    assert all(torch.equal(ours[da2.KEYS.to_ours(n)], t) for n, t in published.items())
