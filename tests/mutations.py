"""Small files of every format, and the damage that may be done to them."""

import random
from collections.abc import Callable

from app.parsing.parsed import Format
from tests import files

STORY = "Mira kept a green lamp in the tower of Ost, and the fishermen steered home by it. Çà et là, 灯火."
HTML = files.xhtml(f"<h1 id='a'>One</h1><p>{STORY}</p><ol start='3'><li>Butter<li>Salt</ol><table><tr><td>1")
SAMPLES: dict[Format, bytes] = {
    "txt": f"CHAPTER I\n\n{STORY}\n\nCHAPTER II\n\n{STORY}".encode(),
    "md": f"# One\n\n{STORY}\n\n## Two\n\n{STORY}".encode(),
    "html": HTML.encode(),
    "epub": files.epub(
        {"one.xhtml": HTML, "two.xhtml": HTML},
        nav="<nav epub:type='toc'><ol><li><a href='one.xhtml#a'>One</a></li></ol></nav>",
        ncx="<navMap><navPoint><navLabel>One</navLabel><content src='two.xhtml'/></navPoint></navMap>",
    ),
    "docx": files.docx(
        files.paragraph("One", "Heading1") + files.paragraph(STORY),
        more={"docProps/core.xml": "<p xmlns:d='d'><d:title>The Lamp</d:title></p>"},
    ),
    "pdf": files.pdf(
        [files.lines("One", STORY.split(" Ç")[0]), files.lines("Two lamps.")], info="/Title(Lamp)"
    ),
}


def flipped(data: bytearray, random: random.Random) -> None:
    """A few bytes are others."""
    for _ in range(random.randint(1, 8)):
        data[random.randrange(len(data))] = random.randrange(256)


def cut(data: bytearray, random: random.Random) -> None:
    """A piece is gone."""
    start = random.randrange(len(data) - 1)
    del data[start : start + random.randint(1, len(data) // 2)]


def doubled(data: bytearray, random: random.Random) -> None:
    """A piece stands somewhere else, too."""
    start, place = random.randrange(len(data)), random.randrange(len(data))
    data[place:place] = data[start : start + random.randint(1, 200)]


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [flipped, cut, doubled]


def mutated(form: Format, seed: int) -> bytes:
    """The sample after one mutation; of half the archives an entry is mutated, and packed again."""
    chance = random.Random(seed)
    data, mutate = SAMPLES[form], chance.choice(MUTATIONS)
    if form in ("epub", "docx") and chance.random() < 0.5:
        parts = files.unzipped(data)
        name = chance.choice(sorted(parts))
        content = bytearray(parts[name])
        mutate(content, chance)
        return files.zipped({**parts, name: bytes(content)})
    content = bytearray(data)
    mutate(content, chance)
    return bytes(content)
