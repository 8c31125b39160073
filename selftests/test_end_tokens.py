"""What ends a text is the dense model's to say: another end would be counted as trust lost or won."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import checkpoint
from fixtures.core import Generation, Sample, Task, TrustError
from fixtures.methods.formats import recognise
from fixtures.methods.lineage import check_family
from fixtures.pool import Pool
from selftests import ready_models as ready
from selftests import tiny_models

ASKED = Task(
    "texts",
    tuple(Sample(str(n), " ".join(["the", "of", "and", "a"][: 1 + n % 4]), (), str(n)) for n in range(8)),
    readout="generate",
    generation=Generation(12, 6, 2.0),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_models.llama(tmp_path / "dense", intermediate_size=128, tie_word_embeddings=False)


def state(folder: Path, name: str, ends: object) -> None:
    told = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(told | {"eos_token_id": ends}))


@pytest.mark.parametrize(("stated", "expected"), [(None, set()), (5, {5}), ([2, 5], {2, 5}), (0, {0})])
def test_they_are_read_from_the_generation_config_or_else_the_config(
    stated: object, expected: set[int], folder: Path
) -> None:
    state(folder, "config.json", 9)
    state(folder, "generation_config.json", stated)
    assert checkpoint.end_tokens(folder) == expected
    (folder / "generation_config.json").unlink()
    state(folder, "config.json", stated)
    assert checkpoint.end_tokens(folder) == expected


@pytest.mark.parametrize("content", ['{"eos_token_id": ["</s>"]}', "[]", "not JSON"])
def test_a_file_that_names_none_is_refused(content: str, folder: Path) -> None:
    (folder / "generation_config.json").write_text(content)
    with pytest.raises(TrustError, match=r"generation_config.json: .*(mend it|download the model again)"):
        checkpoint.end_tokens(folder)


def test_a_compressed_model_that_names_others_ends_its_texts_as_the_dense_one(folder: Path) -> None:
    state(folder, "generation_config.json", [2, 7])
    given: Any = SimpleNamespace(
        model_path=folder, device="cpu", dtype="auto", chat_template="auto", sampling_seed=0, batch_tokens=None
    )
    pool = Pool(given, "run", print)

    def answers(ends: list[int]) -> list[Any]:
        model, _ = checkpoint.load(folder)
        stated: Any = model.generation_config
        stated.eos_token_id = ends
        return list(pool._asks(model, None).answer(ASKED))

    assert pool.end_tokens == [2, 7]
    assert answers([11, 12, 13]) == answers([2, 7])
    assert any(ended for response in answers([2, 7]) for ended in response.finished)


def test_other_end_tokens_of_a_checkpoint_are_a_finding(folder: Path, tmp_path: Path) -> None:
    made = ready.gptq(folder, tmp_path / "made")
    state(made, "generation_config.json", [2, 5])
    _, tokenizer = checkpoint.load(folder)
    findings = check_family(folder, tokenizer, checkpoint.load_config(made).to_dict(), recognise(made))
    assert findings == ["it ends its texts with tokens [2, 5]; the dense model's [2] are used"]
