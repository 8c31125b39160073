"""LABEL=recipe:FILE: an llmcompressor recipe is applied, held to what it says itself, or refused before any work."""

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fixtures import checkpoint, methods
from fixtures.core import TrustError
from fixtures.methods import calibration, measure, recipe
from fixtures.methods.layers import linears, matrix
from fixtures.methods.oneshot import oneshot
from fixtures.methods.recipe_file import build, steps
from fixtures.methods.verify import _scales
from selftests import tiny_models
from selftests.house import QUICK, House
from selftests.test_ready_gated import export

HEAD = 'ignore: ["re:.*lm_head"]'
INT4 = """config_groups:
  all:
    targets: [Linear]
    weights: {num_bits: 4, type: int, symmetric: false, strategy: group, group_size: 32}"""
GPTQ = f"GPTQModifier:\n  {HEAD}\n  actorder: weight\n  dampening_frac: 0.01\n" + textwrap.indent(INT4, "  ")
ROUND = f"QuantizationModifier:\n  {HEAD}\n" + textwrap.indent(INT4, "  ")
HALF = f"WandaPruningModifier: {{sparsity: 0.5, {HEAD}}}"
SPARSE = f'SparseGPTModifier: {{sparsity: 0.5, mask_structure: "2:4", {HEAD}}}'


def recipe_of(*modifiers: str) -> str:
    """Lay modifiers out as llmcompressor does."""
    return "default_stage:\n  default_modifiers:\n" + textwrap.indent("\n".join(modifiers), "    ")


def scheme(name: str, modifier: str = "QuantizationModifier") -> str:
    return f"{modifier}: {{targets: [Linear], scheme: {name}, ignore: [lm_head]}}"


@pytest.fixture(autouse=True)
def few_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SEQUENCES", 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("llama")
    return tiny_models.llama(made, max_position_embeddings=32, tie_word_embeddings=False, intermediate_size=192)


@pytest.fixture
def parse(tmp_path: Path) -> Callable[..., methods.Method]:
    def parse(*modifiers: str, seed: int = 0) -> methods.Method:
        file = tmp_path / "recipe.yaml"
        file.write_text(recipe_of(*modifiers))
        return methods.parse(f"ours=recipe:{file}", seed=seed)

    return parse


def made(folder: Path, method: methods.Method) -> tuple[Any, Any]:
    """Return the dense model, and what was made and verified."""
    dense, tokenizer = checkpoint.load(folder)
    working, _ = checkpoint.load(folder)
    return dense, methods.make(method, dense, working, tokenizer)


def test_a_gptq_recipe_gives_the_weights_of_the_built_in_method(folder: Path, parse: Any) -> None:
    ours = measure.weights(made(folder, parse(GPTQ))[1].model)
    theirs = measure.weights(made(folder, methods.parse("gptq-4bit-g32"))[1].model)
    dense = measure.weights(checkpoint.load(folder)[0])
    assert all(torch.equal(ours[name], theirs[name]) for name in dense)
    assert not all(torch.equal(ours[name], dense[name]) for name in dense)


