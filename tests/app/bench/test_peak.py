import sys

import pytest
import torch

from app.bench.peak import peak

CPU = torch.device("cpu")
SIZE = 200_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak is that of the whole run")
def test_a_peak_is_that_of_the_work_alone() -> None:
    before = peak(lambda: None, CPU)
    large = peak(lambda: torch.ones(SIZE, dtype=torch.uint8), CPU)
    after = peak(lambda: None, CPU)
    if before.kind != "resident in the process":
        pytest.skip("this kernel cannot count a peak anew")
    assert large.bytes - before.bytes == pytest.approx(SIZE, rel=0.2)
    assert after.bytes - before.bytes < SIZE / 4
    assert large.reserved is None
