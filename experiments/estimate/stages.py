"""What every stage of dvc.yaml costs under a values file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.estimate import trainings
from experiments.estimate.sizes import (
    LABEL_BYTES,
    PACKED_BYTES,
    UNLABELLED_PANORAMAS,
    raw_bytes,
    size_of,
)
from experiments.pipeline import params
from experiments.pipeline.closure.stages import Command, commands

# CPU seconds of a panorama of 512x1024 on one core.
READ_S = 0.009  # JPEG and distance of a shard
PICTURE_S = 0.030  # a PNG with its depth, decoded and resized
CURATE_S = 0.018 + 0.010  # P2E and encoding: docs/benchmarks/curation.md
REFLECTION_S = 0.134  # out-painting by reflection, the same page
LABEL_S = 0.038  # writing a 16-bit PNG
HASH_S = 2e-9  # a byte of MD5
FLUX_GPU_S = 64 * 9 * 86400 / 543_425  # DA² (arXiv 2509.26618), supplement E: 64 H20, nine days
SEGMENTER_FLOPS = 2 * 2.976e12  # SAM ViT-H at 1024x1024 (its paper), a multiply-add counts twice
DETECTOR_SHARE = 0.2  # Grounding DINO beside it; a guess
FEW_HOURS = 0.1  # gallery, cost, report: minutes on one machine
CHECKED_PANORAMAS = 200  # of the teacher's gate, a guess
WEIGHTS_BYTES = 16  # a parameter, its gradient and the two moments of Adam


@dataclass(frozen=True)
class Machine:
    """What the work is shared by.

    Attributes:
        nodes: How many.
        gpus: Of a node.
        cores: Of a node.
        disk: Bytes per second of a node from the shared file system.
    """

    nodes: int = 1
    gpus: int = 8
    cores: int = 96
    disk: float = 1e9


@dataclass(frozen=True)
class StageCost:
    """Cost of one stage.

    Attributes:
        panoramas: That pass through it.
        gpu_hours: Of one H100 at `trainings.MFU`, or of one H20 for FLUX.
        cpu_hours: Of one core.
        read: Bytes.
        written: Bytes.
        processes: At most so many share it; any number if None.
    """

    panoramas: int = 0
    gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    read: float = 0.0
    written: float = 0.0
    processes: int | None = None

    def hours(self, machine: Machine) -> float:
        """Return hours by the clock: of GPUs, cores or the disk, whichever takes longest."""
        nodes = machine.nodes
        gpus, cores = machine.gpus * nodes, machine.cores * nodes
        if self.processes is not None:
            gpus = min(gpus, self.processes)
            cores = min(cores, self.processes * machine.cores // machine.gpus)
            nodes = min(nodes, -(-self.processes // machine.gpus))
        disk = (self.read + self.written) / (machine.disk * nodes) / 3600
        return max(self.gpu_hours / gpus, self.cpu_hours / cores, disk)


class Estimator:
    """Estimates stages by what their sections say.

    Args:
        path: Values file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sections = params.read_params(path)
        self.common = params.section("common", path)

    def section(self, name: str) -> dict[str, Any]:
        """Return a section with all that it takes over."""
        return params.section(name, self.path)

    def cost(self, command: Command) -> StageCost:
        """Return the cost of one stage.

        Raises:
            KeyError: A stage of dvc.yaml that nobody has an estimate for.
        """
        return _KINDS[command.stage](self, command)

    def worlds(self, command: Command) -> StageCost:
        """Count nothing: rendered worlds are no data of a paper."""
        return StageCost()

    def manifest(self, command: Command) -> StageCost:
        """Count the hashing of all files, once and by one process."""
        files = raw_bytes(command.item)
        return StageCost(cpu_hours=files * HASH_S / 3600, read=files, processes=1)

    def curation(self, command: Command) -> StageCost:
        """Count P2E and out-painting of each picture; any number of processes share the rows."""
        section = self.section(command.words[0])
        manifest = Path(section["manifest"])
        dataset = manifest.parent.name
        split = "complete" if section.get("complete") else manifest.stem
        listed, kept = size_of(dataset, manifest.stem), size_of(dataset, split)
        painter = (section.get("outpainter") or {}).get("class_path", "")
        flux = FLUX_GPU_S if painter.endswith("FluxOutpainter") else 0.0
        reflected = REFLECTION_S * painter.endswith("ReflectionOutpainter")
        seconds = listed * PICTURE_S + kept * (CURATE_S + reflected)
        return StageCost(
            kept, kept * flux / 3600, seconds / 3600, raw_bytes(dataset), kept * PACKED_BYTES
        )

    def training(self, command: Command) -> StageCost:
        """Count all steps; validation is left out."""
        name = command.words[-1] if "--section" in command.words else command.module.split(".")[-1]
        section = params.merged(self.common, self.section(name))
        cost, trainer = trainings.training_cost(section), section["trainer"]
        network = trainings.build(section["model"]["init_args"]["net"])
        weights = sum(p.numel() for p in network.parameters()) * WEIGHTS_BYTES
        ranks = trainer["devices"] * trainer.get("num_nodes", 1)
        read = cost.samples * PACKED_BYTES
        hours = cost.samples * READ_S / 3600
        # one GPU is what the paper has; several nodes share what is accumulated on one
        most = 1 if ranks == 1 else None
        return StageCost(cost.samples, cost.gpu_hours, hours, read, weights, most)

    def labelling(self, command: Command) -> StageCost:
        """Count a forward pass and a 16-bit PNG for each unlabelled panorama."""
        section = self.section(command.words[0])
        hours = self._forward(Path(section["model"]).name, section["size"], UNLABELLED_PANORAMAS)
        cpu = UNLABELLED_PANORAMAS * (PICTURE_S + LABEL_S) / 3600
        count = UNLABELLED_PANORAMAS
        return StageCost(count, hours, cpu, count * PACKED_BYTES, count * LABEL_BYTES)

    def masking(self, command: Command) -> StageCost:
        """Count detector and segmenter on each frame."""
        section = self.section(command.words[0])
        manifest = Path(section["manifest"])
        count = size_of(manifest.parent.name, manifest.stem)
        learned = section["masker"]["class_path"].endswith("GroundedMasker")
        flops = count * SEGMENTER_FLOPS * (1 + DETECTOR_SHARE) * learned
        cpu = count * PICTURE_S / 3600
        read = count * PACKED_BYTES
        gpu = trainings.hours(flops, trainings.PEAK_TF32)
        return StageCost(count, gpu, cpu, read, read / 20)

    def selection(self, command: Command) -> StageCost:
        """Count one look of the judge at each label."""
        section = self.section(command.words[0])
        judge = Path(section["discriminator"]).name
        count = UNLABELLED_PANORAMAS
        hours = self._forward(judge, section["size"], count)
        cpu = count * PICTURE_S / 3600
        return StageCost(count, hours, cpu, count * (PACKED_BYTES + LABEL_BYTES), 0.0)

    def teacher_check(self, command: Command) -> StageCost:
        """Count the teacher on views of a few hundred panoramas."""
        flops = CHECKED_PANORAMAS * trainings.teacher_flops()
        gpu = trainings.hours(flops, trainings.PEAK_TF32)
        return StageCost(CHECKED_PANORAMAS, gpu, FEW_HOURS, processes=1)

    def evaluation(self, command: Command) -> StageCost:
        """Count one model on the sets of `evaluate`."""
        section = self.section("evaluate")
        files = [Path(given["manifest"]) for given in section["datasets"].values()]
        count = sum(size_of(file.parent.name, file.stem) for file in files)
        hours = self._forward(command.item, section["size"], count)
        return StageCost(count, hours, count * PICTURE_S / 3600, count * PACKED_BYTES)

    def suites(self, command: Command) -> StageCost:
        """Count every model on every suite."""
        from experiments.benchmark.suites.catalogue import SUITES  # reads all published numbers

        section = self.section("suites")
        wanted = section.get("only") or SUITES
        count = sum(part.expected for name in wanted for part in SUITES[name].datasets)
        hours = sum(self._forward(m, section["size"], count) for m in section["models"])
        total = count * len(section["models"])
        return StageCost(total, hours, total * PICTURE_S / 3600, total * PACKED_BYTES)

    def few_minutes(self, command: Command) -> StageCost:
        """Count what one process does in minutes."""
        return StageCost(cpu_hours=FEW_HOURS, processes=1)

    def _forward(self, model: str, size: tuple[int, int], count: int) -> float:
        """Return GPU-hours of forward passes; none for a baseline or a network of the box."""
        if model not in self.sections:
            return 0.0
        section = self.section(model)["model"]["init_args"]
        channels = 4 if "labeler" in section else 3
        flops = count * trainings.network_flops(section["net"], (1, channels, *size))
        return trainings.hours(flops, trainings.peak_of(section["net"]))


