"""The commands that measure what an LLM costs on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from app.cli.output import one_line_errors, print_report
from app.cli.scale import scale_of_service
from trainer.options import Arithmetic, Checkpointing, Dtype, Method, Quantization

if TYPE_CHECKING:
    from app.bench.llm_spec import LLMSpec
    from app.bench.train_steps import OnProgress

app = typer.Typer(
    help="What an LLM costs on this machine, and beside it with PEFT alone.", no_args_is_help=True
)

Shape = Annotated[str, typer.Option(help="The LLM's shape, such as opt-6.7b; its weights are random.")]
Layers = Annotated[int | None, typer.Option(help="Only so many layers.")]
QuantizationOption = Annotated[Quantization, typer.Option("--quantization", help="auto, int8, nf4 or none.")]
ArithmeticOption = Annotated[
    Arithmetic, typer.Option("--arithmetic", help="How quantized weights multiply: restored or bitsandbytes.")
]
Threshold = Annotated[
    float, typer.Option(min=0, help="Where outliers of bitsandbytes' int8 begin; 0 for none.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")]
DtypeOption = Annotated[Dtype, typer.Option("--dtype", help="Of what is not quantized.")]
Members = Annotated[int, typer.Option(help="Members that learn or answer together.")]
VirtualTokens = Annotated[int, typer.Option(help="Virtual tokens of each.")]
RowTokens = Annotated[int, typer.Option(help="Tokens of text in a row.")]
PassageTokens = Annotated[int, typer.Option(help="Tokens of the passage that is read.")]
AnswerTokens = Annotated[int, typer.Option(help="Tokens of an answer.")]
Learned = Annotated[Method, typer.Option("--method", help="What is learned: prompt, prefix or lora.")]
Rank = Annotated[int, typer.Option(min=1, help="Of lora.")]
Checkpointed = Annotated[
    Checkpointing, typer.Option("--checkpointing", help="Compute blocks twice to save memory.")
]
Json = Annotated[Path | None, typer.Option("--json", help="Write the report there.")]
Baseline = Annotated[bool, typer.Option(help="Measure PEFT alone, too.")]
Limit = Annotated[
    float | None, typer.Option("--seconds", min=0, help="Begin nothing after so long; print what there is.")
]
Profiled = Annotated[bool, typer.Option("--profile", help="Say where the time goes.")]


@app.command("train")
def train_speed(
    shape: Shape = "smollm2-135m",
    layers: Layers = None,
    method: Learned = "prompt",
    members: Members = 8,
    row_tokens: RowTokens = 512,
    rows: Annotated[int, typer.Option(help="Rows each member reads in a step.")] = 1,
    virtual_tokens: VirtualTokens = 100,
    rank: Rank = 8,
    pass_tokens: Annotated[
        int, typer.Option(min=0, help="Most tokens computed at once; 0 finds out what fits.")
    ] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Steps to count.")] = 5,
    quantization: QuantizationOption = "auto",
    arithmetic: ArithmeticOption = "restored",
    threshold: Threshold = 6.0,
    checkpointing: Checkpointed = "auto",
    device: Device = "auto",
    dtype: DtypeOption = "auto",
    seconds: Limit = None,
    json_file: Json = None,
    baseline: Baseline = True,
    profile: Profiled = False,
) -> None:
    """How fast members learn together, and with PEFT one after the other."""
    with one_line_errors(), _progress_line() as on_progress:
        from app.bench.tables import training_table
        from app.bench.train_steps import TrainWorkload
        from app.bench.training import measure_training

        spec = _spec(shape, layers, quantization, arithmetic, threshold, device, dtype, checkpointing)
        workload = TrainWorkload(method, members, rows, row_tokens, virtual_tokens, rank)
        report = measure_training(
            spec,
            workload,
            steps,
            pass_tokens=pass_tokens or "auto",
            baseline=baseline,
            profiled=profile,
            limit=seconds,
            on_progress=on_progress,
        )
    print_report(report, training_table(report), json_file)


@app.command("ask")
def answer_speed(
    shape: Shape = "smollm2-135m",
    layers: Layers = None,
    method: Learned = "prompt",
    members: Members = 8,
    virtual_tokens: VirtualTokens = 100,
    rank: Rank = 8,
    passage_tokens: PassageTokens = 256,
    answer_tokens: AnswerTokens = 32,
    times: Annotated[int, typer.Option(min=1, help="Answers to take the median of.")] = 3,
    quantization: QuantizationOption = "auto",
    arithmetic: ArithmeticOption = "restored",
    threshold: Threshold = 6.0,
    device: Device = "auto",
    dtype: DtypeOption = "auto",
    cuda_graphs: Annotated[
        bool, typer.Option("--cuda-graphs", help="Replay the steps of decoding by a graph, on CUDA.")
    ] = False,
    seconds: Limit = None,
    json_file: Json = None,
    baseline: Baseline = True,
    profile: Profiled = False,
) -> None:
    """How long an answer takes: one member, all in a batch, and with PEFT one after the other."""
    with one_line_errors(), _progress_line() as on_progress:
        from app.bench.answering import AnswerWorkload, measure_answering
        from app.bench.tables import answering_table

        spec = _spec(shape, layers, quantization, arithmetic, threshold, device, dtype)
        spec = spec.model_copy(update={"cuda_graphs": cuda_graphs})
        workload = AnswerWorkload(method, members, virtual_tokens, rank, passage_tokens, answer_tokens)
        report = measure_answering(
            spec,
            workload,
            times,
            baseline=baseline,
            profiled=profile,
            limit=seconds,
            on_progress=on_progress,
        )
    print_report(report, answering_table(report), json_file)


@app.command("memory")
def memory_use(
    shape: Shape = "smollm2-135m",
    layers: Layers = None,
    method: Learned = "prompt",
    members: Members = 8,
    row_tokens: RowTokens = 512,
    virtual_tokens: VirtualTokens = 100,
    rank: Rank = 8,
    passage_tokens: PassageTokens = 256,
    answer_tokens: AnswerTokens = 32,
    quantization: QuantizationOption = "auto",
    arithmetic: ArithmeticOption = "restored",
    threshold: Threshold = 6.0,
    checkpointing: Checkpointed = "auto",
    device: Device = "auto",
    dtype: DtypeOption = "auto",
    seconds: Limit = None,
    json_file: Json = None,
    baseline: Baseline = True,
) -> None:
    """How much memory the weights take, an answer, and a training step of ever more rows."""
    with one_line_errors(), _progress_line() as on_progress:
        from app.bench.answering import AnswerWorkload
        from app.bench.memory import measure_memory
        from app.bench.tables import memory_table
        from app.bench.train_steps import TrainWorkload

        spec = _spec(shape, layers, quantization, arithmetic, threshold, device, dtype, checkpointing)
        training = TrainWorkload(method, members, 1, row_tokens, virtual_tokens, rank)
        answering = AnswerWorkload(method, members, virtual_tokens, rank, passage_tokens, answer_tokens)
        report = measure_memory(
            spec, training, answering, baseline=baseline, limit=seconds, on_progress=on_progress
        )
    print_report(report, memory_table(report), json_file)


app.command("scale")(scale_of_service)


def _spec(
    shape: str,
    layers: int | None,
    quantization: Quantization,
    arithmetic: Arithmetic,
    threshold: float,
    device: str,
    dtype: Dtype,
    checkpointing: Checkpointing = "off",
) -> "LLMSpec":
    from app.bench.llm_spec import LLMSpec

    return LLMSpec(
        shape=shape,
        layers=layers,
        quantization=quantization,
        arithmetic=arithmetic,
        threshold=threshold,
        device=device,
        dtype=dtype,
        checkpointing=checkpointing,
    )


@contextmanager
def _progress_line() -> Iterator["OnProgress"]:
    """Show on standard error what is being measured, and each figure.

    On a terminal what is being measured is one line that changes.
    """
    from trainer.llm.loading import quiet_libraries

    quiet_libraries()  # before bitsandbytes is imported, which warns on some CPUs
    console = Console(stderr=True)
    with console.status("starts") as status:

        def show(what: str, *, figure: bool = False) -> None:
            status.update(what)
            if figure or not console.is_terminal:
                console.print(what, highlight=False)

        yield show
