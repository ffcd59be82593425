import math

import numpy as np
import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_close

LENGTH = 8
TOKENS = torch.tensor([[3, 1, 4, 1, 5, 3, 1, 1]])
REPEATING = 4  # queries of TOKENS whose token has occurred before


def causal(heads=2, length=LENGTH):
    """Patterns that can be written down: the softmax of cosines."""
    q, k = torch.arange(length)[:, None], torch.arange(length)
    scores = torch.stack([torch.cos((head + 1.0) * (7 * q + 3 * k).double()) for head in range(heads)])
    return scores.masked_fill(k > q, -torch.inf).softmax(-1)[None]


def attending(keys, length):
    """A pattern, (batch, 1, query, key), all of whose weight is on one key each; the first where there is none."""
    return torch.eye(length, dtype=torch.float64)[keys.clamp(min=0)][:, None]


def repeated(periods, rows=400, length=32, seed=0):
    """Random tokens that repeat, with a period of each row's own."""
    generator = torch.Generator().manual_seed(seed)
    periods = torch.tensor(periods)[torch.randint(len(periods), (rows, 1), generator=generator)]
    random = torch.randint(10**6, (rows, length), generator=generator)
    return random.gather(1, torch.arange(length) % periods), periods


# compute_head_attention_similarity_score of transformer_lens 3.9.0, error_measure="mul", with the detection patterns of
# its head_detector.py, on the patterns and tokens above. It averages over all 8 queries.
TRANSFORMER_LENS = {
    "previous_token_head": (0.25042547823593575, 0.20971917587057565),
    "duplicate_token_head": (0.14580040448269577, 0.1183144162269393),
    "induction_head": (0.12415628110008445, 0.13075468210333857),
}


def test_scores_are_those_of_transformer_lens_but_for_the_queries_that_count():
    found = {
        "previous_token_head": pm.attention.previous_token_score(causal()) * (LENGTH - 1),
        "duplicate_token_head": pm.attention.duplicate_token_score(causal(), TOKENS) * REPEATING,
        "induction_head": pm.attention.prefix_matching_score(causal(), TOKENS) * REPEATING,
    }
    for name, expected in TRANSFORMER_LENS.items():
        assert_close(found[name] / LENGTH, expected, rtol=1e-12)


def test_uniform_attention():
    pattern = torch.ones(LENGTH, LENGTH).tril()
    pattern = (pattern / pattern.sum(-1, keepdim=True)).expand(3, 5, LENGTH, LENGTH)
    harmonic = sum(1 / k for k in range(1, LENGTH + 1))
    assert_close(pm.attention.previous_token_score(pattern), [(harmonic - 1) / (LENGTH - 1)] * 5, rtol=1e-6)
    # 3 1 4 1 5 3 1 1: one equal token before the query at 3, one at 5, two at 6, three at 7.
    duplicates, tokens = (1 / 4 + 1 / 6 + 2 / 7 + 3 / 8) / 4, TOKENS.expand(3, -1)
    assert_close(pm.attention.duplicate_token_score(pattern, tokens), [duplicates] * 5, rtol=1e-6)
    assert_close(pm.attention.prefix_matching_score(pattern, tokens), [duplicates] * 5, rtol=1e-6)


def test_what_came_after_may_be_the_query_itself():
    tokens = torch.tensor([[7, 7]])
    itself, before = torch.eye(2)[None, None], torch.eye(2)[[0, 0]][None, None]
    assert pm.attention.prefix_matching_score(itself, tokens) == 1
    assert pm.attention.prefix_matching_score(before, tokens) == 0
    assert pm.attention.duplicate_token_score(itself, tokens) == 0
    assert pm.attention.duplicate_token_score(before, tokens) == 1


def test_queries_of_all_sequences_count_the_same():
    # One query repeats in the first sequence, three in the second; only the first has its weight on the earlier one.
    tokens = torch.tensor([[1, 1, 2, 3], [4, 4, 4, 4]])
    pattern = torch.stack([torch.eye(4)[[0, 0, 0, 0]], torch.eye(4)])[:, None]
    assert_close(pm.attention.duplicate_token_score(pattern, tokens), [1 / 4])


def test_later_tokens_do_not_count():
    tokens = torch.tensor([[1, 2, 1, 2]])
    ahead = torch.eye(4)[[2, 3, 3, 3]][None, None]
    assert pm.attention.duplicate_token_score(ahead, tokens) == 0
    assert_close(pm.attention.prefix_matching_score(ahead, tokens), [0.0])


def test_a_fixed_distance_passes_for_induction_only_where_the_period_is_fixed():
    length, place = 32, torch.arange(32)
    for periods, fooled in (([12], 1.0), (list(range(8, 17)), 1 / 9)):
        tokens, period = repeated(periods)
        induction = attending(place - period + 1, length)
        fixed = attending((place - 11).expand(len(tokens), -1), length)
        previous = attending((place - 1).expand(len(tokens), -1), length)
        duplicate = attending(place - period, length)
        pattern = torch.cat([induction, fixed, previous, duplicate], dim=1)
        score = pm.attention.prefix_matching_score(pattern, tokens)
        assert score[0] == 1
        assert score[1].item() == pytest.approx(fooled, abs=0.03)
        assert_close(score[2:], [0.0, 0.0])
        assert_close(pm.attention.previous_token_score(pattern)[1:3], [1 / 31, 1.0])
        assert pm.attention.duplicate_token_score(pattern, tokens)[3] == 1


