"""Publishes what a job learned: the version, its aliases and the job's end in one transaction."""

from dataclasses import asdict

from sqlalchemy.orm import Session

from app.answering.contribution import Contribution
from app.answering.skill import LoadedSkill
from app.training import provenance
from app.training.promotion import Decision
from app.training.provenance import Source
from store import job_events, jobs, pruning, versions
from store.tables import Job, Study, Version
from store.versions import NewMember
from trainer.llm.frozen_llm import Identity
from trainer.progress import Learned
from trainer.recipe import Recipe


def publish_trained(
    session: Session,
    job: Job,
    recipe: Recipe,
    learned: Learned,
    adds: Contribution | None,
    identity: Identity,
    decision: Decision,
    source: Source,
    skill: LoadedSkill,
    *,
    study: Study | None = None,
    keep: int = 0,
) -> Version:
    """Publish the members that `job` learned on the LLM `identity` from `source`, and end the job.

    `adds` is what they add to answers, where that was measured.
    `decision` says whether the version becomes the champion. `skill` is what it was learned behind,
    `study` the synthetic questions it learned from. With `keep` above 0, older versions than the last `keep`
    are pruned.

    StaleTokenError: another worker has the job by now, and nothing is published.
    """
    added = None if adds is None else adds.model_dump()
    members = [
        NewMember(
            artifact=artifact,
            seed=recipe.seed + member,
            metrics={
                "loss_before": learned.before.member_losses[member],
                "loss_after": learned.after.member_losses[member],
                "curve": [step[member] for step in learned.curve],
            },
        )
        for member, artifact in enumerate(learned.members.artifacts())
    ]
    version = versions.publish(
        session,
        book_id=job.book_id,
        members=members,
        recipe=recipe.model_dump(),
        base_model=asdict(identity),
        metrics={
            "bare_loss": learned.before.bare_loss,
            "steps": learned.steps,
            "text_tokens": learned.text_tokens,
            "seconds": learned.seconds,
            "tokens_per_second": learned.tokens_per_second,
            "adds": added,
        },
        parent=job.parent_number,
        job_id=job.id,
        who=job.worker or "worker",
        skill_id=skill.id,
        study_id=None if study is None else study.id,
        revision=source.revision,
        libraries=provenance.libraries(),
        data=provenance.data(source, skill, study),
        gate=decision.gate,
        promote=decision.promote,
    )
    job_events.add(
        session,
        job.id,
        level="info",
        type="message",
        message=f"Published version {version.number} {decision.reason}{said_of(adds)}",
        data={
            "kind": "published",
            "version": version.number,
            "promoted": decision.promote,
            "gate": decision.gate,
            "adds": added,
        },
    )
    jobs.finish(session, job.id, job.token, status="succeeded", version_number=version.number)
    if keep:
        pruning.prune_versions(session, job.book_id, keep=keep)
    return version


def said_of(adds: Contribution | None) -> str:
    """What a version adds to answers, as it is told when it is published."""
    if adds is None:
        return ""
    if (harm := adds.told_harm()) is not None:
        return f" {harm}"
    return f" To the answers to {adds.questions} questions that it did not learn, it adds {adds} of ROUGE-L."
