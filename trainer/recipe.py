"""How a version is learned: one validated recipe, kept with every version it made."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Recipe(BaseModel):
    """The settings of one joint training. Two runs of one recipe and book on one CPU give the same prompts,
    unless `budget_seconds` cuts them short.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    objective: Literal["auto", "lm", "self_study", "both"] = Field(
        "auto",
        description="lm, self_study, both in turn; auto is self_study where the LLM has a skill prompt",
    )
    method: Literal["prompt", "prefix", "lora"] = Field(
        "prompt",
        description="what a member is: virtual tokens in front of the text; keys and values in every layer; "
        "or low-rank changes of the queries and values",
    )
    members: int = Field(8, ge=1, le=64, description="members learned together")
    virtual_tokens: int = Field(
        100, ge=1, le=1000, description="positions of one prompt or prefix, or learned for it"
    )
    rank: int = Field(8, ge=1, le=256, description="of the changes that lora learns")
    append: bool = Field(
        False,
        description="with a parent: its virtual tokens stay as they are, and virtual_tokens new ones are "
        "learned behind them",
    )
    row_tokens: int = Field(256, ge=16, le=4096, description="tokens of text in one training row")
    kinds: int = Field(4, ge=1, le=7, description="questions of self-study about a passage, each of a kind")
    passages: int = Field(48, ge=1, le=4096, description="most passages that self-study asks about")
    closed: float = Field(0.5, ge=0, le=1, description="share of self-study's rows without their passage")
    rows: int = Field(1, ge=1, le=64, description="rows each member reads in one step")
    epochs: float = Field(4.0, gt=0, le=1000, description="times each member reads the book")
    budget_tokens: int | None = Field(None, ge=1, description="most tokens of text one member reads")
    budget_seconds: float | None = Field(None, gt=0, description="most seconds to train, evaluation included")
    learning_rate: float | None = Field(
        None, gt=0, le=1, description="AdamW's peak learning rate; by default 0.003, for lora 0.001"
    )
    warmup: float = Field(0.1, ge=0, le=1, description="fraction of training over which the rate rises")
    max_grad_norm: float = Field(1.0, gt=0, description="clip of each member's gradient norm")
    initialisation: Literal["auto", "text", "vocabulary", "blank", "learned"] = Field(
        "auto",
        description="start from embeddings of stretches of the book, random words or line ends, or from "
        "the soft prompts learned with the skill prompt; auto: learned where there are such, else blank "
        "behind a skill prompt, else text",
    )
    heldout: float = Field(0.1, ge=0, lt=1, description="share of the book kept from training to evaluate on")
    seed: int = Field(0, ge=0, lt=2**31, description="of initialisation and reading order; member i adds i")

    @property
    def rate(self) -> float:
        """AdamW's peak learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        return 0.001 if self.method == "lora" else 0.003

    def steps(self, text_tokens: int, row_tokens: int) -> int:
        """Optimiser steps for this many tokens to train on in rows of so many, before a limit in seconds."""
        a_step = self.rows * row_tokens
        wanted = self.epochs * text_tokens
        if self.budget_tokens is not None:
            wanted = min(wanted, self.budget_tokens)
        return max(1, -int(-wanted // a_step))
