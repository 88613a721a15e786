"""The readers for what trainers print a line at a time, in the order of asking.

Formats with a rare marker come first, those with a common one later, and the reader that knows no trainer last.
"""

from tools.log_formats.accelerate_console import ACCELERATE
from tools.log_formats.apple import MLX_LM
from tools.log_formats.blocks import COMPOSER, NEMO_RL, OLMO
from tools.log_formats.deepspeed import DEEPSPEED, DEEPSPEED_CHAT
from tools.log_formats.fairseq import FAIRSEQ
from tools.log_formats.generic_pairs import GENERIC_PAIRS
from tools.log_formats.ggml import LLAMA_CPP
from tools.log_formats.jax_trainers import FLAX_EXAMPLES, LEVANTER, MAXTEXT
from tools.log_formats.keras_console import KERAS
from tools.log_formats.llama_recipes import LLAMA_RECIPES
from tools.log_formats.megatron import MEGATRON, NEMO_2
from tools.log_formats.minimind import MINIMIND
from tools.log_formats.mistral import MISTRAL_FINETUNE
from tools.log_formats.openmmlab import OPENMMLAB
from tools.log_formats.paddle_mindspore import MINDSPORE, PADDLENLP
from tools.log_formats.pytorch_examples import METERS, PYTORCH_EXAMPLES
from tools.log_formats.pytorch_trainers import LITGPT, PICOTRON, TORCHTITAN, TORCHTUNE
from tools.log_formats.record import LogFormat
from tools.log_formats.rl_trainers import VERL
from tools.log_formats.small_gpt import LLM_C, MODDED_NANOGPT, NANOCHAT, NANOGPT
from tools.log_formats.tqdm_postfix import TQDM_POSTFIX

TRAINER_FORMATS: tuple[LogFormat, ...] = (
    MEGATRON,
    NEMO_2,
    TORCHTUNE,
    TORCHTITAN,
    PICOTRON,
    LITGPT,
    NANOGPT,
    NANOCHAT,
    LLM_C,
    MODDED_NANOGPT,
    VERL,
    MLX_LM,
    MISTRAL_FINETUNE,
    MAXTEXT,
    LEVANTER,
    FLAX_EXAMPLES,
    MINIMIND,
    OPENMMLAB,
    PADDLENLP,
    MINDSPORE,
    FAIRSEQ,
    LLAMA_RECIPES,
    LLAMA_CPP,
    COMPOSER,
    OLMO,
    NEMO_RL,
    DEEPSPEED,
    DEEPSPEED_CHAT,
    KERAS,
    ACCELERATE,
    PYTORCH_EXAMPLES,
    METERS,
    TQDM_POSTFIX,
    GENERIC_PAIRS,
)
"""All but STEP_DICTIONARY, which must see its dictionaries before the reader of Hugging Face's does."""
