"""The cache of responses: nothing is asked twice, a killed run resumes, `--fresh` asks again once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.core import Response, Sample
from fixtures.responses import ResponseLog

SAMPLES = [Sample(f"s{i}", f"prompt {i}", (" a", " b"), f"c{i}") for i in range(5)]


def _model(asked: list[str], *, dies_after: int = 99) -> Callable[[list[Sample]], Iterator[Response]]:
    def answer(samples: list[Sample]) -> Iterator[Response]:
        for count, sample in enumerate(samples):
            if count == dies_after:
                raise KeyboardInterrupt
            asked.append(sample.id)
            yield Response(sample.id, (-0.1 * len(sample.id), -2.0), (1, 1))

    return answer


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    log = ResponseLog(tmp_path / "log.jsonl", "run", print)
    asked: list[str] = []
    first = log.answers(SAMPLES[:3], _model(asked), fresh=False)
    second = log.answers(SAMPLES, _model(asked), fresh=False)
    assert asked == ["s0", "s1", "s2", "s3", "s4"]
    assert {name: second[name] for name in first} == first


def test_a_killed_run_resumes_where_it_stopped(tmp_path: Path) -> None:
    log = ResponseLog(tmp_path / "log.jsonl", "run", print)
    asked: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        log.answers(SAMPLES, _model(asked, dies_after=2), fresh=False)
    with log.path.open("a") as file:
        file.write('{"run": "run", "sha256": "torn')
    answers = log.answers(SAMPLES, _model(asked), fresh=False)
    assert asked == ["s0", "s1", "s2", "s3", "s4"]
    assert set(answers) == {"s0", "s1", "s2", "s3", "s4"}
    assert log.answers(SAMPLES, _model([], dies_after=0), fresh=False) == answers


def test_fresh_asks_again_once_a_run(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    asked: list[str] = []
    ResponseLog(path, "old", print).answers(SAMPLES, _model([]), fresh=False)
    said: list[str] = []
    new = ResponseLog(path, "new", said.append)
    new.answers(SAMPLES, _model(asked), fresh=True)
    new.answers(SAMPLES, _model(asked), fresh=True)
    assert len(asked) == len(SAMPLES)
    assert said == ["log: 5 measured again: 0 answers changed, log-likelihoods moved by at most 0"]


def test_fresh_says_how_the_answers_differ_from_the_cached_ones(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    said: list[str] = []
    ResponseLog(path, "old", print).answers(SAMPLES[:3], _model([]), fresh=False)

    def another(samples: list[Sample]) -> Iterator[Response]:
        yield from (Response(sample.id, (-2.5, -2.0), (1, 1)) for sample in samples)

    ResponseLog(path, "new", said.append).answers(SAMPLES, another, fresh=True)
    assert said == ["log: 3 measured again: 3 answers changed, log-likelihoods moved by at most 2.3"]


def test_a_sample_with_other_content_is_asked_again(tmp_path: Path) -> None:
    log = ResponseLog(tmp_path / "log.jsonl", "run", print)
    asked: list[str] = []
    log.answers(SAMPLES, _model([]), fresh=False)
    log.answers([Sample("s0", "another prompt", (" a", " b"), "c0")], _model(asked), fresh=False)
    assert asked == ["s0"]