GOOD = {
    "gptq": (GPTQ,),
    "round": (ROUND,),
    "sparsegpt": (SPARSE,),
    "wanda": (HALF,),
    "pruned and rounded": (SPARSE, ROUND),
    "awq": ("AWQModifier: {n_grid: 4}", ROUND),
    "smoothquant": ("SmoothQuantModifier: {smoothing_strength: 0.8}", scheme("W8A8", "GPTQModifier")),
    "static inputs": (scheme("FP8"),),
    "fp8": (scheme("FP8_DYNAMIC"),),
    "nvfp4": (scheme("NVFP4"),),
    "output layer": (ROUND.replace(HEAD, "ignore: []").replace("[Linear]", "[Linear, lm_head]"),),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_recipe_keeps_what_it_says_and_what_is_stored_is_what_was_verified(
    name: str, folder: Path, parse: Any, tmp_path: Path
) -> None:
    method = parse(*GOOD[name])
    dense, result = made(folder, method)
    method.save(result.model, tiny_models.tokenizer(), tmp_path / "out")
    loaded = method.load(tmp_path / "out")
    found = methods.verify_reload(result.model, loaded)
    assert found["reload_weight_difference"] == 0
    methods.verify(dense, loaded, method)
    assert methods.parse(f"again=recipe:{tmp_path / 'out' / 'recipe.yaml'}").promise == method.promise
    assert ("lm_head.weight" in result.verified["skipped"]) == (name != "output layer")
    assert result.verified["layers"] == len(linears(dense)) + (name == "output layer")
    assert result.verified["recipe"] == "recipe.yaml"


def test_zeros_and_grid_of_two_modifiers_are_both_promised(folder: Path, parse: Any) -> None:
    method = parse(SPARSE, ROUND)
    dense, result = made(folder, method)
    assert result.verified["said"] == ["SparseGPTModifier", "QuantizationModifier"]
    promise = method.promises(dense)["model.layers.0.mlp.up_proj"]
    assert (promise.grid.bits, promise.zeros.pattern, promise.zeros.count) == (4, (2, 4), "at least")
    assert promise == method.promise
    assert result.verified["sparsity"] >= 0.5
    assert result.verified["max_levels"] <= 16
    assert result.verified["effective_bits"] == 4 + (32 + 4) / 32


def test_layers_that_a_recipe_ignores_stay_bit_equal_and_others_get_their_own_promise(folder: Path, parse: Any) -> None:
    eight = ROUND.replace("num_bits: 4", "num_bits: 8").replace("[Linear]", '["re:.*down_proj"]')
    four = GPTQ.replace(HEAD, 'ignore: ["re:.*lm_head", "re:.*down_proj", model.layers.1.self_attn.q_proj]')
    method = parse(four, eight)
    dense, result = made(folder, method)
    grids = {name: promise.grid.bits for name, promise in method.promises(dense).items()}
    assert sorted(grids) == sorted(set(linears(dense)) - {"model.layers.1.self_attn.q_proj"})
    assert {bits for name, bits in grids.items() if name.endswith("down_proj")} == {8}
    assert {bits for name, bits in grids.items() if not name.endswith("down_proj")} == {4}
    kept = "model.layers.1.self_attn.q_proj"
    assert torch.equal(matrix(result.model.get_submodule(kept)), matrix(dense.get_submodule(kept)))
    assert f"{kept}.weight" in result.verified["skipped"]


def _halve(model: Any, *_: object) -> None:
    """Prune as many weights as was asked for, but not in the pattern."""
    for layer in linears(model).values():
        weight = matrix(layer)
        weight[:, : weight.shape[1] // 2] = 0


@pytest.mark.parametrize(
    ("modifiers", "instead", "message"),
    [
        ((GPTQ,), lambda *_: None, "is unchanged: the compression did nothing to it"),
        ((SPARSE,), lambda *_: None, "is unchanged: the compression did nothing to it"),
        (GOOD["awq"], lambda *_: None, "moved no scale"),
        ((HALF,), lambda model, *_: model.lm_head.weight.data.mul_(2), "lm_head.weight was changed, but"),
        ((SPARSE,), _halve, "keeps 4 of 4"),
    ],
)
def test_a_library_that_does_something_else_is_caught(
    modifiers: tuple[str, ...], instead: Any, message: str, folder: Path, parse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "oneshot", instead)
    with pytest.raises(TrustError, match=message):
        made(folder, parse(*modifiers))


def test_only_vectors_may_be_rescaled_beside_the_layers_that_a_recipe_takes(folder: Path) -> None:
    """A linear layer that may give scales, and is not quantized, must stay bit-equal."""
    dense, _ = checkpoint.load(folder)
    assert {dense.get_parameter(name).dim() for name in _scales(dense)} == {1}


def test_smoothquant_leaves_a_layer_alone_that_reads_no_norm(folder: Path, parse: Any) -> None:
    method = parse("SmoothQuantModifier: {}", ROUND.replace(HEAD, 'ignore: [lm_head, "re:.*down_proj"]'))
    assert "model.layers.0.mlp.down_proj.weight" in made(folder, method)[1].verified["skipped"]


def test_more_bits_than_the_recipe_says_are_caught(
    folder: Path, parse: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "eight.yaml"
    more = build(file, steps(file, recipe_of(ROUND.replace("num_bits: 4", "num_bits: 8"))))
    real = oneshot
    monkeypatch.setattr(recipe, "oneshot", lambda model, tokenizer, _, *rest: real(model, tokenizer, more, *rest))
    with pytest.raises(TrustError, match=r"has \d+ values in one group of 32; 4 bits allow 16"):
        made(folder, parse(ROUND))


def test_what_llmcompressor_writes_of_a_recipe_is_read_again(folder: Path, parse: Any, tmp_path: Path) -> None:
    from llmcompressor.recipe import Recipe

    for name in GOOD.keys() - {"awq"}:  # which it cannot read itself before it has been applied
        method = parse(*GOOD[name])
        written = tmp_path / "written.yaml"
        Recipe.from_modifiers(method.modifiers).yaml(str(written))
        again = methods.parse(f"ours=recipe:{written}")
        dense, _ = checkpoint.load(folder)
        assert again.promises(dense) == method.promises(dense), name


def test_the_digest_is_of_the_recipes_content_and_of_the_calibration_where_it_matters(parse: Any) -> None:
    assert parse(GPTQ).digest == parse(GPTQ).digest
    assert len({parse(GPTQ).digest, parse(ROUND).digest, parse(GPTQ, seed=1).digest, parse(f"{GPTQ}\n# x").digest}) == 4
    assert parse(ROUND, seed=1).digest == parse(ROUND).digest, "rounding reads no text"
    assert "calibration" not in parse(ROUND).facts(tiny_models.tokenizer())
    assert parse(GPTQ).facts(tiny_models.tokenizer())["calibration"] == "bundled"


def test_stages_are_applied_in_turn(tmp_path: Path) -> None:
    """As llmcompressor's examples write them."""
    file = tmp_path / "recipe.yaml"
    first, second = (textwrap.indent(part, "    ") for part in (SPARSE, ROUND))
    text = f"a_stage:\n  run_type: oneshot\n  x_modifiers:\n{first}\nb_stage:\n  y_modifiers:\n{second}\n"
    file.write_text(text)
    assert [step.name for step in steps(file, text)] == ["SparseGPTModifier", "QuantizationModifier"]
    assert methods.parse(f"ours=recipe:{file}").promise.zeros


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"names no modifier; give one of AWQModifier, GPTQModifier"),
        ("a: [1", r"line 1: is not YAML \(.+\); mend it"),
        ("a:\n  b\n c: d", r"line 3: is not YAML"),
        (recipe_of("GPTQModifier:\n  a: &a [*a]"), r"line 4: a value holds itself; write it out"),
        ("- GPTQModifier", r"line 1: a recipe is STAGE_stage, GROUP_modifiers below it"),
        ("stage: {}", r"line 1: stage does not end in _stage, so llmcompressor would pass it by in silence"),
        ("a_stage:\n  quant: {}", r"line 2: quant does not end in _modifiers, so"),
        ("a_stage:\n  b_modifiers:\n    GPTQModifier", r"line 3: a recipe is"),
        ("a_stage:\n  b_modifiers: {}", "names no modifier"),
        (recipe_of(HALF, HALF), r"line 4: WandaPruningModifier is given twice; leave one out"),
        (recipe_of("WandaPruningModifier:\n  sparsity: 0.5\n  sparsity: 0.6"), r"line 5: sparsity is given twice"),
        (recipe_of("GPTQModifer: {}"), r"line 3: GPTQModifer is none of those whose effect can be verified: AWQModif"),
        (
            recipe_of("MagnitudePruningModifier: {}"),
            r"line 3: MagnitudePruningModifier is none of those .*=checkpoint:",
        ),
        (recipe_of("GPTQModifier:"), r"line 3: GPTQModifier has no arguments"),
        (
            recipe_of("GPTQModifier:\n  sheme: W4A16"),
            r"line 4: GPTQModifier: unknown argument 'sheme'.*mean 'scheme'\?",
        ),
        (recipe_of("GPTQModifier:\n  initialized_: true"), r"line 4: GPTQModifier: unknown argument 'initialized_'"),
        (
            recipe_of("GPTQModifier:\n  ignore: []\n  block_size: many"),
            r"line 5: GPTQModifier.block_size: .*integer.*; m",
        ),
        (
            recipe_of("QuantizationModifier:\n  scheme: W5"),
            r"line 4: QuantizationModifier.scheme: .*preset scheme name",
        ),
        (recipe_of(f"GPTQModifier:\n  {HEAD}"), r"line 3: GPTQModifier: quantizes no weights; give a scheme"),
        (
            recipe_of(scheme("MXFP4")),
            r"weights of 4 bits, type float, strategy group cannot be verified; those can: int",
        ),
        (recipe_of(scheme("FP8_BLOCK")), "weights of 8 bits, type float, strategy block cannot be verified"),
        (
            recipe_of(f"QuantizationModifier:\n  {HEAD}\n  scheme: W8A8\n  kv_cache_scheme: {{num_bits: 8}}"),
            r"kv_cache_scheme: a cache is no weight; leave it out, and gate the cache with --method=kv-8bit",
        ),
        (
            recipe_of(ROUND + "\n      output_activations: {num_bits: 8}"),
            "output_activations are not rounded here",
        ),
        (recipe_of("SparseGPTModifier: {sparsity: [0.5, 0.5]}"), "give one sparsity, such as 0.5, and no profile"),
        (recipe_of("SparseGPTModifier: {sparsity: 1.5}"), "sparsity 1.5 is no share between 0 and 1"),
        (
            recipe_of('SparseGPTModifier: {sparsity: 0.3, mask_structure: "2:4"}'),
            "sparsity 0.3 and mask_structure 2:4 contradict each other",
        ),
        (recipe_of("AWQModifier: {}"), r"Recipe includes AWQModifier with no subsequent .*; mend the recipe"),
        (recipe_of("SmoothQuantModifier: {}"), "only moves scales, and nothing behind it quantizes"),
        (recipe_of("SmoothQuantModifier: {}", HALF, ROUND), "pruning in the same recipe would hide"),
        (recipe_of(ROUND, "SmoothQuantModifier: {}", GPTQ), "put it before what quantizes"),
        (
            recipe_of("AWQModifier:\n  mappings:\n  - {smooth_layer: a, balance_layers: [b]}", ROUND),
            "line 3: AWQModifier: mappings of its own cannot be traced",
        ),
    ],
)
def test_a_recipe_that_cannot_be_held_to_anything_is_refused_when_it_is_read(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(text)
    with pytest.raises(TrustError, match=message) as error:
        methods.parse(f"ours=recipe:{file}")
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)


