from hypothesis import given
from hypothesis import strategies as st

from trainer.objectives.text_rows import split_text, training_rows


@given(length=st.integers(2, 3000), row_tokens=st.integers(16, 512), heldout=st.floats(0, 0.9))
def test_a_split_keeps_every_token_once(length: int, row_tokens: int, heldout: float) -> None:
    tokens = list(range(length))
    reading = split_text(tokens, row_tokens, heldout)
    assert sorted([*reading.text, *(token for block in reading.heldout for token in block)]) == tokens
    assert reading.training_tokens >= length // 2 - 1
    assert all(0 < len(block) <= row_tokens for block in reading.heldout)


@given(length=st.integers(40, 2000), row_tokens=st.integers(16, 300), seed=st.integers(0, 99))
def test_an_epoch_reads_all_there_is_to_train_on_and_nothing_held_out(
    length: int, row_tokens: int, seed: int
) -> None:
    reading = split_text(list(range(length)), row_tokens, 0.1)
    reader = training_rows(reading.text, row_tokens, seed)
    size = min(row_tokens, reading.training_tokens)
    for _ in range(2):
        epoch = [next(reader) for _ in range(-(-reading.training_tokens // size))]
        assert {len(row) for row in epoch} == {size}
        read = [token for row in epoch for token in row]
        assert set(read) == set(reading.text)
        assert len(read) < reading.training_tokens + size


def test_members_read_in_different_orders() -> None:
    reading = split_text(list(range(2000)), 100, 0.1)
    first, second, again = (training_rows(reading.text, 100, seed) for seed in (0, 1, 0))
    order = [next(first) for _ in range(10)]
    assert order != [next(second) for _ in range(10)]
    assert order == [next(again) for _ in range(10)]
