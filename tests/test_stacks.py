"""The frames of a stack, in every form that they are drawn in, and what they say."""

import pytest
from stack_factory import ERROR, STACKS, TORCH_2_6, problems, stack

FRAMES = {
    "python": '  File "/w/run.py", line 5, in main\n    go()\n',
    "windows": '  File "C:\\work\\run.py", line 5, in main\n    go()\n',
    "notebook": "File ~/w/run.py:5, in main(args, **kwargs)\n      4 x = 1\n----> 5 go()\n      6 y = 2\n",
    "old notebook": "/w/run.py in main(args, **kwargs)\n      4 x = 1\n----> 5 go()\n",
    "box": "│ /w/run.py:5 in main                  │\n│   4 │ x = 1       │\n│ ❱ 5 │ go()         │\n",
    "ascii box": "| /w/run.py:5 in main                  |\n|   4 | x = 1       |\n| > 5 | go()         |\n",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_frames_are_read_in_every_form(frame: str) -> None:
    (problem,) = problems(f"start\nTraceback (most recent call last):\n{frame}{ERROR}\n", "traceback")
    assert problem.user_frame == "run.py:5 in main"
    assert problem.stack.endswith("in main: go()")


def test_a_cell_of_a_notebook_is_the_persons_own_code() -> None:
    text = (
        f"ValueError                 Traceback (most recent call last)\nCell In[3], line 5\n----> 5 go()\n\n{ERROR}\n"
    )
    (problem,) = problems(text, "traceback")
    assert (problem.user_frame, problem.is_uncaught) == ("Cell In[3] line 5", True)


@pytest.mark.parametrize(
    "path",
    [
        "/opt/lib/python3.11/site-packages/torch/nn/functional.py",
        "/usr/lib/python3/dist-packages/torch/x.py",
        "C:\\Users\\me\\miniconda3\\envs\\ft\\lib\\encodings\\cp1252.py",
        "<frozen runpy>",
        "/home/me/pytorch/torch/_tensor.py",
        "/w/unsloth_compiled_cache/UnslothSFTTrainer.py",
        "/home/me/LLaMA-Factory/src/llamafactory/train/tuner.py",
    ],
)
def test_library_code_is_not_the_persons_own(path: str) -> None:
    text = f'Traceback (most recent call last):\n  File "{path}", line 3, in f\n    x()\n{ERROR}\n'
    assert problems(text, "traceback")[0].user_frame == ""


def test_code_around_a_frame_in_a_notebook_does_not_tell_the_phase() -> None:
    frame = "File ~/w/trainer.py:5, in step(self)\n      4 loss.backward()\n----> 5 go()\n      6 optimizer.step()\n"
    (problem,) = problems(f"X   Traceback (most recent call last)\n{frame}\n{TORCH_2_6}\n", "out_of_memory")
    assert problem.phase == ""


def test_a_step_inside_the_closure_of_an_optimiser_is_what_the_closure_does() -> None:
    frames = (STACKS["optimiser"], ("lightning/loop.py", "closure", "loss = step()"), STACKS["forward"])
    assert problems(stack(*frames, error=TORCH_2_6), "out_of_memory")[0].phase == "forward"


def test_generation_inside_a_training_step_is_part_of_it() -> None:
    generate = ("generation/utils.py", "generate", "result = self._sample(ids)")
    step = ("trainer.py", "training_step", "inputs = self._prepare_inputs(inputs)")
    assert problems(stack(generate, error=TORCH_2_6), "out_of_memory")[0].phase == "generation"
    assert problems(stack(step, generate, error=TORCH_2_6), "out_of_memory")[0].phase == "rollout"
