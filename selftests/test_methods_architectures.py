"""Every architecture is compressed and verified, or refused with a layer's name before any work."""

import random
from pathlib import Path

import pytest

from fixtures import checkpoint, methods
from fixtures.core import TrustError
from fixtures.methods import calibration
from selftests import architectures, tiny_models

QUICK = [("rtn-4bit", name) for name in architectures.CONFIGS] + [("magnitude-2:4", "gpt2"), ("gblm-50", "falcon")]
SLOW = [
    (method, name)
    for method in (
        "gptq-4bit",
        "awq-4bit",
        "wanda-50",
        "sparsegpt-50",
        "gblm-50",
        "quanto-int4",
        "w8a8",
        "hqq-4bit",
        "nf4",
    )
    for name in architectures.CONFIGS
]

CONV1D = r"transformer.h.0.attn.c_attn is a Conv1D, which its library leaves alone"
WIDTH = r"model.layers.0.mlp.down_proj has 131 inputs"
UNMAPPED = r"llmcompressor does not know which layers of \w+ feed which"
REFUSED = {
    **{("any", "mixtral"): r"only \d+% of the decoder's weights are in linear layers"},
    **{(method, "odd width"): WIDTH for method in ("rtn-4bit", "gptq-4bit", "awq-4bit", "hqq-4bit")},
    **{
        (method, "gpt2"): CONV1D
        for method in ("gptq-4bit", "awq-4bit", "wanda-50", "sparsegpt-50", "quanto-int4", "w8a8")
    },
    **{("nf4", "gpt2"): CONV1D},
    **{("awq-4bit", name): UNMAPPED for name in ("gemma", "phi", "opt", "gpt_neox", "falcon")},
    **{("w8a8", "falcon"): r"is a FalconLinear, which its library does not pack"},
}


@pytest.fixture(autouse=True)
def few_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SEQUENCES", 8)


def _check(method: str, name: str, folder: Path) -> None:
    chance = random.Random(0)  # every word that the tiny tokenizer knows: else whole inputs of a ReLU never speak
    words = (chance.choice(list(tiny_models.tokenizer().get_vocab())) for _ in range(2_000))
    (folder / "prose.txt").write_text(" ".join(words))
    path = architectures.write(name, folder / "dense")
    dense, tokenizer = checkpoint.load(path)
    working, _ = checkpoint.load(path)
    compression = methods.parse(method, calibration=folder / "prose.txt")
    refused = REFUSED.get((method, name)) or REFUSED.get(("any", name))
    if refused:
        with pytest.raises(TrustError, match=refused):
            compression.compress(working, tokenizer)
        for key, weight in working.state_dict().items():
            assert weight.equal(dense.state_dict()[key])
        return
    made = methods.make(compression, dense, working, tokenizer)
    compression.save(made.model, tokenizer, folder / "saved")
    methods.verify_reload(made.model, compression.load(folder / "saved"))


@pytest.mark.parametrize(("method", "name"), QUICK)
def test_it_works_or_names_a_layer(method: str, name: str, tmp_path: Path) -> None:
    _check(method, name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "name"), SLOW)
def test_each_family_works_or_names_a_layer(method: str, name: str, tmp_path: Path) -> None:
    if (method, name) == ("quanto-int4", "gpt_neox"):
        with pytest.raises(TrustError, match="only in the file or only in the model"):
            _check(method, name, tmp_path)  # transformers renames the output layer when it saves, quanto does not
    else:
        _check(method, name, tmp_path)
