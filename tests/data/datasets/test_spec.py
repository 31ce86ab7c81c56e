import pytest

from pano_data import datasets
from pano_data.datasets.spec import Skipped
from pano_data.errors import DataError, DatasetNotFoundError, UnknownDatasetError
from tests.data.datasets.trees import build


def test_unknown_data_set_names_the_known_ones():
    with pytest.raises(UnknownDatasetError) as caught:
        datasets.get("strucured3d")
    text = str(caught.value)
    assert text.startswith(
        "unknown data set 'strucured3d' (is structured3d meant?), expected one of"
    )
    assert ", hypersim, " in text
    with pytest.raises(UnknownDatasetError, match="unknown data set 'x', expected one of"):
        datasets.get("x")


@pytest.mark.parametrize("name", datasets.names())
class TestEverySpec:
    def test_root_that_does_not_exist(self, name, tmp_path):
        spec = datasets.get(name)
        with pytest.raises(DatasetNotFoundError, match="does not exist") as caught:
            list(spec.rows(tmp_path / "no", spec.splits[0]))
        assert caught.value.parameter == "root"
        assert spec.access in caught.value.command

    def test_root_that_is_a_file(self, name, tmp_path):
        spec = datasets.get(name)
        (tmp_path / "root").write_text("")
        with pytest.raises(DatasetNotFoundError, match="is a file"):
            list(spec.rows(tmp_path / "root", spec.splits[0]))

    def test_empty_root(self, name, tmp_path):
        spec = datasets.get(name)
        for split in spec.splits:
            with pytest.raises(DatasetNotFoundError):
                list(spec.rows(tmp_path, split))

    def test_unknown_split(self, name, tmp_path):
        with pytest.raises(DataError, match="has no split 'dev'"):
            list(datasets.get(name).rows(tmp_path, "dev"))

    def test_published_counts_are_of_known_splits(self, name):
        spec = datasets.get(name)
        assert set(spec.counts) <= set(spec.splits)


BUILT_NAMES = ("structured3d", "dynamic_replica", "hypersim")
"""Layouts whose readers make the names of the images; the others list what is there."""
LISTED_IMAGES = ("deep360", "mvs_synth", "panosuncg")


@pytest.mark.parametrize(
    ("name", "lost"),
    [(name, "depth") for name in BUILT_NAMES + LISTED_IMAGES] + [(n, "image") for n in BUILT_NAMES],
)
def test_a_row_whose_file_is_not_there_is_left_out_with_its_name(name, lost, tmp_path):
    spec = build(name, tmp_path, views=2)
    split = "all" if "all" in spec.splits else spec.splits[0]  # without a list
    rows, none = spec.survey(tmp_path, split)
    assert none == []
    (tmp_path / getattr(rows[0], lost)).unlink()
    left, skipped = spec.survey(tmp_path, split)
    assert left == rows[1:]
    assert skipped == [Skipped(rows[0].image, f"{lost} missing")]


WITH_OPTIONS = [name for name in datasets.names() if datasets.get(name).options]


def test_the_sets_with_a_choice_are_known():
    """A reader whose keyword became internal, or whose option got lost, shows here."""
    assert {name: tuple(datasets.get(name).options) for name in WITH_OPTIONS} == {
        "da2_curated": ("units_per_metre", "index"),
        "dap2m_unlabelled": ("images", "masks", "environment"),
        "deep360": ("rgb_folder", "faithful"),
        "folder": ("dataset", "images", "masks", "environment"),
        "helvipad": ("places", "augmented"),
        "folder_depth": ("images", "depth", "masks", "units_per_metre", "kind", "invalid", "far",
                         "fov_x_deg", "intrinsics", "held_out", "metric", "environment"),
        "hypersim": ("nominal",),
        "matterport3d_unifuse": ("rgb_folder",),
        "pano_infinigen": ("worlds",),
        "spatialaudiogen": ("released_masks",),
        "stanford2d3d": ("rgb_folder",),
        "structured3d": ("furniture", "lights", "edge_margin", "layout_errata"),
        "threed60": ("views",),
        "unrealstereo4k": ("views",),
        "vkitti2": ("variations", "cameras"),
    }  # fmt: skip


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_every_option_says_what_it_means_and_takes_its_default(name, tmp_path):
    spec = build(name, tmp_path) if name in ("structured3d", "deep360") else None
    for option in datasets.get(name).options.values():
        assert len(option.meaning.split()) > 2
        if spec is not None:
            plain = spec.survey(tmp_path, spec.splits[0])
            assert spec.survey(tmp_path, spec.splits[0], **{option.name: option.default}) == plain


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("structured3d", {"funiture": ["full"]},
         "structured3d has no option 'funiture'; expected one of furniture, lights, edge_margin"),
        ("zind", {"rgb_folder": "rgb"}, "zind has no option 'rgb_folder'; it has none"),
        ("structured3d", {"furniture": ["fill"]},
         r"option furniture: got \['fill'\], expected a list, each one of empty, simple, full"),
        ("structured3d", {"furniture": "full"}, "got 'full', expected a list"),
        ("structured3d", {"lights": []}, r"option lights: got \[\], expected a list"),
        ("structured3d", {"edge_margin": "1"}, "got '1', expected a whole number"),
        ("deep360", {"faithful": "yes"}, "got 'yes', expected true or false"),
        ("deep360", {"rgb_folder": "soiled"}, "expected one of rgb, rgb_soiled"),
        ("vkitti2", {"cameras": [True]}, r"got \[True\], expected a list, each one of 0, 1"),
        ("folder", {"environment": "space"}, "expected one of indoor, outdoor, mixed"),
        ("da2_curated", {"units_per_metre": "1000"}, "got '1000', expected a number"),
        ("dap_test", {"dataset": "mine"}, "dap_test has no option 'dataset'"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_line_that_names_what_is_allowed(name, given, message, tmp_path):
    spec = datasets.get(name)
    with pytest.raises(DataError, match=message) as caught:
        list(spec.rows(tmp_path, spec.splits[0], **given))
    assert "\n" not in str(caught.value)