_KINDS: Mapping[str, Callable[[Estimator, Command], StageCost]] = {
    "worlds": Estimator.worlds,
    "manifest": Estimator.manifest,
    "da2_curate": Estimator.curation,
    "train_da2": Estimator.training,
    "da2_outpaint": Estimator.curation,
    "train_da2_outpainted": Estimator.training,
    "train_da2_authors": Estimator.training,
    "train_teacher": Estimator.training,
    "check_teacher": Estimator.teacher_check,
    "depth_anywhere_masks": Estimator.masking,
    "train_student": Estimator.training,
    "train_metric": Estimator.training,
    "train_dap_labeler": Estimator.training,
    "dap_label_1": Estimator.labelling,
    "train_dap_discriminator": Estimator.training,
    "dap_curate": Estimator.selection,
    "train_dap_realism": Estimator.training,
    "dap_label_2": Estimator.labelling,
    "train_dap": Estimator.training,
    "evaluate": Estimator.evaluation,
    "evaluate_box": Estimator.evaluation,
    "evaluate_baseline": Estimator.evaluation,
    "suites": Estimator.suites,
    "gallery": Estimator.few_minutes,
    "cost": Estimator.few_minutes,
    "report": Estimator.few_minutes,
}


def stage_costs(root: Path, path: Path) -> dict[str, StageCost]:
    """Return the cost of every stage that a values file asks for, in the order of dvc.yaml."""
    estimator = Estimator(path)
    return {c.name: estimator.cost(c) for c in commands(root, estimator.sections)}
