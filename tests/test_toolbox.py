"""The tools of a model: what they answer, and that they reach nothing that the person did not name."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from langchain_core.messages import ToolCall

from assistant.events import ToolFinished, ToolStarted
from assistant.kept_logs import PathLog, PipedLog
from assistant.tool_adapter import ENOUGH, MAX_RESULT_CHARACTERS, SEEN, adapt_tools, render_report
from assistant.tool_reports import CardReport, Report, tell_report
from assistant.toolbox import MAX_SPAN_LINES, Toolbox, name_files
from knowledge.card import card_by_id
from knowledge.retrieval import CardHit
from tools.errors import BadInput

SECRET = "hf_" + "abcdEFGH1234ijklMNOP5678qrst"


def make_lines() -> list[str]:
    rows = [f"{{'loss': {2 - step / 100:.2f}, 'epoch': {step / 100:.2f}}}" for step in range(100)]
    return [*rows, "Traceback (most recent call last):", '  File "t.py", line 3, in f', "    f()", "KeyError: 'text'"]


def find(words: str, _: Sequence[str]) -> list[CardHit]:
    return [CardHit("loss_nan", 0.9, "nan", "sign"), CardHit("overfitting", 0.05, "", "sign")] if words else []


def make_toolbox(folder: Path) -> Toolbox:
    (folder / "train.log").write_text("\n".join(make_lines()) + "\n")
    (folder / "secret.txt").write_text(f"{SECRET}\n")
    rows = ['{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}'] * 6
    (folder / "sft.jsonl").write_text("\n".join(rows) + "\n")
    flags = {"model": "llama 3.1 8b", "method": "qlora", "rank": 16, "micro_batch": 2, "seq_len": 512}
    logs = {"train.log": PathLog(folder / "train.log")}
    return Toolbox(logs, {"sft.jsonl": folder / "sft.jsonl"}, "llama 3.1 8b", flags, find, card_by_id)


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    return make_toolbox(tmp_path)


def test_a_span_of_a_log_is_told_with_its_own_numbers(toolbox: Toolbox) -> None:
    report = toolbox.parse_log_span("train.log", 11, 20)
    (loss,) = [metric for metric in report.metrics if metric.name == "loss"]
    assert (loss.num_points, loss.first, loss.last, loss.lowest, loss.highest) == (10, 1.9, 1.81, 1.81, 1.9)
    assert report.lines[0] == f"L11  {make_lines()[10]}"
    assert tell_report(report)[0] == (
        "Lines 11 to 20 of train.log hold 10 values of loss, the first 1.9, the last 1.81.",
        1.81,
    )


def test_an_error_in_a_span_stands_at_its_line_of_the_log(toolbox: Toolbox) -> None:
    report = toolbox.parse_log_span("train.log", 95, 104)
    assert report.problems == ("L101: KeyError: 'text'",)


def test_a_piped_log_can_be_looked_at_as_well() -> None:
    piped = PipedLog(io.BytesIO("\n".join(make_lines()).encode()))
    while piped.read(1000):
        pass
    box = Toolbox({"stdin": piped}, {}, "", {}, find, card_by_id)
    assert box.parse_log_span("stdin", 1, 5).metrics[0].num_points == 5


@pytest.mark.parametrize(
    ("file", "first", "last", "message"),
    [
        ("secret.txt", 1, 5, "no log of this turn; allowed: train.log"),
        ("../secret.txt", 1, 5, "allowed: train.log"),
        ("/etc/passwd", 1, 5, "allowed: train.log"),
        ("sft.jsonl", 1, 5, "no log of this turn"),
        ("train.log", 0, 5, "must be 1 or more"),
        ("train.log", 9, 5, "in order"),
        ("train.log", 1, MAX_SPAN_LINES + 1, "at most 5,000"),
        ("train.log", 900, 905, "nothing stands in lines 900 to 905"),
    ],
)
def test_no_other_file_and_no_other_lines_are_read(
    toolbox: Toolbox, file: str, first: int, last: int, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        toolbox.parse_log_span(file, first, last)


def test_the_full_path_of_a_named_file_is_not_its_name(toolbox: Toolbox, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="allowed"):
        toolbox.parse_log_span(str(tmp_path / "train.log"), 1, 2)


def test_parameters_are_those_of_the_run_unless_told_otherwise(toolbox: Toolbox) -> None:
    own, double, full = (
        toolbox.count_parameters(),
        toolbox.count_parameters(rank=32),
        toolbox.count_parameters(method="full"),
    )
    assert own.model == "meta-llama/Llama-3.1-8B"
    assert double.trainable == 2 * own.trainable
    assert full.trainable == full.total == 8_030_261_248


def test_memory_of_another_gpu_and_batch(toolbox: Toolbox) -> None:
    own, other = toolbox.estimate_vram(), toolbox.estimate_vram(gpu="RTX 4090", micro_batch=8)
    assert (own.micro_batch, own.seq_len, own.method, own.gpu) == (2, 512, "qlora", "")
    assert (other.micro_batch, other.seq_len, other.gpu) == (8, 512, "RTX 4090")
    assert other.smi_bytes > own.smi_bytes
    assert other.verdict
    assert len(tell_report(other)) == 2


@pytest.mark.parametrize("model", ["./weights", "/etc", "~/models/x", "someone/unknown-model-9", "evil.example.org/x"])
def test_a_model_that_nobody_named_is_neither_opened_nor_fetched(
    toolbox: Toolbox, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} was fetched")

    monkeypatch.setattr("tools.model_config.read_from_hub", refuse)
    monkeypatch.setattr("tools.model_config.read_model_path", refuse)
    for tool in (toolbox.count_parameters, toolbox.estimate_vram):
        with pytest.raises(BadInput):
            tool(model=model)


def test_without_a_named_model_it_says_so() -> None:
    with pytest.raises(BadInput, match="no model was named"):
        Toolbox({}, {}, "", {}, find, card_by_id).count_parameters()


def test_only_cards_that_fit_are_found(toolbox: Toolbox) -> None:
    assert [card.id for card in toolbox.search_cards("loss is nan")] == ["loss_nan"]
    with pytest.raises(BadInput, match="words is empty"):
        toolbox.search_cards("  ")


def test_tools_that_read_files_are_offered_only_where_there_are_files(toolbox: Toolbox) -> None:
    assert len(toolbox.functions()) == 5
    names = [tool.__name__ for tool in Toolbox({}, {}, "", {}, find, card_by_id).functions()]
    assert names == ["count_parameters", "estimate_vram", "search_cards"]


def test_names_of_files_are_short_where_that_is_enough() -> None:
    assert name_files(["/a/x.log", "/b/y.log"]) == {"x.log": "/a/x.log", "y.log": "/b/y.log"}


class Listener:
    """Takes what the adapter tells."""

    def __init__(self) -> None:
        self.events: list[ToolStarted | ToolFinished] = []

    def tell(self, event: ToolStarted | ToolFinished, _: Report | None) -> None:
        self.events.append(event)

    def call(self, toolbox: Toolbox, *calls: tuple[str, dict[str, object]], max_calls: int = 9) -> list[str]:
        tools = {tool.name: tool for tool in adapt_tools(toolbox.functions(), self.tell, max_calls)}
        return [
            tools[name].invoke(ToolCall(name=name, args=arguments, id="1", type="tool_call")).content
            for name, arguments in calls
        ]


def test_a_result_is_compact_json_and_each_call_is_told(toolbox: Toolbox) -> None:
    listener = Listener()
    (text,) = listener.call(toolbox, ("search_cards", {"words": "nan"}))
    assert text.startswith('{"cards":[{"id":"loss_nan","title":')
    assert [type(event) for event in listener.events] == [ToolStarted, ToolFinished]


def test_an_error_is_a_text_to_act_on(toolbox: Toolbox) -> None:
    listener = Listener()
    (text,) = listener.call(toolbox, ("parse_log_span", {"file": "/etc/passwd", "first_line": 1, "last_line": 2}))
    assert "allowed: train.log" in text
    finished = listener.events[-1]
    assert isinstance(finished, ToolFinished)
    assert "error" in finished.result


def test_arguments_of_the_wrong_kind_are_a_text(toolbox: Toolbox) -> None:
    (text,) = Listener().call(toolbox, ("parse_log_span", {"file": "train.log", "first_line": "x", "last_line": 2}))
    assert "first_line" in text or "validation" in text


def test_a_call_is_not_made_twice_and_not_more_often_than_allowed(toolbox: Toolbox) -> None:
    listener = Listener()
    words: list[tuple[str, dict[str, object]]] = [
        ("search_cards", {"words": text}) for text in ("nan", "nan", "oom", "gibberish")
    ]
    texts = listener.call(toolbox, *words, max_calls=2)
    assert texts[1] == SEEN
    assert texts[3] == ENOUGH
    assert len(listener.events) == 4


def test_a_long_result_is_cut_and_holds_no_secret(tmp_path: Path) -> None:
    box = make_toolbox(tmp_path)
    (tmp_path / "train.log").write_text("\n".join(f"push {SECRET} " + "x" * 280 for _ in range(40)))
    (text,) = Listener().call(box, ("parse_log_span", {"file": "train.log", "first_line": 1, "last_line": 40}))
    assert SECRET not in text
    assert len(text) < MAX_RESULT_CHARACTERS + 60


def test_what_a_model_reads_of_a_tool_is_at_most_two_sentences(toolbox: Toolbox) -> None:
    for tool in adapt_tools(toolbox.functions(), Listener().tell, 1):
        assert 0 < len(tool.description) < 250, tool.name
        assert "Raises" not in tool.description
        assert "Args" not in tool.description


def test_empty_fields_are_left_out(toolbox: Toolbox) -> None:
    assert "gpu" not in render_report(toolbox.estimate_vram())
    assert render_report((CardReport("a", "b", "c"),)) == {"cards": [{"id": "a", "title": "b", "sign": "c"}]}
