"""The device that an option names."""

import torch

from trainer.llm.availability import ModelUnavailableError


def named_device(name: str) -> torch.device:
    """The device of this name; "auto" is the first CUDA device, or the CPU where there is none.

    Raises ModelUnavailableError when it is not there.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        target = torch.device(name)
    except RuntimeError as error:
        raise ModelUnavailableError(f"There is no device {name!r}: use auto, cpu, cuda or cuda:N.") from error
    if target.type == "cuda":
        index = target.index or 0
        if index >= torch.cuda.device_count():
            raise ModelUnavailableError(
                f"There is no device {name!r}: {torch.cuda.device_count()} CUDA devices are visible."
            )
        target = torch.device("cuda", index)
    return target
