"""Write benchmarks/compression_table.md: what each method makes of a real small model and of the reference model.

    python -m benchmarks.compression_table --stories=DIR --data=DIR [--method=NAME ...] [--out=FILE]

Perplexity per token of the first articles of the task `wikitext`, each read by itself: of stories260K the start of
WikiText-2's, of the reference model those bundled. A row is a process of its own, so that its peak memory is its own; a
row that is there is not measured again.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fixtures import tasks
from fixtures.tasks import BUNDLED, Source

HERE = Path(__file__).resolve().parents[1]
OUT = HERE / "benchmarks" / "compression_table.md"
REFERENCE = HERE / "fixtures" / "reference" / "model"
_ARTICLES, _CHARACTERS = 20, 2_000
_BITS = (8, 4, 3, 2)
METHODS = [
    "dense",
    *(f"rtn-{bits}bit" for bits in _BITS),
    *(f"gptq-{bits}bit" for bits in _BITS),
    *(f"awq-{bits}bit" for bits in (8, 4, 3)),
    *(f"hqq-{bits}bit" for bits in _BITS),
    *(f"quanto-{kind}" for kind in ("int8", "float8", "int4", "int2")),
    *("llm-int8", "nf4", "fp8", "w8a8", "nvfp4"),
    *(
        f"{name}-{rate}"
        for name in ("magnitude", "wanda", "sparsegpt", "gblm")
        for rate in (20, 50, "1:2", "2:4", "4:8")
    ),
    *("sparsegpt-2:4+rtn-4bit", "sparsegpt-2:4+gptq-4bit", "wanda-50+gptq-4bit"),
]
_HEAD = (
    "| method | model | perplexity | bits a weight | zeros | library, s | whole, s | peak, MB | reload |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---|\n"
)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--stories", type=Path, required=True)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--method", action="append")
    options.add_argument("--rows", type=Path, default=HERE / "benchmarks" / "compression_table.jsonl")
    options.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = options.parse_args()
    models = {"stories260K": given.stories, "reference": REFERENCE}
    if given.one:
        print(json.dumps(measured(given.one[0], given.one[1], models[given.one[1]], given.data)))
        return
    rows = [json.loads(line) for line in given.rows.read_text().splitlines()] if given.rows.is_file() else []
    for method in given.method or METHODS:
        for model in models:
            if any((row["method"], row["model"]) == (method, model) for row in rows):
                continue
            command = [sys.executable, "-m", "benchmarks.compression_table", f"--stories={given.stories}"]
            command += [f"--data={given.data}", "--one", method, model]
            done = subprocess.run(command, capture_output=True, text=True, cwd=HERE, check=False)
            if done.returncode:
                raise SystemExit(done.stderr)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            given.rows.write_text("".join(json.dumps(row) + "\n" for row in rows))
            OUT.write_text(table(rows))
            print(rows[-1], flush=True)


def measured(name: str, model: str, folder: Path, data: Path) -> dict[str, Any]:
    """Return one row; a method that refuses the model says why."""
    from fixtures import checkpoint, methods
    from fixtures.core import TrustError

    method = methods.parse(name, calibration=methods.choose_calibration(None, folder))
    dense, tokenizer = checkpoint.load(folder)
    working, _ = checkpoint.load(folder)
    started = time.monotonic()
    try:
        made = methods.make(method, dense, working, tokenizer)
    except TrustError as error:
        return {"method": name, "model": model, "refused": str(error)}
    with tempfile.TemporaryDirectory() as saved:
        method.save(made.model, tokenizer, Path(saved))
        loaded = made.model if name == "dense" else method.load(Path(saved))
        same = methods.verify_reload(made.model, loaded)
    whole = time.monotonic() - started
    source = Source(data, "WikiText-2") if model == "stories260K" else Source(BUNDLED, "bundled")
    articles = [sample.choices[0][:_CHARACTERS] for sample in tasks.load("wikitext", source).take(_ARTICLES).samples]
    return {
        "method": name,
        "model": model,
        "perplexity": perplexity(loaded, tokenizer, articles),
        "bits": made.verified.get("effective_bits"),
        "zeros": made.verified.get("sparsity"),
        "library": made.compressing,
        "whole": whole,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "reload": same["reload_weight_difference"],
    }


def perplexity(model: Any, tokenizer: Any, articles: list[str]) -> float:
    """Return the perplexity per token, in windows of at most 512 positions of one article, each opened as a text is."""
    import torch

    encoded = [tokenizer(article, add_special_tokens=False, verbose=False)["input_ids"] for article in articles]
    length = min(512, model.config.max_position_embeddings) - 1
    total, count = 0.0, 0
    with torch.no_grad():
        for window in (part for tokens in encoded for part in torch.split(torch.tensor(tokens), length)):
            inputs = torch.cat([torch.tensor([tokenizer.bos_token_id]), window])[None]
            logits = model(input_ids=inputs, use_cache=False).logits[0, :-1].float().log_softmax(-1)
            total -= float(logits.gather(1, window[:, None]).sum())
            count += len(window)
    return math.exp(total / count)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the document."""
    lines = [_line(row) for row in rows if "refused" not in row]
    refused = [f"- `{row['method']}` on {row['model']}: {row['refused']}\n" for row in rows if "refused" in row]
    done = [row for row in rows if "refused" not in row and row["method"] != "dense"]
    library, whole = sum(row["library"] for row in done), sum(row["whole"] for row in done)
    return (
        f"# What each method makes of two small models\n\n{(__doc__ or '').partition(chr(10) * 2)[2]}\n"
        "`library` is the compression alone, `whole` also verifying, saving, loading and verifying again; bits count "
        "scales; peak is the whole process's, two dense copies and the libraries included; reload is the largest "
        "difference of a weight after saving and loading.\n\n"
        f"{_HEAD}{''.join(lines)}\nTogether {whole:.0f} s, of which {whole - library:.0f} s "
        f"({(whole - library) / library:.1%} of the library's {library:.0f} s) are the suite's own.\n"
        f"\n## Refused before any work\n\n{''.join(refused) or '- nothing'}"
        "\n## Owed to a GPU\n\n- every row on a model of 1B to 7B parameters, and peak GPU memory.\n"
    )


def _line(row: dict[str, Any]) -> str:
    bits = "" if row["bits"] is None else f"{row['bits']:.2f}"
    zeros = "" if row["zeros"] is None else f"{row['zeros']:.1%}"
    same = "equal" if row["reload"] == 0 else f"{row['reload']:.1g}"
    return (
        f"| `{row['method']}` | {row['model']} | {row['perplexity']:.2f} | {bits} | {zeros} | {row['library']:.1f} | "
        f"{row['whole']:.1f} | {row['peak']:.0f} | {same} |\n"
    )


if __name__ == "__main__":
    main()
