"""How fast options are scored: this engine beside lm-evaluation-harness, one process, one random-weight Llama.

    python -m benchmarks.scoring_speed [--samples=48]

Seconds are CPU seconds of one thread, so that other work on the machine does not count. The harness runs at the best
of several batch sizes, found on a few samples. The floor is the arithmetic of the unique tokens, 2 x parameters x
tokens of the prefix tree, at the speed of this machine's matrix multiplication; it counts the output embedding at every
token, which nobody needs, so more than 100 % is possible.
"""

import argparse
import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from fixtures.core import Demonstration, Sample, Task
from fixtures.engines.hf import HfEngine

VOCABULARY = 32_000
BATCH_SIZES = (4, 8, 16)


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of 32,000 invented words, one token each."""
    words = {"<s>": 0, **{f"w{index}": index for index in range(1, VOCABULARY)}}
    plain = Tokenizer(models.WordLevel(words, unk_token="<s>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=plain, bos_token="<s>", eos_token="<s>")


def model() -> LlamaForCausalLM:
    """Return a random-weight Llama of 14.5 million parameters."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=256,
            intermediate_size=688,
            num_hidden_layers=8,
            num_attention_heads=8,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
        )
    )


def samples(count: int, prompt: int, shots: int) -> list[Sample]:
    """Return samples with 3 options of 2 to 6 words after `prompt` words and `shots` examples of 60 words."""
    draw = random.Random(0)

    def words(length: int) -> str:
        return " ".join(f"w{draw.randrange(1, VOCABULARY)}" for _ in range(length))

    shown = tuple(Demonstration(words(58), f" {words(2)}") for _ in range(shots))
    return [
        Sample(
            id=str(number),
            prompt=words(draw.randint(prompt - 20, prompt + 20)),
            choices=tuple(f" {words(draw.randint(2, 6))}" for _ in range(3)),
            cluster=str(number),
            demonstrations=shown,
        )
        for number in range(count)
    ]


def ours(net: Any, words: Any, asked: Sequence[Sample]) -> list[float]:
    engine = HfEngine(net, words)
    found = {answer.sample_id: answer for answer in engine.answer(Task("speed", tuple(asked), readout="choices"))}
    if engine.notes:
        raise SystemExit(engine.notes[0])
    return [score for sample in asked for score in found[sample.id].loglikelihoods]


def theirs(net: Any, words: Any, asked: Sequence[Sample], batch_size: int) -> list[float]:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    render = HfEngine(net, words).render
    pairs = [(render(sample, "raw"), choice) for sample in asked for choice in sample.choices]
    requests = [Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=0) for pair in pairs]
    lm: Any = HFLM(pretrained=net, tokenizer=words, batch_size=batch_size)
    return [score for score, _ in lm.loglikelihood(requests, disable_tqdm=True)]


def timed(work: Callable[[], list[float]]) -> tuple[list[float], float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def floor(net: Any, asked: Sequence[Sample]) -> float:
    """Return the seconds that the unique tokens cost at the speed of this machine's matrix multiplication."""
    one, other = torch.rand(1024, 1024), torch.rand(1024, 1024)
    speed = 2 * 1024**3 / min(timed(lambda: (one @ other)[0, :1].tolist())[1] for _ in range(20))
    shown = sum(len((shot.prompt + shot.answer).split()) for shot in asked[0].demonstrations)
    unique = shown + sum(len(f"{sample.prompt}{''.join(sample.choices)}".split()) for sample in asked)
    return 2 * parameters(net) * unique / speed


def parameters(net: Any) -> int:
    return sum(weights.numel() for weights in net.parameters())


def compare(name: str, net: Any, words: Any, asked: Sequence[Sample]) -> None:
    few = asked[:12]
    theirs(net, words, few[:2], 1)
    batch_size = min(BATCH_SIZES, key=lambda size: timed(lambda: theirs(net, words, few, size))[1])
    expected, slow = timed(lambda: theirs(net, words, asked, batch_size))
    ours(net, words, few)
    found, fast = timed(lambda: ours(net, words, asked))
    apart = max(abs(one - other) for one, other in zip(found, expected, strict=True))
    print(
        f"{name:<28} lm-evaluation-harness {slow:6.2f} s (batch {batch_size})   ours {fast:6.2f} s   "
        f"{slow / fast:5.1f} times faster, {floor(net, asked) / fast:4.0%} of the floor, difference {apart:.1g}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=48)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    logging.disable(logging.WARNING)
    net, words = model(), tokenizer()
    print(f"Llama of {parameters(net) / 1e6:.1f} M parameters, {chosen.samples} samples of 3 options")
    compare("zero-shot, 100 tokens", net, words, samples(chosen.samples, prompt=100, shots=0))
    compare("300 tokens shared, then 40", net, words, samples(chosen.samples, prompt=40, shots=5))


if __name__ == "__main__":
    main()
