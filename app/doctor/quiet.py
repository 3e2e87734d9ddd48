"""Silence for libraries: what they print, log and warn of is not for who reads the checks."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Keep everything from standard output and standard error, also what is written in C."""
    before = logging.root.manager.disable
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    logging.disable()
    try:
        with warnings.catch_warnings(), open(os.devnull, "w") as python:  # noqa: PTH123 - a device
            warnings.simplefilter("ignore")
            streams = sys.stdout, sys.stderr
            sys.stdout = sys.stderr = python
            for number in (1, 2):
                os.dup2(nowhere, number)
            try:
                yield
            finally:
                sys.stdout, sys.stderr = streams
    finally:
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(nowhere)
        logging.disable(before)
