"""The key of a run: code that a training runs counts, its comments and all other code do not."""

import functools
import shutil
from pathlib import Path

import pytest

from experiments.pipeline.closure import digest, values
from experiments.pipeline.closure.imports import BOX, Code, References

ROOT = Path(__file__).parents[4]
DA2 = {"model": {"init_args": {"net": {"class_path": "pano_models.DA2"}}}}


DIGESTS: dict[bytes, str] = {}
REFERENCES: dict[tuple[str, bytes], References] = {}


@pytest.fixture(autouse=True)
def _same_source_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found in a source is kept by its content: most files of a clone never change."""
    digest_of, references_of = digest._file_digest.__wrapped__, Code.references

    def file_digest(path: Path) -> str:
        content = path.suffix.encode() + path.read_bytes()
        if content not in DIGESTS:
            DIGESTS[content] = digest_of(path)
        return DIGESTS[content]

    def references(self: Code, module: str) -> References:
        if module not in self._references:
            source = module, self.modules[module].read_bytes()
            if source in REFERENCES:
                self._references[module] = REFERENCES[source]
            REFERENCES[source] = references_of(self, module)
        return self._references[module]

    monkeypatch.setattr(digest, "_file_digest", functools.cache(file_digest))
    monkeypatch.setattr(Code, "references", references)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all code, which the key is taken of."""
    skipped = shutil.ignore_patterns("__pycache__", "*.safetensors")
    for folder in ("packages", "experiments"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=skipped)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digest, "REPO", tmp_path)
    return tmp_path


def key(clone: Path, resolved: dict = DA2) -> str:
    digest.code.cache_clear()
    digest._file_digest.cache_clear()
    found = values.training_code("da2", resolved)
    digest.code.cache_clear()
    digest._file_digest.cache_clear()
    return found


def path_of(clone: Path, module: str) -> Path:
    return Code(clone).modules[module]


def test_code_of_the_training_counts_and_its_comments_do_not(clone: Path) -> None:
    before = key(clone)
    sampler = path_of(clone, "pano_data.sampler")
    sampler.write_text(sampler.read_text() + "\n# a comment\n")
    assert key(clone) == before
    sampler.write_text(sampler.read_text() + "\nx = 1\n")
    assert key(clone) != before


def test_other_code_does_not_count(clone: Path) -> None:
    before = key(clone)
    for module in ("pano_worlds.world", "experiments.tracking.ui", "pano_models.dap"):
        path = path_of(clone, module)
        path.write_text(path.read_text() + "\nx = 1\n")
    assert key(clone) == before


def test_networks_of_the_models_it_starts_from_count(clone: Path) -> None:
    network = "{class_path: pano_models.PerspectiveViT}"
    (clone / "params.yaml").write_text(f"t: {{model: {{init_args: {{net: {network}}}}}}}\n")
    with_teacher = {"model": {"init_args": {**DA2["model"]["init_args"], "teacher": "runs/t"}}}
    before, alone = key(clone, with_teacher), key(clone)
    assert before != alone
    network_file = path_of(clone, "pano_models.teachers.perspective_vit")
    network_file.write_text(network_file.read_text() + "\nx = 1\n")
    assert key(clone, with_teacher) != before
    assert key(clone) == alone


@pytest.mark.parametrize("teacher", ["one", f"{BOX}/one"])
def test_a_network_in_the_box_counts(clone: Path, teacher: str) -> None:
    (clone / BOX / "one").mkdir(parents=True)
    (clone / BOX / "one" / "config.json").write_text('{"name": "perspective_unet", "config": {}}')
    with_teacher = {"model": {"init_args": {**DA2["model"]["init_args"], "teacher": teacher}}}
    before, alone = key(clone, with_teacher), key(clone)
    path = path_of(clone, "pano_models.teachers.perspective_unet")
    path.write_text(path.read_text() + "\nx = 1\n")
    assert key(clone, with_teacher) != before
    assert key(clone) == alone
