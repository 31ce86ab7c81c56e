"""The suites of the papers: which data, how many images, which protocols, which numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.benchmark.suites.published import PublishedTable, tables
from pano_data import DatasetNotFoundError, Manifest, datasets, manifest_of
from pano_geometry.spelling import ask_meant


class SuiteError(ValueError):
    """The data are not those that the suite needs."""


@dataclass(frozen=True)
class SuiteDataset:
    """A data set of a suite.

    Attributes:
        dataset: Id; the data lie in the folder of that name below the root.
        split: Of the data set.
        expected: Images that the published numbers are measured on.
        list_file: List of a published project below the folder, used if it is there.
    """

    dataset: str
    split: str
    expected: int
    list_file: str | None = None

    def rows(
        self, root: Path, partial: bool, options: Mapping[str, Any] | None = None
    ) -> Manifest | None:
        """Return the rows, counted; None if the data set is absent and that is allowed.

        Args:
            root: Holds a folder per data set.
            partial: Accept fewer images than expected, or none.
            options: Of the data set's reader.

        Raises:
            SuiteError: Not as many images as expected, and not `partial`.
            DatasetNotFoundError: Absent, and not `partial`.
        """
        folder = root / self.dataset
        listed = folder / self.list_file if self.list_file else None
        chosen = listed if listed is not None and listed.is_file() else None
        try:
            spec = datasets.get(self.dataset)
            rows = manifest_of(spec.rows(folder, self.split, chosen, **(options or {})))
        except DatasetNotFoundError:
            if partial:
                return None
            raise
        if len(rows) != self.expected and not partial:
            raise SuiteError(
                f"{folder}, split {self.split!r}: got {len(rows)} images, "
                f"expected {self.expected}; complete the data, "
                "or score what is there with --partial, which marks the result"
            )
        return rows


@dataclass(frozen=True)
class Suite:
    """A named set of data sets and protocols.

    Attributes:
        name: Id.
        title: What it is.
        datasets: Its data sets.
        protocols: Those that our systems are scored under.
        table: Id of the published table that it is compared with.
    """

    name: str
    title: str
    datasets: tuple[SuiteDataset, ...]
    protocols: tuple[str, ...]
    table: str

    @property
    def published(self) -> PublishedTable:
        """The paper's numbers."""
        return tables()[self.table]


_S2D3D_TEST = SuiteDataset("stanford2d3d", "test", 373)
_M3D_TEST = SuiteDataset("matterport3d_unifuse", "test", 2014)
_ST_TEST = SuiteDataset("structured3d", "test", 1691, list_file="Structure3D_test.txt")
_DEPTH_ANYWHERE = ("depth_anywhere_paper", "depth_anywhere_released")
_METRIC = ("unifuse_released", "unifuse_10m")

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            "da2_table1",
            "Zero-shot and in-domain, indoor: Stanford2D3D (all areas), Matterport3D and PanoSUNCG "
            "(test)",
            (
                SuiteDataset("stanford2d3d", "all", 1413),
                _M3D_TEST,
                SuiteDataset("panosuncg", "test", 3944),
            ),
            ("da2_paper", "da2_paper_affine", "da2_released"),
            "da2_table1",
        ),
        Suite(
            "dap_table3",
            "Zero-shot metric distance: Stanford2D3D (fold 1), Matterport3D (Pano3D renders), "
            "Deep360",
            (
                _S2D3D_TEST,
                SuiteDataset("matterport3d_pano3d", "test", 2014),
                SuiteDataset("deep360", "test", 600),
            ),
            ("dap_metric", "dap_metric_unfilled", "dap_released", "da2_paper"),
            "dap_table3",
        ),
        Suite(
            "dap_test",
            "Metric distance outdoors: DAP-Test",
            (SuiteDataset("dap_test", "test", 1343),),
            ("dap_metric", "dap_metric_unfilled", "dap_released", "da2_paper"),
            "dap_test",
        ),
        Suite(
            "depth_anywhere_table2",
            "In-domain: Matterport3D (test)",
            (_M3D_TEST,),
            (*_DEPTH_ANYWHERE, *_METRIC),
            "depth_anywhere_table2",
        ),
        Suite(
            "depth_anywhere_table3",
            "Zero-shot: Stanford2D3D (fold 1)",
            (_S2D3D_TEST,),
            (*_DEPTH_ANYWHERE, *_METRIC),
            "depth_anywhere_table3",
        ),
        Suite(
            "depth_anywhere_table4",
            "Structured3D (test), seen with pseudo labels or not at all",
            (_ST_TEST,),
            _DEPTH_ANYWHERE,
            "depth_anywhere_table4",
        ),
        Suite(
            "depth_anywhere_table5",
            "Metric fine-tuning: Stanford2D3D (fold 1)",
            (_S2D3D_TEST,),
            ("depth_anywhere_released", *_METRIC),
            "depth_anywhere_table5",
        ),
        Suite(
            "structured3d",
            "Structured3D (test) under every rule that forgives a little less",
            (_ST_TEST,),
            ("metric", "da2_paper", "solid_angle_median", "panda_affine", *_DEPTH_ANYWHERE),
            "depth_anywhere_table4",
        ),
    )
}


def get(name: str) -> Suite:
    """Return a suite by its id.

    Raises:
        SuiteError: With the known ids.
    """
    if name not in SUITES:
        raise SuiteError(
            f"got suite {name!r}{ask_meant(name, SUITES)}, expected one of {', '.join(SUITES)}"
        )
    return SUITES[name]
