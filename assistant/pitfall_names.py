"""The names by which sentences call pitfalls, and other causes that a model likes to make up."""

import re

_BAD = r"(?:corrupt\w*|mislabel\w*|noisy|shuffled|wrong|bad|dirty|broken|poor|incorrect|inconsistent)"
_DATA = r"(?:data|labels?|samples?|rows?|examples?|dataset)"
# ids of findings or cards -> their names; ids that share a name stand together
_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "overfitting",
        (
            r"over-?fit\w*",
            r"memori[sz]\w*",
            r"generali[sz]\w* (?:\w{1,10} )?(?:worse|badly|poorly)",
            r"(?:does|do) not generali[sz]e|fails to generali[sz]e",
        ),
    ),
    ("underfitting", (r"under-?fit\w*",)),
    ("exploding_gradients", (r"gradients?\b[^.,;]{0,20}\bexplod\w*", r"explod\w*\sgradients?", r"gradient explosion")),
    ("vanishing_gradients", (r"gradients?\b[^.,;]{0,20}\bvanish\w*", r"vanish\w*\sgradients?", r"dead gradients?")),
    ("loss_divergence", (r"diverg\w*",)),
    ("loss_nan", (r"nan", r"not a number", r"no number any more")),
    ("loss_spikes", (r"spik\w*",)),
    (
        "out_of_memory_gpu out_of_memory_eval hardware_limits",
        (
            r"(?:gpu|cuda|vram|card)s?\b[^.,;]{0,30}out of memory",
            r"out of (?:gpu|cuda|video) memory",
            r"(?:gpu|cuda|video) memory (?:is|was|ran) (?:full|out|exhausted)",
        ),
    ),
    (
        "out_of_memory_gpu out_of_memory_eval out_of_memory_cpu hardware_limits",
        (r"(?:runs? |ran |running )?out of memory", r"oom", r"memory leak"),
    ),
    ("data_leakage", (r"leak\w*", r"contaminat\w*")),
    ("duplicate_data data_leakage insufficient_data", (r"duplicat\w*",)),
    ("gibberish_output", (r"gibberish", r"word salad")),
    ("catastrophic_forgetting", (r"catastrophic\w*", r"forgetting", r"forgot\w*", r"forgets")),
    ("class_imbalance", (r"imbalanc\w*",)),
    ("truncated_sequences rl_collapse", (r"truncat\w*",)),
    ("distributed_hang", (r"deadlock\w*", r"nccl", r"hangs?", r"hung")),
    ("disk_full", (r"disk (?:is )?full", r"full disk", r"no space left", r"disk space")),
    ("rl_collapse", (r"mode collapse", r"collapse[sd]?")),
    ("preference_reward_hacking", (r"reward hacking", r"hack\w*")),
    ("data_quality", (rf"{_BAD}\s(?:\w{{1,12}}\s)?{_DATA}", rf"{_DATA}\s(?:is|are|were|was)\s(?:\w{{1,12}}\s)?{_BAD}")),
    ("insufficient_data overfitting", (r"(?:too little|not enough|insufficient|too few)\s(?:training\s)?" + _DATA,)),
    (
        "chat_template",
        (
            r"(?:wrong|different|mismatch\w*|broken)\s(?:chat\s|prompt\s)?templates?",
            r"templates?\s(?:is|are|was)\s(?:wrong|broken|different)",
            r"culprit[^.]{0,30}template",
        ),
    ),
    (
        "dependency_version",
        (
            r"(?:wrong|incompatible|old|outdated|mismatched)\s(?:package\s|library\s)?versions?",
            r"version (?:conflict|mismatch)",
        ),
    ),
    ("interrupted", (r"pre-?empted", r"interrupted")),
    (
        "hardware_fault",
        (
            r"hardware (?:fault|failure|error|problem)",
            r"faulty (?:gpu|card|hardware|memory)",
            r"(?:broken|defective|dying) (?:gpu|card)",
            r"overheat\w*",
            r"driver (?:bug|problem|error)",
            r"cosmic|bit flip|power supply|virus|malware|hacked",
        ),
    ),
    ("bug", (r"bugs?\b(?! fix)", r"compiler")),
    ("network", (r"network (?:problem|error|failure|congestion)", r"congest\w*")),
    (
        "learning_rate_too_high",
        (
            r"(?:learning rate|lr) (?:is|was|being) (?:\w{1,10} ){0,2}too (?:high|large|big)",
            r"too (?:high|large|big) (?:of )?an? (?:learning rate|lr)",
        ),
    ),
    (
        "learning_rate_too_low",
        (
            r"(?:learning rate|lr) (?:is|was|being) (?:\w{1,10} ){0,2}too (?:low|small)",
            r"too (?:low|small) (?:of )?an? (?:learning rate|lr)",
        ),
    ),
)
PITFALLS = tuple((tuple(ids.split()), re.compile(rf"\b(?:{'|'.join(names)})\b")) for ids, names in _NAMES)
