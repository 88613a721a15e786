"""Settings that a program does not take, and shapes that do not fit."""

from tools.diagnosis.signatures.signature import Signature

CONFIGURATION_SIGNATURES = (
    Signature(
        "weights_beyond_gpu",
        "out_of_memory_gpu",
        r"[Ss]ome modules are dispatched on the CPU or the disk|enough GPU RAM to fit|No executable batch size found",
        "The GPU's memory is too small for the weights of the model, so some were to be left outside.",
    ),
    Signature(
        "weights_on_disk",
        "hardware_limits",
        r"had weights offloaded to the disk|can'?t move a model that has some modules offloaded"
        r"|provide an `?offload_(?:folder|dir)",
        "Neither the GPU nor the machine's memory holds the model, so some weights were to go to the disk.",
    ),
    Signature(
        "yaml",
        "",
        r"yaml\.(?:scanner|parser|constructor|composer|reader)\.\w{1,30}Error|ScannerError"
        r"|ParserError: (?:while|expected)",
        "A YAML file cannot be read.",
        "certain",
    ),
    Signature(
        "hydra",
        "",
        r"hydra\.errors\.\w{1,60}|omegaconf\.errors\.\w{1,60}|MissingConfigException|ConfigAttributeError"
        r"|ConfigCompositionException",
        "The Hydra configuration lacks a key or a file that the program asks for.",
        "certain",
    ),
    Signature(
        "unknown_argument",
        "",
        r"not used by the HfArgumentParser: ?(?P<keys>\[[^\]\n]{1,200}\])"
        r"|unrecognized arguments: (?P<arguments>[^\n]{1,200})|invalid choice: (?P<choice>[^\n]{1,80})"
        r"|the following arguments are required: (?P<required>[^\n]{1,120})|expected one argument"
        r"|`?model_kwargs`? are not used by the model",
        "The program does not take a setting that it was given, or lacks one that it needs ({keys}) ({arguments}) "
        "({choice}) "
        "({required}).",
        "certain",
    ),
    Signature(
        "number_as_text",
        "",
        r"not supported between instances of '(?:str|float|int)' and '(?:str|float|int)'",
        "A number was read as text; YAML takes 1e-5 for text and 1.0e-5 for a number.",
    ),
    Signature(
        "layer_class_to_shard",
        "",
        r"Could not find the transformer layer (?:class|to wrap)",
        "The layer class named for sharding does not exist in this model.",
        "certain",
    ),
    Signature(
        "file_missing",
        "",
        r"(?:FileNotFoundError|NotADirectoryError|IsADirectoryError): .{0,120}?'(?P<path>[^'\n]{1,200})'",
        "A file or folder that the program reads is not there: {path}.",
        "certain",
    ),
    Signature(
        "configuration_invalid",
        "",
        r"\d{1,3} validation errors? for (?P<model>\w{1,80})|pydantic\S{0,60}ValidationError"
        r"|StrictDataclass\w{0,40}Error",
        "The configuration does not pass the program's own check.",
        "certain",
    ),
    Signature(
        "toml_or_ini",
        "",
        r"TOMLDecodeError|configparser\.\w{1,40}Error",
        "A configuration file cannot be read.",
        "certain",
    ),
    Signature(
        "generation_configuration",
        "",
        r"generation config(?:uration)? instance is invalid|GenerationConfig.{0,80}invalid",
        "The generation settings contradict each other, so the model could not be saved or used with them.",
        "certain",
    ),
    Signature(
        "output_exists",
        "",
        r"Output directory .{1,200} already exists|FileExistsError",
        "The output folder holds something already, and overwriting is not allowed.",
        "certain",
    ),
    Signature(
        "attention_not_implemented",
        "",
        r"does not support (?:an attention implementation|Flash ?Attention|`?sdpa|scaled_dot_product)",
        "The model has no implementation of the attention that was asked for.",
        "certain",
    ),
    Signature(
        "compiler",
        "",
        r"torch\._(?:dynamo|inductor)\.exc\.\w{1,60}|BackendCompilerFailed|InductorError|LoweringException"
        r"|torch\._dynamo\.exc",
        "torch.compile could not compile the model; it runs without it.",
    ),
    Signature(
        "shapes_differ",
        "",
        r"shapes cannot be multiplied \((?P<shapes>[^)\n]{1,60})\)"
        r"|size of tensor a \((?P<first>\d{1,9})\) must match the size of tensor b \((?P<second>\d{1,9})\)"
        r"|cannot be broadcast|shape '?\[[^\]\n]{1,60}\]'? is invalid for input of size|must match .{0,40}dimension"
        r"|could not broadcast input array|Sizes of tensors must match|Attention mask should be of size"
        r"|Expected input batch_size|einsum\(\)",
        "Two tensors have shapes that do not fit together.",
        "certain",
    ),
    Signature(
        "generic_groups",
        "rl_collapse",
        r"must be (?:evenly )?divisible by the number of generations",
        "The batch cannot be split into whole groups of generations.",
        "possible",
    ),
)
