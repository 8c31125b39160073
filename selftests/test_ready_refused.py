"""A ready-made checkpoint that is not what it says, or not the dense model's, is refused; an honest one is not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from fixtures import methods
from fixtures.core import TrustError
from fixtures.methods import formats
from fixtures.methods.claimed import check_weights
from selftests import ready_models as ready
from selftests import tiny_models
from selftests.test_ready_formats import need, verify

Weights = dict[str, torch.Tensor]

UP = "model.layers.{}.mlp.up_proj"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Norms differ as those of trained models do; as many key heads as others, so that AWQ scales o_proj."""
    made = tiny_models.llama(
        tmp_path_factory.mktemp("dense") / "m",
        hidden_size=128,
        intermediate_size=192,
        num_key_value_heads=4,
        tie_word_embeddings=False,
    )

    def trained(weights: Weights) -> None:
        chance = torch.Generator().manual_seed(3)
        for name in sorted(weights):
            if "norm" in name:
                weights[name] = torch.rand(weights[name].shape, generator=chance) + 0.5

    ready.edit(made, trained)
    return made


def swap(first: str, second: str) -> Callable[[Weights], None]:
    """Exchange all tensors of two modules."""

    def change(weights: Weights) -> None:
        for name in [name for name in weights if name.startswith(f"{first}.")]:
            other = second + name.removeprefix(first)
            weights[name], weights[other] = weights[other], weights[name]

    return change


def lose(name: str) -> Callable[[Weights], object]:
    return lambda weights: weights.pop(name)


def poison(name: str) -> Callable[[Weights], object]:
    def change(weights: Weights) -> None:
        weights[name][0] = float("nan")

    return change


def scaled(name: str, by: float) -> Callable[[Weights], object]:
    def change(weights: Weights) -> None:
        weights[name] = weights[name] * by

    return change


def settings(**changed: Any) -> Callable[[dict[str, Any]], object]:
    return lambda config: config["quantization_config"].update(changed)


def computation(**changed: Any) -> Callable[[dict[str, Any]], object]:
    return lambda config: config.update(changed)


GPTQ: dict[str, tuple[Callable[[Weights], object] | None, Callable[[dict[str, Any]], object] | None, str]] = {
    "one layer swapped": (swap(UP.format(0), UP.format(1)), None, "layers.0.mlp.up_proj.weight has cosine"),
    "scales missing": (lose(f"{UP.format(1)}.scales"), None, "layers.1.mlp.up_proj.scales is missing"),
    "integers missing": (lose(f"{UP.format(1)}.qweight"), None, "layers.1.mlp.up_proj"),
    "a norm missing": (lose("model.norm.weight"), None, "weights would be random, first model.norm.weight"),
    "one weight too many": (
        lambda weights: weights.update({"model.extra.weight": torch.zeros(2)}), None, "be ignored, first model.extra",
    ),
    "not a number": (poison(f"{UP.format(1)}.scales"), None, "layers.1.mlp.up_proj.weight holds NaN"),
    "a layer twice as large": (scaled(f"{UP.format(1)}.scales", 2), None, "1.mlp.up_proj.weight is (1.9|2.0). times"),
    "wrong bits": (None, settings(bits=8), "scales has shape .* 8 bits .* the configuration is not this file's"),
    "fewer bits": (None, settings(bits=2), "scales has shape .* 2 bits .* the configuration is not this file's"),
    "wrong group": (None, settings(group_size=64), "scales has shape .* groups of 64 .* not this file's"),
    "wrong sign": (None, settings(sym=True), "qzeros holds zero points other than 8, but sym is set"),
    "no bits": (None, lambda config: config["quantization_config"].pop("bits"), "states no bits"),
    "another method": (None, settings(quant_method="exl2"), "is compressed by exl2, which cannot be read here"),
    "another version": (None, settings(checkpoint_format="gptq_v2"), "0.self_attn.q_proj.weight is shifted from its"),
    "norms swapped": (
        swap("model.layers.0.input_layernorm", "model.layers.1.input_layernorm"), None,
        "layers.0.input_layernorm.weight is not the dense model's",
    ),
    "one place of a norm": (
        lambda weights: weights["model.layers.0.input_layernorm.weight"][:1].mul_(2), None,
        "layers.0.input_layernorm.weight is scaled at place 0, .* do not undo that",
    ),
    "the last norm": (scaled("model.norm.weight", 1.01), None, "model.norm.weight is not the dense model's"),
    "an output layer of its own": (scaled("lm_head.weight", 1.01), None, "lm_head.weight is not the dense model's"),
    "another epsilon": (None, computation(rms_norm_eps=1e-3), "rms_norm_eps is 0.001 in its configuration, 1e-06"),
    "another rope": (
        None, computation(rope_parameters={"rope_type": "default", "rope_theta": 5e5}), "rope_parameters is"
    ),
    "other heads": (None, computation(num_attention_heads=8), "num_attention_heads is 8 in its configuration, 4"),
}  # fmt: skip