def test_a_recipe_that_is_not_there_or_no_text_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match=r"gone.yaml: No such file or directory; name an llmcompressor recipe"):
        methods.parse(f"ours=recipe:{tmp_path / 'gone.yaml'}")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(TrustError, match=r"binary.yaml: is not UTF-8 text; name"):
        methods.parse(f"ours=recipe:{tmp_path / 'binary.yaml'}")


def test_a_label_that_is_a_method_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(recipe_of(ROUND))
    with pytest.raises(TrustError, match="gptq-4bit is a built-in method; give the recipe another label"):
        methods.parse(f"gptq-4bit=recipe:{tmp_path / 'recipe.yaml'}")


@pytest.mark.parametrize(
    ("modifiers", "message"),
    [
        (
            ("QuantizationModifier: {targets: [Linear], scheme: W8A8}",),
            r'take the output layer .*add ignore: \["re:.*lm_h',
        ),
        (("WandaPruningModifier: {sparsity: 0.5}",), r"its targets take the output layer too, without naming it"),
        (
            ("WandaPruningModifier: {sparsity: 0.5, ignore: [lm_head]}",),
            r"ignores lm_head, but llmcompressor 0.14 would",
        ),
        (
            ('WandaPruningModifier: {sparsity: 0.5, ignore: ["re:.*lm_head$"]}',),
            r"ignores lm_head, .* write re:.\*lm_head",
        ),
        (
            ("WandaPruningModifier: {sparsity: 0.5, targets: Linear}",),
            r"takes no linear layer .* a list such as \[Linear\]",
        ),
        ((scheme("W4A16"),), r"q_proj has 64 inputs, not a multiple of 128; add it to ignore, or choose another"),
        ((f'SparseGPTModifier: {{sparsity: 0.6, mask_structure: "3:5", {HEAD}}}',), r"64 inputs, not a multiple of 5"),
        (
            ("AWQModifier: {}", ROUND.replace(HEAD, 'ignore: [lm_head, "re:.*down_proj"]')),
            r"AWQModifier: would move scales through model.layers.0.mlp.down_proj, which no modifier quantizes",
        ),
        (
            ("SmoothQuantModifier: {}", ROUND.replace(HEAD, 'ignore: [lm_head, "re:.*(gate|up)_proj"]')),
            r"SmoothQuantModifier: would move scales through model.layers.0.mlp.gate_proj",
        ),
        (
            (scheme("W8A8").replace("[Linear]", '["re:.*q_proj", "re:.*gate_porj"]'),),
            r"the target re:\.\*gate_porj takes no layer of LlamaForCausalLM",
        ),
        ((SPARSE, GPTQ), r"GPTQModifier: moves the zeros of model.layers.0.* pruned before it"),
        ((SPARSE, HALF), r"WandaPruningModifier: model.layers.0.* is taken by another modifier of its kind too"),
        ((scheme("W8A8").replace("Linear", "Linear, Embedding"),), r"takes model.embed_tokens, a Embedding, of which"),
        ((scheme("W8A8").replace("Linear", "Conv"),), r"the target Conv takes no layer of LlamaForCausalLM; mend it"),
    ],
)
def test_a_recipe_that_does_not_fit_the_model_is_refused_before_any_work(
    modifiers: tuple[str, ...], message: str, folder: Path, parse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "oneshot", lambda *_: pytest.fail("work was done"))
    method = parse(*modifiers)
    with pytest.raises(TrustError, match=message) as error:
        made(folder, method)
    assert str(method.file) in str(error.value)
    assert "\n" not in str(error.value)


