from app.datasets.questions import Dataset, Story
from app.skill_training.examples import split

# Of the stories of `stories(60)`: skills that were learned earlier have not learned from these.
CHECKING = ["05", "07", "12", "29", "33", "36", "42", "44", "47", "50", "55", "58"]


def stories(count: int) -> Dataset:
    return Dataset([Story(f"{number:02}", [f"Story {number}."], None) for number in range(count)], [])


def names(dataset: Dataset) -> list[str]:
    return [story.name for story in dataset.stories]


def test_checking_stories_stay_and_more_are_fitted_on() -> None:
    parts = split(stories(60))
    assert names(parts.checking) == CHECKING
    assert len(names(parts.fitting)) == 24
    assert set(CHECKING) < set(names(parts.fitting))
    assert sorted(names(parts.learning) + names(parts.fitting)) == names(stories(60))


def test_of_few_stories_half_are_learned_from() -> None:
    parts = split(stories(9))
    assert len(names(parts.learning)) == 5
    assert names(parts.checking) == names(parts.fitting)


def test_what_a_skill_learned_before_is_not_fitted_on() -> None:
    first = split(stories(60))
    known = {story.digest for story in first.fitting.stories if story.name not in CHECKING}
    again = split(stories(60), known)
    assert names(again.fitting) == names(again.checking) == CHECKING
    assert names(again.learning) == names(first.learning)
