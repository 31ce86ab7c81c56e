import time
from types import SimpleNamespace
from unittest.mock import Mock

from experiments.tracking.system_metrics import SystemMetrics, available_monitors
from experiments.tracking.tracker import RunLogger


def test_the_load_of_the_machine_is_logged_until_training_ends() -> None:
    logger = Mock(spec=RunLogger)
    callback = SystemMetrics(every_s=0.01)
    callback.on_train_start(SimpleNamespace(logger=logger, global_step=7), None)  # type: ignore[arg-type]
    end = time.monotonic() + 30
    while logger.log_metrics.call_count < 2 and time.monotonic() < end:
        time.sleep(0.01)
    callback.on_train_end(None, None)  # type: ignore[arg-type]
    count = logger.log_metrics.call_count
    time.sleep(0.05)
    assert logger.log_metrics.call_count == count >= 2
    values, step = logger.log_metrics.call_args.args
    assert step == 7
    assert 0 < values["system/system_memory_usage_percentage"] <= 100
    assert 0 <= values["system/cpu_utilization_percentage"] <= 100


def test_monitors_of_a_machine_without_gpu_are_still_there() -> None:
    assert len(available_monitors()) >= 2
