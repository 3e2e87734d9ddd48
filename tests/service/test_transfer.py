"""Versions that leave a real service, are loaded by plain PEFT, and come back."""

import io
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import httpx
import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from app.answering.skill import LoadedSkill
from app.cli.commands import app
from app.client import Client, ClientError
from tests.faults.test_bad_input import problem
from tests.service.conftest import service
from tests.service.test_books import QUICK, upload
from tests.service.test_self_study import RECIPE, register
from tests.tiny import STORY
from tests.trainer.methods.test_peft_adapters import elsewhere
from tests.warm.commands import python
from trainer.llm.batch_types import Exchange, Pack
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.llm.packing import pack_losses
from trainer.methods.peft_adapters import WEIGHTS
from trainer.methods.prompt import PROMPT_EMBEDDINGS, prompt_from_bytes
from trainer.methods.tensors import tensors_from_bytes, tensors_to_bytes


def learned(client: Client, text: str, recipe: dict[str, Any]) -> str:
    """The id of a book once its first version is there."""
    added = client.add(text, title="Lamps | of *Ost*", author="M. Ost", recipe=recipe)
    assert added.job is not None
    assert list(client.follow(added.job.id))[-1].data["kind"] == "succeeded"
    return added.book.id


def test_an_export_is_loaded_by_peft_and_comes_back_as_it_was(
    tmp_path: Path, tiny_folder: Path, llm: FrozenLLM, skill: LoadedSkill
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    # The same LLM has another name on another machine.
    renamed = str(shutil.copytree(tiny_folder, tmp_path / "another-name"))
    register(there, llm, skill)
    registered = register(here, load(renamed, device="cpu", cache_dir=tmp_path), skill)
    out = tmp_path / "out"
    with service(there, "--model", str(tiny_folder), dtype="float32") as client:
        book = learned(client, STORY, RECIPE)
        files = client.transfer.export(book, "latest", out)
        [exported] = client.versions()
        asked = client.ask("Who kept a green lamp?", books=[book], seed=1)
    folders = [f"member-{number}{kind}" for number in range(3) for kind in ("", "-with-skill")]
    names = ("adapter_config.json", "adapter_model.safetensors", "README.md")
    assert sorted(files) == sorted(
        [out / "version.json", *(out / one / name for one in folders for name in names)]
    )
    card = (out / "member-1-with-skill" / "README.md").read_text()
    for words in (
        "Lamps \\| of \\*Ost\\* by M. Ost",
        "seed 1",
        "weights in float32, quantization none",
        '"<|im_end|>\\n<|im_start|>assistant\\n"]',
        str(exported.base_model.revision),
        "## Licence",
    ):
        assert words in card

    [code] = re.findall(r"```python\n(.*?)\n```", card, re.DOTALL)
    command = python("-W", "ignore", "-c", code, imported="libraries")
    subprocess.run(command, cwd=out, capture_output=True, check=True)

    exact = load(str(tiny_folder), device="cpu", dtype="float32", cache_dir=tmp_path)
    context = skill.skill.context(exact)
    turn, answer = exact.encode(STORY[:150] + "Who kept a lamp?"), exact.encode(" Mira")
    found = elsewhere(str(tiny_folder), [str(out / one) for one in folders], turn, answer)
    for number in range(3):
        prompt = prompt_from_bytes((out / folders[2 * number] / names[1]).read_bytes(), 32)
        for (loss, _), behind in zip(found[2 * number : 2 * number + 2], (None, context), strict=True):
            [[losses]] = pack_losses(exact, [Pack([Exchange(turn, answer)], context=behind)], prompt[None])
            assert loss == pytest.approx(float(losses.mean()), abs=1e-3)

    with service(here, "--model", renamed, dtype="float32") as client:
        book = client.add(STORY, title="Lamps", recipe=RECIPE).book.id
        imported = client.transfer.import_(book, out, promote=True)
        assert [one.sha256 for one in imported.members] == [one.sha256 for one in exported.members]
        assert [one.loss_after for one in imported.members] == [one.loss_after for one in exported.members]
        assert imported.recipe.pop("imported")["id"] == exported.id
        assert imported.recipe == exported.recipe
        assert (imported.gate, imported.parent, imported.revision) == (None, None, 1)
        assert imported.skill == registered
        assert {"champion", "latest"} <= set(imported.aliases)
        again = client.ask("Who kept a green lamp?", books=[f"{book}@{imported.number}"], seed=1)
        assert again.answer == asked.answer
        assert again.versions[0].version == imported.number


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT's own
def test_a_prompt_that_plain_peft_trained_answers(client: Client, tiny_folder: Path, tmp_path: Path) -> None:
    book = learned(client, STORY + "by peft", QUICK)
    for number in range(2):
        _train_with_peft(tiny_folder, tmp_path / f"prompt-{number}", seed=number)
    imported = client.transfer.import_(book, tmp_path)
    assert (imported.number, imported.aliases, imported.skill) == (2, ["latest"], None)
    assert imported.recipe["imported"]["folders"] == ["prompt-0", "prompt-1"]
    answer = client.ask("Who kept a green lamp?", books=[f"{book}@latest"])
    assert answer.degraded is None
    assert [used.version for used in answer.versions] == [2]
    said = {(one.version, one.member) for vote in answer.votes for one in vote.candidates}
    assert said == {(2, 0), (2, 1)}
    # What PEFT's trainer keeps on the way is not what it made.
    shutil.copytree(tmp_path / "prompt-0", tmp_path / "prompt-1" / "checkpoint-3")
    folder = {str(path.relative_to(tmp_path)): path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert (
        len(
            httpx.post(
                f"{client.url}/admin/books/{book}/versions/import",
                content=packed(folder),
                timeout=60,
                trust_env=False,
            ).json()["members"]
        )
        == 2
    )
    # It can be learned on, too.
    recipe = {**QUICK, "virtual_tokens": 5}
    assert list(client.follow(client.train(book, recipe=recipe, parent=2).id))[-1].data["kind"] == "succeeded"
    one = client.transfer.import_(book, tmp_path / "prompt-1", promote=True)
    assert (len(one.members), one.aliases) == (1, ["champion", "latest"])


def _train_with_peft(base: Path, folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=5)
    model = peft.get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    row = AutoTokenizer.from_pretrained(base)(STORY[:200], return_tensors="pt")["input_ids"]
    optimiser = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        model(input_ids=row, labels=row).loss.backward()
        optimiser.step()
    model.save_pretrained(str(folder))


def test_a_version_is_looked_at(client: Client, tmp_path: Path) -> None:
    book = learned(client, STORY + "looked at", {**QUICK, "initialisation": "text", "epochs": 2})
    found = client.transfer.inspect(book, "champion")
    assert (found.number, found.virtual_tokens, len(found.members)) == (1, 4, 2)
    for look in found.members:
        # Two small steps away from words of the book, a virtual token is still next to one.
        assert all((word.cosine or 0) > 0.9 for word in look.first)
        assert 0 < (look.moved or 0) < look.norms.mean
        assert look.norms.least <= look.norms.mean <= look.norms.most
        assert sum(word.count for word in look.frequent) == 4
    assert [row[number] for number, row in enumerate(found.similarity)] == pytest.approx([1, 1])

    # What goes on from a version has moved from there; where an import began is not known.
    list(client.follow(client.train(book, recipe=QUICK, parent=1).id))
    prompts = []
    for number in (1, 2):
        client.transfer.export(book, str(number), tmp_path / str(number))
        files = [tmp_path / str(number) / f"member-{one}" / WEIGHTS for one in range(2)]
        prompts.append(torch.stack([prompt_from_bytes(file.read_bytes(), 32) for file in files]))
    away = (prompts[1] - prompts[0]).norm(dim=-1).mean(dim=-1)
    [first, second] = client.transfer.inspect(book, "2").members
    assert [first.moved, second.moved] == pytest.approx(away.tolist(), rel=1e-4)
    imported = client.transfer.import_(book, tmp_path / "2")
    assert [look.moved for look in client.transfer.inspect(book, str(imported.number)).members] == [
        None,
        None,
    ]


def test_the_command_line_takes_a_version_out_and_in(client: Client, tmp_path: Path) -> None:
    book = learned(client, STORY + "taken out", QUICK)

    def bookchorus(*words: str) -> tuple[int, str]:
        environment = {"BOOKCHORUS_URL": client.url, "COLUMNS": "100"}
        ran = CliRunner().invoke(app, list(words), env=environment, catch_exceptions=False)
        return ran.exit_code, ran.output

    out = tmp_path / "out? 100%20 #ü [b]"
    code, text = bookchorus("export", book, str(out))
    assert code == 0
    # Each member alone, and behind the instruction.
    assert "4 adapters" in text
    before = (out / "version.json").read_bytes()
    code, text = bookchorus("export", f"{book}@latest", str(out))
    assert code == 1
    assert "is not empty" in text
    assert bookchorus("export", f"{book}@1", str(out), "--force")[0] == 0
    assert json.loads((out / "version.json").read_bytes()) == json.loads(before)
    code, text = bookchorus("import", book, str(out))
    assert code == 0
    assert "Version 2 has 2 members and is latest." in text
    code, text = bookchorus("inspect", f"{book}@2")
    assert code == 0
    for words in ("Lamps | of *Ost* · version 2", "2 members of 4 virtual tokens", "1.00"):
        assert words in text
    code, text = bookchorus("inspect", f"{book}@9")
    assert code == 1
    assert text.startswith(f"There is no version {book}@9: 'Lamps")
    assert text.strip().endswith("has versions 1 to 2, and on them the aliases champion, latest.")


def packed(files: dict[str, bytes], **attributes: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = attributes.get("mode", 0o644) << 16
            archive.writestr(entry, data)
    return sink.getvalue()


@pytest.fixture(scope="module")
def good(client: Client, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, bytes]]:
    """A book, and the files of its export by name."""
    book = learned(client, STORY + "to be broken", QUICK)
    out = tmp_path_factory.mktemp("good")
    files = client.transfer.export(book, "1", out)
    return book, {str(file.relative_to(out)): file.read_bytes() for file in files}


def sent(http: httpx.Client, book: str, data: bytes, **wishes: str) -> httpx.Response:
    return http.post(f"/admin/books/{book}/versions/import", content=data, params=wishes)


def test_what_cannot_be_imported_is_refused_and_nothing_is_kept(
    http: httpx.Client, client: Client, good: tuple[str, dict[str, bytes]]
) -> None:
    book, files = good
    alone = {name: data for name, data in files.items() if name.startswith("member-0/")}
    config = json.loads(files["member-0/adapter_config.json"])
    manifest = json.loads(files["version.json"])

    def refused(slug: str, data: bytes, words: str = "") -> None:
        told = problem(sent(http, book, data), 422, slug)
        assert words in str(told["detail"])

    refused("bad-archive", b"nonsense")
    refused("bad-archive", packed(files)[:-200])
    refused("bad-archive", packed({**files, "../member-9/x": b""}), "leads out")
    refused("bad-archive", packed({**files, "/etc/x": b""}), "leads out")
    refused("bad-archive", packed(files, mode=0o120777), "is no file")
    refused("archive-too-large", packed({f"{number}": b"" for number in range(1001)}))
    bomb = packed({"member-0/adapter_model.safetensors": bytes(1 << 28) + b"x"})
    assert len(bomb) < 1 << 20
    refused("archive-too-large", bomb)
    refused("no-adapter", packed({"README.md": b"Hello."}))
    refused("pickled-adapter", packed({**alone, "member-0/adapter_model.bin": b""}), "safe_serialization")
    refused("bad-adapter", packed({"adapter_config.json": b"{}"}), "no adapter_model.safetensors")
    refused("bad-adapter", packed({**alone, "member-0/adapter_config.json": b"[]"}), "no JSON object")
    for kind, told in (("IA3", "IA3"), ("LORA", "no weight of LoRA")):
        common = {name: config[name] for name in ("base_model_name_or_path", "revision")}
        other = json.dumps({**common, "peft_type": kind}).encode()
        refused("bad-adapter", packed({**alone, "member-0/adapter_config.json": other}), told)
    for setting in ({"modules_to_save": ["lm_head"]}, {"of_a_later_release": 1}):
        other = json.dumps({**config, **setting}).encode()
        refused("adapter-unsupported", packed({**alone, "member-0/adapter_config.json": other}), *setting)
    changed = bytearray(files["member-1/adapter_model.safetensors"])
    changed[-1] ^= 1
    refused(
        "bad-adapter",
        packed({**files, "member-1/adapter_model.safetensors": bytes(changed)}),
        "not what was exported",
    )
    refused("bad-manifest", packed({**files, "version.json": b"{}"}), "version")
    refused("bad-manifest", packed({**files, "version.json": b"nonsense"}))
    refused("bad-manifest", packed({**alone, "version.json": files["version.json"]}), "member-1")
    for broken in ("[" * 100_000, '{"a": NaN}', '{"a": "\\ud800"}'):
        refused("bad-adapter", packed({**alone, "member-0/adapter_config.json": broken.encode()}), "no JSON")
    far = {**manifest, "version": {**manifest["version"]}}
    far["version"]["members"] = [{**member, "seed": 2**63} for member in far["version"]["members"]]
    refused("bad-manifest", packed({**files, "version.json": json.dumps(far).encode()}), "seed")
    for absurd in (1e30, -1e5):
        weights = tensors_from_bytes(files["member-0/adapter_model.safetensors"])
        weights[PROMPT_EMBEDDINGS][0, 0] = absurd
        large = {**alone, "member-0/adapter_model.safetensors": tensors_to_bytes(weights)}
        refused("bad-adapter", packed(large), f"numbers up to {abs(absurd):.3g}")
    both = {f"{folder}/{name}": data for folder in ("one", "two") for name, data in files.items()}
    refused("several-exports", packed(both), "one, two")
    manifest["version"]["base_model"]["revision"] = "another"
    other = packed({**files, "version.json": json.dumps(manifest).encode()})
    refused("other-llm", other, "another")
    stranger = {**config, "base_model_name_or_path": "gpt2", "revision": None}
    strange = packed({**alone, "member-0/adapter_config.json": json.dumps(stranger).encode()})
    refused("other-llm", strange, "'gpt2'")
    assert [version.number for version in client.versions(book=book)] == [1]
    # Whoever knows better may say so.
    assert sent(http, book, other, force="true").json()["number"] == 2
    assert sent(http, book, strange, force="true").json()["recipe"]["imported"]["base_model"] == "gpt2"
    problem(sent(http, "book_0", packed(files)), 404, "not-found")


def test_an_import_is_the_champion_where_there_is_none(
    http: httpx.Client, good: tuple[str, dict[str, bytes]]
) -> None:
    added = upload(http, STORY + "without champion").json()
    book = added["book"]["id"]
    assert sent(http, book, packed(good[1])).json()["aliases"] == ["latest"]
    http.delete(f"/admin/books/{book}/aliases/champion")
    imported = sent(http, book, packed({f"folder/{name}": data for name, data in good[1].items()})).json()
    assert imported["aliases"] == ["champion", "latest"]
    assert imported["recipe"]["imported"]["book"]["id"] == good[0]


def test_taking_versions_out_and_in_needs_the_key(tmp_path: Path, tiny_folder: Path) -> None:
    with service(tmp_path, "--model", str(tiny_folder), admin_key="sesame") as client:
        (tmp_path / "adapter_config.json").write_text("{}")
        with Client(client.url) as stranger:
            for call in (
                lambda: stranger.transfer.export("book_0", "1", tmp_path / "out"),
                lambda: stranger.transfer.inspect("book_0", "1"),
                lambda: stranger.transfer.import_("book_0", tmp_path),
            ):
                with pytest.raises(ClientError) as refused:
                    call()
                assert refused.value.status == 401
