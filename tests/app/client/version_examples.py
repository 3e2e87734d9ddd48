"""Versions, moves of aliases, comparisons and inspections as the API has them, made up."""

from typing import Any

from app.schemas import (
    AliasMove,
    BaseModelIdentity,
    ComparedAnswers,
    Comparison,
    Difference,
    Inspection,
    MemberLook,
    Norms,
    PromptMember,
    PromptVersion,
    Word,
)
from tests.app.client.examples import answer, book


def prompt(number: int = 1) -> PromptVersion:
    losses = [(4.0, 3.0), (4.2, 3.1)]
    return PromptVersion(
        id=f"version_{number}",
        book=book().id,
        book_title="The Tiger",
        number=number,
        members=[
            PromptMember(member=i, seed=i, sha256="0" * 64, bytes=1000, loss_before=before, loss_after=after)
            for i, (before, after) in enumerate(losses)
        ],
        recipe={},
        base_model=BaseModelIdentity(
            id="tiny-llm", revision=None, hidden_size=8, quantization="int8", dtype="bfloat16"
        ),
        revision=1,
        parent=None,
        skill=None,
        study=None,
        metrics={},
        libraries={},
        data={},
        gate=None,
        pruned=False,
        state="live",
        refused=None,
        aliases=["champion", "latest"],
        bytes=2_000_000,
        job="job_1",
        created_at=1_700_000_000,
    )


def measured(number: int = 1) -> PromptVersion:
    """A version as it is shown alone: with curves, and worse than the champion of its day."""
    version = prompt(number)
    curves = [[4.0, 3.6, 3.2, 3.0], [4.2, 3.9, 3.4, 3.1]]
    members = [
        member.model_copy(update={"curve": curve})
        for member, curve in zip(version.members, curves, strict=True)
    ]
    gate = {"passed": False, "champion": 1, "loss": 3.1, "champion_loss": 2.9, "forced": True}
    return version.model_copy(
        update={"members": members, "gate": gate, "parent": 1, "recipe": {"members": 2, "seed": 0}}
    )


def harmful() -> dict[str, Any]:
    """The metrics of a version whose members make answers worse."""
    return {"adds": {"difference": -0.341, "low": -0.667, "high": -0.033, "questions": 5}}


def moves() -> list[AliasMove]:
    """A promotion and a rollback of it, newest first."""
    told = [(2, 1, True, None), (1, 2, False, "it was\n[red]right"), (None, 1, False, "version 1 published")]
    return [
        AliasMove(
            id=9 - place,
            alias="champion",
            from_version=before,
            to=after,
            rollback=rollback,
            who="admin",
            why=why,
            at=1_700_000_000,
        )
        for place, (before, after, rollback, why) in enumerate(told)
    ]


def comparison(questions: list[str] | None = None) -> Comparison:
    """Two versions, the second of another seed and a little worse, asked the questions or one of the book."""
    one, other = prompt(1), prompt(2).model_copy(update={"aliases": []})
    worse = [
        member.model_copy(update={"loss_after": (member.loss_after or 0) + 0.1}) for member in other.members
    ]
    no_answer = answer().model_copy(update={"answer": None, "confidence": 0.1, "degraded": "untrained"})
    return Comparison(
        book=book().id,
        versions=[one, other.model_copy(update={"members": worse})],
        recipe=[Difference(name="seed", values=[0, 5])],
        metrics=[
            Difference(name="seconds", values=[12.3456, None]),
            Difference(
                name="adds",
                values=[{"difference": -0.2, "low": -0.3, "high": 0.1, "questions": 8}, None],
            ),
        ],
        seed=0,
        questions=[
            ComparedAnswers(
                question=question,
                expected="The tiger" if questions is None else None,
                answers=[answer(question), no_answer],
            )
            for question in (["Who was caught?"] if questions is None else questions)
        ],
    )


def inspection(number: int = 2) -> Inspection:
    """One member of two virtual tokens."""
    look = MemberLook(
        member=0,
        first=[Word(id=7, text=" lamp", position=0, cosine=0.91)],
        frequent=[Word(id=7, text=" lamp", count=2)],
        norms=Norms(mean=2.5, least=2.0, most=3.5),
        moved=None,
    )
    return Inspection(
        book=book().id,
        book_title="The Tiger",
        number=number,
        method="prompt",
        virtual_tokens=2,
        vocabulary_norm=1.4,
        members=[look],
        similarity=[[1.0]],
    )
