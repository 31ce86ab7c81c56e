"""Downloads from a hub on the loopback interface: resumed, checked, never half under their name."""

import errno
import hashlib
import json
import multiprocessing
import resource
import signal
import sys
import time
from dataclasses import replace
from multiprocessing.context import ForkProcess
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest

import pano_models as pm
from pano_models.weights import cache, download
from pano_models.weights.cache import weight_path
from pano_models.weights.published import published
from tests.models.weights.loopback_hub import COMMIT, Hub, serve

DA2 = published("da2")
CONTENT = np.random.default_rng(0).bytes(100_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """Blocks of 10,000 bytes, no pauses between tries, a network, no cache of a person."""
    monkeypatch.setattr(download, "BLOCK", 10_000)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def hub():
    with serve(Hub(DA2.repository, DA2.file, CONTENT)) as running:
        yield running


def partial_of(folder: Path) -> Path:
    place = weight_path(DA2, folder)
    return place.with_name(place.name + ".partial")


def test_file_is_fetched_whole_and_recorded(hub, tmp_path, caplog):
    file = pm.fetch_weights("da2", tmp_path, hub.endpoint)
    assert file == tmp_path / "da2" / "model.safetensors"
    assert file.read_bytes() == CONTENT
    assert hub.asked == list(range(0, 100_000, 10_000))
    record = json.loads((tmp_path / "da2" / "model.safetensors.json").read_text())
    assert record["sha256"] == DIGEST
    assert record["revision"] == COMMIT
    assert record["compared_with"] == "hub"
    assert not partial_of(tmp_path).exists()
    assert sum("licence: Apache-2.0" in m for m in caplog.messages) == 1
    assert any(DIGEST in m and "recorded" in m for m in caplog.messages)


def test_pinned_revision_is_asked_for(hub, tmp_path):
    pm.fetch_weights("da2", tmp_path, hub.endpoint)
    assert hub.revisions[0] == DA2.revision
    assert set(hub.revisions[1:]) <= {COMMIT}  # the commit that the hub says it is


def test_file_in_another_storage_is_fetched_and_resumed(hub, tmp_path):
    """The hub sends whoever asks for a large file on to its storage."""
    hub.redirects, hub.cuts, hub.always_cut = True, [10_000] * 2, 100
    with pytest.raises(pm.ModelNotFoundError, match="20,000 of 100,000 bytes"):
        pm.fetch_weights("da2", tmp_path, hub.endpoint)
    hub.always_cut, hub.asked = None, []
    assert pm.fetch_weights("da2", tmp_path, hub.endpoint).read_bytes() == CONTENT
    assert hub.asked[0] == 20_000


def test_second_use_asks_nothing_and_says_nothing(hub, tmp_path, caplog):
    pm.fetch_weights("da2", tmp_path, hub.endpoint)
    caplog.clear()
    asked = len(hub.asked)
    pm.fetch_weights("da2", tmp_path, "http://127.0.0.1:9")
    assert len(hub.asked) == asked
    assert not caplog.messages


def test_broken_connection_is_tried_again_within_the_call(hub, tmp_path):
    hub.cuts = [3_000, 0, 9_999]
    assert pm.fetch_weights("da2", tmp_path, hub.endpoint).read_bytes() == CONTENT
    assert hub.asked.count(0) == 4


def test_connection_that_stays_broken_keeps_what_arrived_and_resumes(hub, tmp_path):
    hub.cuts = [10_000] * 3  # three whole blocks, then nothing but broken ones
    hub.always_cut = 100
    with pytest.raises(pm.ModelNotFoundError, match=r"30,000 of 100,000 bytes\) is kept.*resumes"):
        pm.fetch_weights("da2", tmp_path, hub.endpoint)
    assert not weight_path(DA2, tmp_path).exists()
    hub.always_cut, hub.asked = None, []
    assert pm.fetch_weights("da2", tmp_path, hub.endpoint).read_bytes() == CONTENT
    assert hub.asked[0] == 30_000


FORK = multiprocessing.get_context("fork")  # cheap: nothing is imported again


def fetch(folder: Path, endpoint: str, limit: int) -> None:
    """Fetches as another process; its exit code is the error number."""
    if limit:  # bytes that a file may have: stands for a disk that fills up
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        pm.fetch_weights("da2", folder, endpoint)
    except OSError as error:
        sys.exit(error.errno)


def fetch_elsewhere(folder: Path, hub: Hub, limit: int = 0) -> ForkProcess:
    """Another process that fetches when it is started."""
    return FORK.Process(target=fetch, args=(folder, hub.endpoint, limit))


def test_killed_download_resumes(hub, tmp_path):
    process = fetch_elsewhere(tmp_path, hub)
    hub.on_range = lambda start: process.kill() if start == 40_000 else None
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert partial_of(tmp_path).stat().st_size == 40_000
    hub.on_range, hub.asked = (lambda start: None), []
    assert pm.fetch_weights("da2", tmp_path, hub.endpoint).read_bytes() == CONTENT
    assert hub.asked[0] == 40_000


def test_what_arrived_of_another_commit_is_not_continued(hub, tmp_path):
    hub.cuts, hub.always_cut = [10_000], 100
    with pytest.raises(pm.ModelNotFoundError):
        pm.fetch_weights("da2", tmp_path, hub.endpoint)
    hub.always_cut, hub.asked, hub.commit = None, [], "f" * 40
    assert pm.fetch_weights("da2", tmp_path, hub.endpoint).read_bytes() == CONTENT
    assert hub.asked[0] == 0


def test_wrong_digest_is_thrown_away(tmp_path):
    with (
        serve(Hub(DA2.repository, DA2.file, CONTENT, sha256="a" * 64)) as hub,
        pytest.raises(pm.CheckpointError, match=r"aaaaaaaaaaaa… .stated by the hub.: it is thrown"),
    ):
        pm.fetch_weights("da2", tmp_path, hub.endpoint)
    assert not weight_path(DA2, tmp_path).exists()
    assert not partial_of(tmp_path).exists()


def test_published_digest_comes_before_the_hubs(hub, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "published", lambda name: replace(DA2, sha256="b" * 64))
    with pytest.raises(pm.CheckpointError, match=r"bbbbbbbbbbbb… .published."):
        pm.fetch_weights("da2", tmp_path, hub.endpoint)


def test_file_without_any_digest_is_trusted_once(tmp_path, caplog):
    with serve(Hub(DA2.repository, DA2.file, CONTENT, sha256=None)) as hub:
        file = pm.fetch_weights("da2", tmp_path, hub.endpoint)
    assert any("as downloaded" in m for m in caplog.messages)
    file.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(pm.CheckpointError, match="recorded when the file was first used"):
        pm.fetch_weights("da2", tmp_path)


@pytest.mark.parametrize(
    ("repository", "file", "expected"),
    [
        ("someone/else", DA2.file, "the hub cannot give it"),
        (DA2.repository, "pytorch_model.bin", "has no model.safetensors"),
    ],
)
def test_what_the_hub_does_not_have(tmp_path, repository, file, expected):
    with (
        serve(Hub(repository, file, CONTENT)) as hub,
        pytest.raises(pm.ModelNotFoundError, match=expected) as raised,
    ):
        pm.fetch_weights("da2", tmp_path, hub.endpoint)
    assert str(tmp_path / "da2" / "model.safetensors") in str(raised.value)


def test_server_that_ignores_ranges_is_refused(hub, tmp_path):
    hub.ignores_ranges = True
    with pytest.raises(pm.ModelNotFoundError, match="got 100000 bytes, expected 10000"):
        pm.fetch_weights("da2", tmp_path, hub.endpoint)


def test_full_disk_is_told_before_the_first_byte(hub, tmp_path, monkeypatch):
    usage = download.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage._replace(free=5_000))
    with pytest.raises(OSError, match="free some, or name another folder by PANODEPTH_WEIGHTS"):
        pm.fetch_weights("da2", tmp_path, hub.endpoint)
    assert not hub.asked


