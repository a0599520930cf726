"""`trainer negate` and `trainer mine`: wrong answers to learn from, said by rules or found among prepared rows."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from indexer.command import JsonOption, print_json
from indexer.encode import Precision
from indexer.progress import Progress
from trainer.cli_options import SeedOption

if TYPE_CHECKING:
    from trainer.mine import Mined
    from trainer.negation import Negation


def negate_command(
    text: Annotated[str, typer.Argument(help="A sentence, a title, a question.", metavar="TEXT")],
    every: Annotated[bool, typer.Option("--all", help="Every way the rules know.")] = False,
    llm: Annotated[
        str | None,
        typer.Option(
            "--llm", metavar="URL", help="Ask a model at this OpenAI-compatible address; the text goes there."
        ),
    ] = None,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model's name, with --llm.")] = "",
    cache: Annotated[
        Path, typer.Option("--cache", metavar="FILE", help="Where answers of a model are kept, with --llm.")
    ] = Path("negations.jsonl"),
    json: JsonOption = False,
) -> None:
    """Say the opposite of a sentence, and by which rule; or abstain, and say why.

    Example: trainer negate "The lamp comes with a bulb."
    """
    ways = _asked(text, llm, model, cache) if llm else _by_rules(text, every)
    if json:
        return print_json({"text": text, "negations": [asdict(way) for way in ways]})
    for way in ways:
        print(f"abstains: {way.why}" if way.text is None else f"{way.text}   ({way.rule})")
    return None


def mine_command(
    model: Annotated[str, typer.Argument(help="The model that looks for candidates: a name or a folder.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder of a preparation.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the triplets go.")],
    negatives: Annotated[int, typer.Option("--num-negatives", min=1, help="How many for each anchor, at most.")] = 3,
    range_min: Annotated[int, typer.Option(help="Skip so many of the nearest candidates that fit.")] = 0,
    range_max: Annotated[int, typer.Option(help="Look at so many of the nearest candidates.")] = 100,
    relative_margin: Annotated[
        float, typer.Option(help="Leave out what scores above the positive less this share of it; -1: no such margin.")
    ] = 0.05,
    absolute_margin: Annotated[
        float | None, typer.Option(help="Leave out what scores above the positive less this.")
    ] = None,
    max_score: Annotated[float | None, typer.Option(help="Leave out what scores above this.")] = None,
    min_score: Annotated[float | None, typer.Option(help="Leave out what scores below this.")] = None,
    sampling_strategy: Annotated[
        Literal["top", "random"], typer.Option(help="top: the nearest that fit; random: any of them.")
    ] = "top",
    guide: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Another encoder or a cross-encoder that refuses right answers.")
    ] = None,
    guide_margin: Annotated[float, typer.Option(help="What the guide wants between positive and negative.")] = 0.0,
    source: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only pairs of these sources.")] = None,
    index: Annotated[str, typer.Option(help="auto, exact, fastscan, ivf, hnsw or a FAISS factory string.")] = "auto",
    precision: Annotated[
        Precision, typer.Option(help="How the models compute; auto: bf16 where the processor has it, else fp32.")
    ] = "auto",
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Find hard negatives for the pairs of prepared data; the folder that comes out is trained on as it is.

    Example: trainer mine minilm --data prepared --out mined
    """
    from trainer.mine import Guide, Mining, mine
    from trainer.mine_choice import Rules

    relative = None if relative_margin < 0 else relative_margin
    rules = Rules(negatives, range_min, range_max, absolute_margin, relative, max_score, min_score, sampling_strategy)
    judge = Guide(guide, guide_margin) if guide else None
    with closing(Progress()) as progress:
        mined = mine(Mining(model, data, rules, judge, tuple(source or ()), seed, index, precision), out, progress)
    return print_json(asdict(mined) | {"out": str(mined.out)}) if json else _print_mined(mined)


def _by_rules(text: str, every: bool) -> list[Negation]:
    from trainer.negation import negate, negations

    return (every and negations(text)) or [negate(text)]


def _asked(text: str, url: str, model: str, cache: Path) -> list[Negation]:
    from trainer.negation_llm import LlmNegator, LlmSettings

    return LlmNegator(LlmSettings(url, model, cache)).negate([text])


def _print_mined(mined: Mined) -> None:
    for reason, number in mined.candidates.items():
        print(f"{number:>10,}  candidates: {reason}")
    print(f"{mined.triplets:>10,}  triplets with {mined.negatives:,} negatives; {mined.left_out:,} pairs without any")
    print(f"{'unchanged' if mined.unchanged else 'written'}: {mined.out}")