def test_gptq_moves_the_zeros_of_a_pruning_in_the_same_pass(folder: Path, tmp_path: Path) -> None:
    """Which is why that pair is refused."""
    model, tokenizer = checkpoint.load(folder)
    both = build(tmp_path, steps(tmp_path, recipe_of(SPARSE, GPTQ)))
    tokens = [[1 + (7 * row + 3 * place) % 90 for place in range(32)] for row in range(8)]
    oneshot(model, tokenizer, both, "ours", tokens)
    zeros = [float((matrix(layer) == 0).float().mean()) for layer in linears(model).values()]
    assert max(zeros) < 0.5, "no longer provoked: the library was mended"


def test_an_output_layer_that_is_the_embeddings_too_is_refused(parse: Any, tmp_path: Path) -> None:
    tied = tiny_models.llama(tmp_path / "tied", intermediate_size=192)
    with pytest.raises(TrustError, match="lm_head is the embeddings too; add ignore"):
        made(tied, parse(*GOOD["output layer"]))


@pytest.mark.parametrize(
    ("modifiers", "said"),
    [
        (
            ("SmoothQuantModifier: {end: 3}", scheme("W8A8")),
            "ValueError SmoothQuantModifier can only be applied",
        ),
        (("AWQModifier: {n_grid: 2}", ROUND), "ZeroDivisionError division by zero; mend the recipe"),
    ],
)
def test_what_llmcompressor_raises_at_a_recipe_is_one_line(
    modifiers: tuple[str, ...], said: str, folder: Path, parse: Any
) -> None:
    with pytest.raises(TrustError, match=f"recipe.yaml: llmcompressor cannot apply it: {said}") as error:
        made(folder, parse(*modifiers))
    assert "\n" not in str(error.value)


def test_a_recipe_gates_the_reference_model_and_is_exported(tmp_path: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "recipe.yaml").write_text(recipe_of(ROUND))
    ran = house.run(QUICK, "--samples=200", "--method=ours=recipe:recipe.yaml")
    assert "[ours-ethics_commonsense-accuracy]" in ran.stdout
    release = house.results()["releases"]["ours"]
    assert release["decision"] in ("ship", "regressed", "inconclusive"), ran.stdout
    assert release["verified"]["recipe"] == "recipe.yaml"
    assert release["verified"]["max_levels"] <= 16
    done = export(house, f"ours=recipe:{tmp_path / 'recipe.yaml'}", "out")
    assert done.returncode == 0, done.stderr
    assert f"artefact_sha256 {release['artefact_sha256']}," in done.stdout


def test_a_recipe_that_is_wrong_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(recipe_of("GPTQModifier: {sheme: W4A16}"))
    ran = House(tmp_path).run("--method=ours=recipe:recipe.yaml")
    assert ran.returncode == 4
    assert "recipe.yaml: line 3: GPTQModifier: unknown argument 'sheme'" in ran.stdout + ran.stderr