def test_disk_that_fills_up_keeps_what_fitted(hub, tmp_path):
    process = fetch_elsewhere(tmp_path, hub, limit=55_000)
    process.start()
    process.join()
    assert process.exitcode == errno.EFBIG
    assert not weight_path(DA2, tmp_path).exists()
    hub.asked = []
    assert pm.fetch_weights("da2", tmp_path, hub.endpoint).read_bytes() == CONTENT
    assert hub.asked[0] >= 50_000


def test_offline_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(pm.ModelNotFoundError, match="put it at") as raised:
        pm.fetch_weights("da2", tmp_path)
    assert str(tmp_path / "da2" / "model.safetensors") in str(raised.value)
    assert DA2.revision[:12] in str(raised.value)


def test_file_put_there_by_hand_is_used(tmp_path, caplog):
    place = weight_path(published("unifuse"), tmp_path)
    with pytest.raises(pm.ModelNotFoundError, match=r"no model hub.*drive/folders"):
        pm.fetch_weights("unifuse", tmp_path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(CONTENT)
    assert pm.fetch_weights("unifuse", tmp_path) == place
    assert any("no digest is published for unifuse" in m and DIGEST in m for m in caplog.messages)


def test_file_of_the_hubs_own_cache_is_used(hub, tmp_path, monkeypatch):
    own = tmp_path / "hub"
    snapshot = own / "models--haodongli--DA-2" / "snapshots" / DA2.revision
    snapshot.mkdir(parents=True)
    (snapshot / DA2.file).write_bytes(CONTENT)
    found = pm.fetch_weights("da2", tmp_path / "ours", "http://127.0.0.1:9")
    assert found == snapshot / DA2.file


def test_load_downloads_by_name(monkeypatch, tmp_path):
    """`official:NAME` builds the network from what was fetched."""
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path))
    place = weight_path(published("da2"))
    place.parent.mkdir()
    place.write_bytes(b"no safetensors")
    with pytest.raises(pm.CheckpointError, match=r"model.safetensors is truncated"):
        pm.load("official:da2")


def test_unknown_names(tmp_path):
    with pytest.raises(pm.ModelNotFoundError, match="no release 'da3'"):
        pm.load("official:da3")
    with pytest.raises(pm.ModelNotFoundError, match="no published weights 'da3'"):
        pm.fetch_weights("da3", tmp_path)
    assert not list(tmp_path.iterdir())
