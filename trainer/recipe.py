"""How a version is learned: one validated recipe, kept with every version it made."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from trainer.options import Method, Placement


class Recipe(BaseModel):
    """The settings of one joint training.

    On one CPU, two runs with the same recipe and book give the same members, unless `budget_seconds` ends
    them early or somebody asks meanwhile: passes are shorter then, and their sums rounded otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    objective: Literal["auto", "lm", "self_study", "both"] = Field(
        "auto",
        description="lm, self_study, both in turn; auto is self_study, without a skill lm",
    )
    method: Method = Field(
        "prompt",
        description="what a member is: virtual tokens in front of the text; keys and values in every layer; "
        "or low-rank changes of the queries and values",
    )
    members: int = Field(8, ge=1, le=64, description="members learned together")
    placement: Placement = Field(
        "front",
        description="where a member stands: before the passages, or behind them, where it acts on question "
        "and answer alone, and one reading of a passage serves all members",
    )
    virtual_tokens: int = Field(
        100, ge=1, le=1000, description="positions of one prompt or prefix, or learned for it"
    )
    rank: int = Field(8, ge=1, le=256, description="of the changes that lora learns")
    append: bool = Field(
        False,
        description="with a parent: its virtual tokens stay as they are, and virtual_tokens new ones are "
        "learned after them",
    )
    row_tokens: int = Field(256, ge=16, le=4096, description="tokens of text in one training row")
    kinds: int = Field(
        4,
        ge=1,
        le=7,
        description="questions of self-study about a passage, each of a kind, by an LLM without an asker",
    )
    questions: int = Field(
        10, ge=1, le=64, description="questions of self-study that an asker asks about a passage"
    )
    pairs: int = Field(
        0, ge=0, le=64, description="questions that an asker asks about a passage and the next one together"
    )
    passages: int = Field(48, ge=1, le=4096, description="most passages that self-study asks about")
    person_weight: int = Field(
        4,
        ge=1,
        le=100,
        description="times that self-study asks a question which a person wrote or corrected, for each time "
        "that it asks one of the LLM's",
    )
    closed: float = Field(0.5, ge=0, le=1, description="share of self-study's rows without their passage")
    distractors: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of self-study's rows that read another passage, near the one that answers, and "
        "are to be answered all the same",
    )
    distillation: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of self-study's loss that asks for what the skill alone says with the right "
        "passage, by its likeliest tokens; the rest asks for the answer",
    )
    rows: int = Field(1, ge=1, le=64, description="rows each member reads in one step")
    epochs: float = Field(4.0, gt=0, le=1000, description="times each member reads the book")
    budget_tokens: int | None = Field(
        None, ge=1, lt=2**53, description="most tokens of text one member reads"
    )
    budget_seconds: float | None = Field(
        None,
        gt=0,
        description="most seconds to write questions, for which half of them are, to learn, and to measure "
        "held-out losses; embedding before and the trial after come on top",
    )
    learning_rate: float | None = Field(
        None, gt=0, le=1, description="AdamW's peak learning rate; by default 0.003, for lora 0.001"
    )
    warmup: float = Field(0.1, ge=0, le=1, description="fraction of training over which the rate rises")
    max_grad_norm: float = Field(1.0, gt=0, description="clip of each member's gradient norm")
    initialisation: Literal["auto", "text", "vocabulary", "blank", "learned"] = Field(
        "auto",
        description="start from embeddings of stretches of the book, random words or line ends, or from "
        "the soft prompts learned with the skill; auto: learned where there are such, else blank "
        "after a skill, else text",
    )
    heldout: float = Field(0.1, ge=0, lt=1, description="share of the book kept from training to evaluate on")
    trial: int = Field(
        12,
        ge=0,
        le=1000,
        description="most held-out questions that are asked with the members and without them, to say what "
        "they add",
    )
    seed: int = Field(0, ge=0, lt=2**31, description="of initialisation and reading order; member i adds i")

    @model_validator(mode="before")
    @classmethod
    def _fields(cls, value: object) -> object:
        """Return a recipe before it is validated. PydanticCustomError: it has a field that there is not."""
        for name in value if isinstance(value, Mapping) else ():
            if name not in cls.model_fields:
                near = sorted(get_close_matches(str(name), cls.model_fields, 2))
                hint = f"did you mean {' or '.join(near)}?" if near else "docs/recipes.md has those there are"
                told = {"name": str(name), "hint": hint, "where": (str(name),)}
                raise PydanticCustomError("no_such_field", "there is no field {name}; {hint}", told)
        return value

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.closed + self.distractors > 1:
            raise ValueError("closed and distractors are shares of the same rows: together at most 1")
        return self

    @property
    def rate(self) -> float:
        """AdamW's peak learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 0.001 if self.method == "lora" else 0.003

    def steps(self, epoch_tokens: int, row_tokens: int) -> int:
        """Optimiser steps for epochs of `epoch_tokens` in rows of `row_tokens`, if no time limit cuts in."""
        step_tokens = self.rows * row_tokens
        total = self.epochs * epoch_tokens
        if self.budget_tokens is not None:
            total = min(total, self.budget_tokens)
        return max(1, -int(-total // step_tokens))


def placement_of(recipe: Mapping[str, Any]) -> Placement:
    """The placement in a stored recipe; recipes from before there was a choice name none."""
    placement: Placement = recipe.get("placement", "front")
    return placement


def method_of(recipe: Mapping[str, Any]) -> Method:
    """The method in a stored recipe; recipes from before there was a choice name none."""
    method: Method = recipe.get("method", "prompt")
    return method
