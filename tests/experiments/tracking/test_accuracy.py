from experiments.tracking.accuracy import COMMON_PROTOCOL, accuracy_metrics
from pano_losses import resolve


def test_scores_of_the_common_protocol_alone_are_named_accuracy() -> None:
    scores = {"absrel": 0.2, "delta1": 0.7, "rmse": 1.0}
    results = {"a": {COMMON_PROTOCOL: scores, "da2_paper": scores}, "b": {"da2_paper": scores}}
    assert accuracy_metrics(results) == {"accuracy/a/absrel": 0.2, "accuracy/a/delta1": 0.7}


def test_the_common_protocol_is_one_of_the_rulebook() -> None:
    assert resolve(COMMON_PROTOCOL).id == COMMON_PROTOCOL
