"""Two stories with three questions, and how members learn them in no time."""

from app.datasets.questions import Dataset, LabelledQuestion, Story
from trainer.recipe import Recipe

DATASET = Dataset(
    [
        Story(
            "lamp", ["Mira kept a green lamp in the tower of Ost.", "The baker sold butter to Mira."], None
        ),
        Story("frog", ["A frog sat in the well.", "The well was deep, and the frog was sad."], None),
    ],
    [
        LabelledQuestion("lamp", 1, "Who kept a green lamp?", ["Mira"], [0], []),
        LabelledQuestion("lamp", 2, "Who sold butter?", ["the baker"], [1], []),
        LabelledQuestion("frog", 1, "Where did the frog sit?", ["in the well"], [0], []),
    ],
)
# The systems that need no members, so that nothing is learned.
UNLEARNED = ("rag", "skill_gold", "skill_apart", "skill_elsewhere")
RECIPE = Recipe(objective="lm", members=2, virtual_tokens=4, epochs=1)
