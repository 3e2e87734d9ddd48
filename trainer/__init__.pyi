from trainer.book_training import train_book as train_book
from trainer.joint_training import train as train
from trainer.llm.batch_types import Row as Row
from trainer.llm.decoding import decode as decode
from trainer.llm.loading import load as load
from trainer.methods.members import Members as Members
from trainer.recipe import Recipe as Recipe

__all__ = ["Members", "Recipe", "Row", "decode", "load", "train", "train_book"]