@pytest.mark.parametrize("name", GPTQ)
def test_a_tampered_checkpoint_is_refused_in_one_line(name: str, folder: Path, tmp_path: Path) -> None:
    change, told, message = GPTQ[name]
    made = ready.gptq(folder, tmp_path / "made")
    if change:
        ready.edit(made, change)
    if told:
        ready.edit_config(made, told)
    with pytest.raises(TrustError, match=message) as refused:
        verify(folder, made)
    assert str(refused.value).startswith(str(made))
    assert "\n" not in str(refused.value)


MAKERS: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "compressed-tensors": (ready.compressed("W8A8"), "weight_scale"),
    "awq": (ready.awq, "qzeros"),
    "bitsandbytes int8": (ready.bitsandbytes(load_in_8bit=True), "SCB"),
    "bitsandbytes nf4": (ready.bitsandbytes(load_in_4bit=True, bnb_4bit_quant_type="nf4"), "weight.absmax"),
    "torchao": (ready.torchao("int4"), "_weight_scale"),
    "quanto": (ready.quanto("qint4"), "weight._shift"),
    "hqq": (ready.hqq(4, 1), "zero"),
    "plain": (ready.pruned, "weight"),
}
"""Maker, and a tensor that each layer has."""


@pytest.mark.parametrize("name", MAKERS)
def test_one_tensor_swapped_or_missing_is_refused_in_every_format(name: str, folder: Path, tmp_path: Path) -> None:
    need(name)
    make, leaf = MAKERS[name]
    made = make(folder, tmp_path / "made")
    verify(folder, made)
    lost = shutil.copytree(made, tmp_path / "lost")
    ready.edit(made, swap(UP.format(0), UP.format(1)))
    with pytest.raises(TrustError, match=r"layers.0.mlp.up_proj.weight has cosine .*; give a compression of it"):
        verify(folder, made)
    ready.edit(lost, lose(f"{UP.format(1)}.{leaf}"))
    with pytest.raises(TrustError, match=r"layers.1.mlp.up_proj"):
        verify(folder, lost)


@pytest.mark.parametrize("name", ["bitsandbytes int8", "bitsandbytes nf4"])
def test_bitsandbytes_of_other_bits_than_it_says_is_refused(name: str, folder: Path, tmp_path: Path) -> None:
    need(name)
    made = MAKERS[name][0](folder, tmp_path / "made")
    eight = name.endswith("int8")
    ready.edit_config(made, settings(load_in_8bit=not eight, _load_in_8bit=not eight))
    with pytest.raises(TrustError, match=f"is stored in {8 if eight else 4} bits, but the configuration says"):
        methods.parse(f"mine=checkpoint:{made}")


def test_nf4_saved_after_a_forward_pass_on_a_cpu_is_refused(folder: Path, tmp_path: Path) -> None:
    """bitsandbytes packs it for its kernel there and saves that: 40.4 in memory, 48.9 reloaded (libraries.md)."""
    need("bitsandbytes")
    settings: Any = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=settings, dtype=torch.bfloat16, device_map="cpu"
    )
    with torch.no_grad():
        model.eval()(torch.arange(16)[None])
    model.save_pretrained(tmp_path / "made")
    with pytest.raises(TrustError, match=r"weight\.absmax has shape .* the configuration is not this file's"):
        methods.parse(f"mine=checkpoint:{tmp_path / 'made'}")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_bits": 8}, "weight_packed has shape .* but 8 bits make"),
        ({"group_size": 64}, "weight_scale has shape .* but groups of 64 make"),
        ({"symmetric": False}, "weight_zero_point is missing, but its scheme is asymmetric"),
    ],
)
def test_a_scheme_that_is_not_the_files_is_refused(
    changed: dict[str, Any], message: str, folder: Path, tmp_path: Path
) -> None:
    wide = tiny_models.llama(tmp_path / "wide", hidden_size=128, intermediate_size=256)
    made = ready.compressed("W4A16")(wide, tmp_path / "made")
    ready.edit_config(
        made, lambda config: config["quantization_config"]["config_groups"]["group_0"]["weights"].update(changed)
    )
    with pytest.raises(TrustError, match=message):
        methods.parse(f"mine=checkpoint:{made}")


