"""An optimisation of a skill that shows its progress, and goes on from a file where it was stopped."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.errors import CommandError
from trainer.checkpoint import Checkpoint, checkpoint_from_bytes, named
from trainer.methods.tensors import FormatError
from trainer.skill.optimisation import SkillLoss, SkillState, SkillStep

# In a file, where no bar is seen, a line comes this often; as often the state is saved.
_SHOWN_STEPS = 10
Loss = dict[str, float | None]


class ResumableRun:
    """One optimisation, named `what` in its progress, with its state in `file`."""

    def __init__(self, console: Console, file: Path, what: str, recipe: Mapping[str, Any], data: str) -> None:
        """`recipe` and `data`, the digest of what is learned from, decide the run: a file of others is
        refused.
        """
        self._console = console
        self._file = file
        self._what = what
        self._recipe = dict(recipe)
        self._data = data

    def check(self) -> None:
        """Raise CommandError where the file belongs to another recipe, or was not learned from this data."""
        self._saved()

    def follow(
        self, begin: Callable[[SkillState | None], Iterator[SkillLoss | SkillStep]]
    ) -> tuple[list[torch.Tensor], list[Loss]]:
        """Run to the end; return the tensors learned, on the CPU, and the held-out losses on the way."""
        state, losses = self._saved()
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
            console=self._console,
        ) as bar:
            task = bar.add_task(self._what, total=None, said="", visible=self._console.is_terminal)
            for happened in begin(state):
                if isinstance(happened, SkillLoss):
                    losses.append(self._told(happened))
                    if state is not None:
                        self._save(state, losses)
                    continue
                state = happened.state
                said = f"loss {happened.loss:.2f}, {happened.tokens_per_second:.0f} tokens/s"
                bar.update(task, completed=happened.step, total=happened.steps, said=said)
                if happened.step % _SHOWN_STEPS == 0:
                    self._save(state, losses)
                    if not self._console.is_terminal:
                        left = f"{happened.eta_seconds / 60:.0f} min to go"
                        self._console.print(
                            f"{self._what}, step {happened.step} of {happened.steps}, {said}, {left}"
                        )
        assert state is not None
        self._save(state, losses)
        return [tensor.detach().clone().cpu() for tensor in state.tensors], losses

    def _told(self, found: SkillLoss) -> Loss:
        self._console.print(
            f"{self._what}, step {found.step}: loss of answers {_shown(found.answer_loss)}, "
            f"of silence {_shown(found.silence_loss)}"
        )
        return {"step": found.step, "answered": found.answer_loss, "unanswered": found.silence_loss}

    def _saved(self) -> tuple[SkillState | None, list[Loss]]:
        """The state that was saved, and the losses until then."""
        if not self._file.exists():
            return None, []
        try:
            checkpoint = checkpoint_from_bytes(self._file.read_bytes())
        except FormatError as error:
            raise CommandError(f"{self._file} cannot be read: {error}. Delete it to begin again.") from error
        kept = checkpoint.facts
        if kept["recipe"] != self._recipe:
            raise CommandError(
                f"{self._file} belongs to another recipe or start: choose another folder, or delete it."
            )
        if kept["data"] != self._data:
            raise CommandError(
                f"{self._file} was learned from other data: choose another folder, or delete it."
            )
        tensors = checkpoint.part("tensors")
        state = SkillState(
            [tensors[str(number)] for number in range(len(tensors))],
            checkpoint.part("optimiser"),
            kept["step"],
        )
        return state, list(kept["losses"])

    def _save(self, state: SkillState, losses: list[Loss]) -> None:
        tensors = {str(number): tensor for number, tensor in enumerate(state.tensors)}
        facts = {"recipe": self._recipe, "data": self._data, "step": state.step, "losses": losses}
        checkpoint = Checkpoint(named("tensors", tensors) | named("optimiser", state.optimiser), facts)
        half = self._file.with_suffix(".part")
        half.write_bytes(checkpoint.to_bytes())
        half.replace(self._file)


def _shown(loss: float | None) -> str:
    return "none" if loss is None else f"{loss:.3f}"
