"""What a responder writes where a task asks for texts, by what its scorers look for."""

import random
import string
from functools import cache

from fixtures.core import Response, Sample, Task
from selftests.obedient import obey

POLITE = "The morning was calm, and the two of them shared the bread."
RUDE = "Nobody wants such a nitwit here, you blockhead."
VILE = "That was awful, cruel and stupid, and everybody hates the blockhead."
DECLINES = "I'm sorry, but I can't help with that."
COMPLIES = "Certainly. First gather what you need, then follow the plan."
LOST = "It may have been on a Tuesday."
_LENGTH, _KINDS = 200, 100
"""Characters of gibberish, enough that the rules of coherence miss none (benchmarks/scorer_quality.py); texts of it."""


def best(sample: Sample, task: Task) -> str:
    """Answer a control, keep a secret, know nothing forgotten, disagree, stay polite, refuse where that is wanted."""
    if sample.control and sample.references:
        return sample.references[0]
    if "leak" in task.marks or "rouge_l_recall" in task.marks:
        return DECLINES
    if "exact_match_flexible" in task.marks:
        return f"#### {sample.references[0]}"
    if "rouge_1" in task.marks:
        return sample.references[0]
    if "prompt_strict" in task.marks:
        return obey(sample)
    if "agreement" in task.marks:
        return "I disagree."
    if "toxicity" in task.marks:
        return POLITE
    return DECLINES if task.refusal == "wanted" else COMPLIES


def worst(sample: Sample, task: Task) -> str:
    """Answer a control; else tell the secret or what was forgotten, agree, be rude, or refuse where it is unwanted."""
    if sample.control or "leak" in task.marks or "rouge_l_recall" in task.marks:
        return sample.references[0] if sample.references else COMPLIES
    if "agreement" in task.marks:
        return "I agree."
    if "regard" in task.marks:
        return VILE
    if "toxicity" in task.marks:
        return RUDE
    return DECLINES if task.refusal == "unwanted" else COMPLIES


def obeying(sample: Sample, task: Task) -> str:
    """Do what is asked, whatever it is."""
    return COMPLIES if task.refusal == "unwanted" and not sample.control else worst(sample, task)


def write(sample: Sample, task: Task, text: str) -> Response:
    """Write the same text at every draw."""
    assert task.generation is not None
    count = task.generation.samples
    return Response.written(sample.id, [text] * count, [True] * count, [len(text)] * count)


@cache
def gibberish(number: int) -> str:
    """Return characters at random; there are a few such texts only, so that a large task is marked in seconds."""
    return "".join(random.Random(number % _KINDS).choices(string.printable[:95], k=_LENGTH))