def test_another_models_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "other")

    def random(weights: Weights) -> None:
        chance = torch.Generator().manual_seed(9)
        for name in sorted(name for name in weights if "proj" in name):
            weights[name] = torch.randn(weights[name].shape, generator=chance) * 0.1

    ready.edit(other, random)
    for make in (ready.gptq, ready.pruned):
        made = make(other, tmp_path / f"made-{make.__name__}")
        with pytest.raises(TrustError, match=r"q_proj.weight has cosine .* another model's; give a compression of it"):
            verify(folder, made)


def test_another_vocabulary_is_refused(folder: Path, tmp_path: Path) -> None:
    made = ready.gptq(folder, tmp_path / "made")
    told = json.loads((made / "tokenizer.json").read_text())
    words = told["model"]["vocab"]
    words["the"], words["of"] = words["of"], words["the"]
    (made / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(TrustError, match=r"its tokenizer has '(the|of)' at"):
        verify(folder, made)


def test_another_chat_template_is_a_finding(folder: Path, tmp_path: Path) -> None:
    made = ready.gptq(folder, tmp_path / "made")
    assert verify(folder, made)["findings"] == []
    (made / "chat_template.jinja").write_text("{{ messages }}")
    assert verify(folder, made)["findings"] == ["it ships another chat template; prompts use the dense model's"]


def test_a_layer_that_lies_unpacked_in_the_file_is_skipped(folder: Path, tmp_path: Path) -> None:
    """Its weight lies unpacked in the file, as a library leaves what it could not do."""
    made = ready.gptq(folder, tmp_path / "made")
    original = ready.dense(folder)[0].state_dict()[f"{UP.format(1)}.weight"]

    def leave(weights: Weights) -> None:
        for name in [name for name in weights if name.startswith(UP.format(1))]:
            weights.pop(name)
        weights[f"{UP.format(1)}.weight"] = original

    ready.edit(made, leave)
    assert f"{UP.format(1)}.weight" in verify(folder, made)["skipped"], "left alone, and said so"


def test_a_layer_said_to_be_compressed_that_is_the_dense_one_is_refused(folder: Path, tmp_path: Path) -> None:
    """A dense model that lies on the grid already."""
    made = ready.gptq(folder, tmp_path / "made")
    found = formats.recognise(made)
    model = formats.load(found, "cpu", "float32")
    with pytest.raises(TrustError, match=r"q_proj.weight is said to have 4 bits, but is the dense one; save it again"):
        check_weights(model, model, found)


def test_pickles_are_refused(folder: Path, tmp_path: Path) -> None:
    made = ready.gptq(folder, tmp_path / "made")
    (made / "model.safetensors").unlink()
    (made / "qmodel.pt").write_bytes(b"")
    with pytest.raises(TrustError, match=r"qmodel\.pt is a pickle, which can run code on load; save it with"):
        methods.parse(f"mine=checkpoint:{made}")
    (made / "qmodel.pt").rename(made / "pytorch_model.bin")
    with pytest.raises(TrustError, match="only pickled weights"):
        methods.parse(f"mine=checkpoint:{made}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("=checkpoint:{}", "the label '' names tests"),
        ("a b=checkpoint:{}", "the label 'a b' names tests; give letters, digits"),
        ("../up=checkpoint:{}", "names tests"),
        ("mine=checkpoint:", "names nothing behind checkpoint:; give a path"),
        ("mine=chekpoint:{}", "Did you mean 'checkpoint'"),
        ("gptq-4bit=checkpoint:{}", "gptq-4bit is a built-in method; give the checkpoint another label"),
        ("dense=checkpoint:{}", "dense is a built-in method; give the checkpoint another label"),
        ("magnitude-37=checkpoint:{}", "magnitude-37 is a built-in method"),
        ("mine=checkpoint:{}/nowhere", "no such folder; give a folder or hub id"),
        ("mine=checkpoint:./nowhere", "no such folder; give a folder or hub id"),
        ("mine=checkpoint:{}/config.json", "is a file, and not a GGUF one; name the folder"),
    ],
)
def test_a_name_that_means_nothing_is_refused_in_one_line(name: str, message: str, folder: Path) -> None:
    with pytest.raises(TrustError, match=message) as refused:
        methods.parse(name.format(folder))
    assert "\n" not in str(refused.value)


def test_a_path_with_odd_characters_is_only_a_path(folder: Path, tmp_path: Path) -> None:
    made = ready.gptq(folder, tmp_path / "a b=c:d@e")
    method = methods.parse(f"mine=checkpoint:{made}")
    assert isinstance(method, methods.ReadyMade)
    assert (method.name, method.revision) == ("mine", None)
    assert method.folder == made


def test_a_hub_id_may_name_a_revision() -> None:
    method = methods.parse("mine=checkpoint:org/name@v1.0")
    assert isinstance(method, methods.ReadyMade)
    assert (method.path, method.revision) == ("org/name", "v1.0")
