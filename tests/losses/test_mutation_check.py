import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location(
        "mutation_check", ROOT / "scripts/mutation_check.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_mutation_still_changes_a_line(check, tmp_path):
    for i, mutation in enumerate(check.MUTATIONS):
        package = tmp_path / str(i)
        shutil.copytree(check.SOURCE / "pano_losses", package)
        check.apply(mutation, package)
        assert (package / mutation.file).read_text() != (
            check.SOURCE / "pano_losses" / mutation.file
        ).read_text()


def test_a_mutation_that_does_not_fit_is_an_error(check, tmp_path):
    shutil.copytree(check.SOURCE / "pano_losses", tmp_path / "pano_losses")
    stale = replace(check.MUTATIONS[0], before="no such line")
    with pytest.raises(ValueError, match="bring the mutation up to date"):
        check.apply(stale, tmp_path / "pano_losses")


def test_every_mistake_is_listed_with_the_test_that_notices_it(check):
    page = (ROOT / "docs" / "protocols.md").read_text()
    for mutation in check.MUTATIONS:
        row = next(line for line in page.splitlines() if line.startswith(f"| {mutation.mistake} |"))
        path = row.split("`")[1].split("::")[0]
        assert (ROOT / path).is_file()


@pytest.mark.slow  # 8 min: the tests once for each of the mistakes
def test_every_mistake_is_noticed(check):
    assert all(check.noticing_test(m) for m in check.MUTATIONS)