def test_a_pattern_that_was_captured():
    class Attention(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pattern = torch.nn.Softmax(dim=-1)

        def forward(self, scores):
            return self.pattern(scores)

    model = Attention()
    with pm.captured(model, "pattern") as activations:
        model(causal().log())
    assert_close(pm.attention.previous_token_score(activations["pattern"]), pm.attention.previous_token_score(causal()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rounded_weights_are_weights(dtype):
    scores = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    pattern = scores.softmax(-1)
    expected = pm.attention.previous_token_score(pattern)
    assert_close(pm.attention.previous_token_score(pattern.to(dtype)), expected, rtol=4 * torch.finfo(dtype).eps)


def test_a_sink_may_take_weight():
    assert_close(pm.attention.previous_token_score(0.5 * causal()), pm.attention.previous_token_score(causal()) / 2)


def test_arrays_are_taken():
    found = pm.attention.prefix_matching_score(causal().numpy(), TOKENS.numpy())
    assert_close(found, pm.attention.prefix_matching_score(causal(), TOKENS))
    assert found.dtype == torch.float64


# Copying


def weights():
    i = torch.arange(1.0, 61.0, dtype=torch.float64)
    return (
        torch.sin(i[:28]).view(7, 4), torch.sin(2 * i[:24]).view(2, 4, 3), torch.sin(3 * i[:24]).view(2, 3, 4),
        torch.cos(i[:28]).view(4, 7),
    )  # fmt: skip


def test_copying_score_is_that_of_the_whole_matrix():
    embed, value, out, unembed = weights()
    for head, score in enumerate(pm.attention.copying_score(*weights())):
        eigenvalues = np.linalg.eigvals((embed @ value[head] @ out[head] @ unembed).numpy())
        assert_close(score, eigenvalues.sum().real / np.abs(eigenvalues).sum(), rtol=1e-10)


def test_copying_score_is_that_of_transformer_lens():
    # (W_E @ FactoredMatrix(W_V, W_O) @ W_U).eigenvalues of transformer_lens 3.9.0, as its demonstrations sum them.
    assert_close(pm.attention.copying_score(*weights()), [-0.9774992667775084, 0.9887824425456087], rtol=1e-10)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_copying_score_of_scaled_weights(scale):
    expected = pm.attention.copying_score(*weights())
    assert_close(pm.attention.copying_score(*(scale * x for x in weights())), expected, rtol=1e-10)


def test_copying_score_of_rotations_and_nothing():
    # A rotation of the plane by φ has the eigenvalues exp ±iφ.
    angles = torch.tensor([0.0, 1.0, math.pi / 2, math.pi], dtype=torch.float64)
    turn = torch.stack(
        [torch.stack([angles.cos(), -angles.sin()], -1), torch.stack([angles.sin(), angles.cos()], -1)], 1
    )
    plane = torch.eye(5, 2, dtype=torch.float64)
    identity = torch.eye(2, dtype=torch.float64).expand(4, 2, 2)
    assert_close(pm.attention.copying_score(plane, turn, identity, plane.T), angles.cos(), atol=1e-12)
    assert_close(pm.attention.copying_score(plane, 0 * turn, identity, plane.T), [0.0] * 4)


# In context


def test_in_context_score():
    position = torch.arange(600.0)
    losses = torch.stack([5 - position / 100, 3 - position / 300])
    # At 500 and at 50: 0 and 4.5; 4/3 and 17/6.
    assert_close(pm.attention.in_context_score(losses), (0 + 4 / 3 - 4.5 - 17 / 6) / 2, rtol=1e-6)
    assert_close(pm.attention.in_context_score(losses, 0, 1), -(1 / 100 + 1 / 300) / 2, rtol=1e-4)
    assert pm.attention.in_context_score(losses.numpy(), early=3, late=4).dtype == torch.float64
    assert pm.attention.in_context_score(torch.ones(2, 600, dtype=torch.bfloat16)) == 0


def test_a_circuit_that_is_zero_but_for_rounding_copies_nothing():
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        basis = torch.linalg.qr(torch.randn(8, 8, generator=generator))[0]
        embed = torch.randn(12, 4, generator=generator) @ basis[:4]
        value = basis[4:].T[None]  # reads what no token is embedded in
        out, unembed = torch.randn(1, 4, 8, generator=generator), torch.randn(8, 12, generator=generator)
        assert pm.attention.copying_score(embed, value, out, unembed) == 0
        assert pm.attention.copying_score(embed, value + basis[:4].T[None], out, unembed) != 0


def test_the_positions_that_a_message_names_are_taken():
    losses = torch.arange(20.0).expand(3, 20)
    with pytest.raises(ValueError, match=r"Pass early=1, late=19, or feed longer sequences\.$"):
        pm.attention.in_context_score(losses)
    assert pm.attention.in_context_score(losses, early=1, late=19) == 18
    with pytest.raises(ValueError, match=r"Feed longer sequences\.$"):
        pm.attention.in_context_score(losses[:, :1])
