"""Prints the tables of docs/performance.md from the results of pytest-benchmark.

Run it with ``python -m tests.benchmarks.report results.json``.
"""

import argparse
import json
from pathlib import Path

GOALS = {  # (what is timed, what it is compared with): the largest acceptable ratio of their times
    ("`measure`, n = 113", "a forward pass"): 0.10,
    ("`measure`, n = 227", "a forward pass"): 0.15,
    ("`measure` of x² + y², n = 113", "of a + b"): 1.5,
    ("`measure` of random answers, n = 113", "of a + b"): 1.5,
    ("all that the example measures of a checkpoint", "a forward pass"): 0.3,
    ("`excluded_loss_per_frequency`, n = 113", "a loop over `excluded_loss`"): 1 / 6,
    ("`excluded_loss_per_frequency`, n = 227", "a loop over `excluded_loss`"): 1 / 25,
    ("`neuron_spectrum` of 512 neurons", "`torch.fft.rfft2` of them"): 1,
    ("a training step of the example", "the matrix products of the plain model's"): 1.2,
    ("a training step of the example", "one through PyTorch's modules"): 1 / 6,
    ("recording a step, n = 113", "100 epochs of the bundled trainer"): 0.02,
    ("a forward pass inside `captured` (its MLP)", "one outside"): 1.05,
    ("a forward pass inside `captured` (its neurons, 25 MiB)", "one outside"): 1.05,
    ("a forward pass inside `ablated` (its MLP)", "one outside"): 1.05,
}
FASTER = 0.5  # a smaller ratio is written as its inverse


def report(results: dict) -> str:
    """Markdown tables: ratios of medians, growth with n, memory."""
    rows = ["| | time | compared with | its time | ratio | goal |", "|---|---|---|---|---|---|"]
    for each in results["benchmarks"]:
        what, time = each["group"], each["stats"]["median"]
        if not what.startswith(("growth", "memory")):
            for name, other in each["extra_info"]["baselines"].items():
                goal = GOALS.get((what, name))
                bound = "–" if goal is None else f"{'≥' if goal < FASTER else '≤'} {_ratio(goal)[0]}"
                ratio = " ".join(_ratio(time / other))
                rows.append(f"| {what} | {_time(time)} | {name} | {_time(other)} | {ratio} | {bound} |")

    found = {each["group"]: each for each in results["benchmarks"]}
    big, file = (found[f"memory, n = {n}"]["extra_info"] for n in (409, 1009))
    times = {n: found[f"growth, n = {n}"]["stats"]["median"] for n in (59, 227, 409)}
    times[113], times[1009] = found["growth, n = 227"]["extra_info"]["baselines"]["n = 113"], file["seconds"]
    growth = ["| n | logits, float32 | `measure` | per million logits |", "|---|---|---|---|"]
    for n, seconds in sorted(times.items()):
        per_million = f"{1e9 * seconds / n**3:.0f} ms"
        growth.append(f"| {n} | {4 * n**3 / 2**20:.0f} MiB | {_time(seconds)} | {per_million} |")
    ratio = times[409] / found["growth, n = 409"]["extra_info"]["baselines"]["n = 113"] / (409 / 113) ** 3
    growth.append(
        f"\nFrom n = 113 to 409 the time grows {ratio:.2f} times as fast as the number of logits (goal: ≤ 1.3). The "
        "two sizes were timed in alternation."
    )

    memory = (
        f"At n = 409 `measure` adds {big['added_peak_MiB']:.0f} MiB to the peak of resident memory (goal: ≤ 512). At "
        f"n = 1009, with 3.8 GiB of logits in a file, the whole process peaks at {file['peak_MiB']:.0f} MiB "
        "(goal: ≤ 2048)."
    )
    return "\n".join([*rows, "", *growth, "", memory])


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{1e3 * seconds:.1f} ms" if seconds < 0.1 else f"{1e3 * seconds:.0f} ms"


def _ratio(ratio: float) -> tuple[str, str]:
    """The number and the words for a ratio of two times."""
    if ratio < FASTER:
        return f"{1 / ratio:.1f}".removesuffix(".0"), "times faster"
    return f"{ratio:.2f}", "times as long"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.report", description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="JSON file written by pytest --benchmark-json")
    print(report(json.loads(parser.parse_args().results.read_text(encoding="utf-8"))))
