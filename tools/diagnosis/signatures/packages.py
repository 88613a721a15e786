"""Packages: missing, too old, too new, or built against something else."""

from tools.diagnosis.signatures.signature import Signature

ID = "dependency_version"

CALL_SIGNATURES = (
    Signature(
        "cannot_import",
        ID,
        r"cannot import name '(?P<name>\w{1,80})' from (?:partially initialized module )?'(?P<module>[\w.]{1,120})'",
        "'{name}' does not exist in the installed version of {module}.",
        "certain",
    ),
    Signature(
        "unexpected_keyword",
        ID,
        r"(?P<function>[\w.]{1,120})\(\) got an unexpected keyword argument '(?P<argument>\w{1,80})'",
        "{function} does not take '{argument}': the caller and the library are of different versions.",
    ),
    Signature(
        "missing_argument",
        ID,
        r"(?P<function>\w{0,80}(?:Trainer|Config|Model|Collator\w{0,40}|ForCausalLM)\S{0,60})\(\) missing \d{1,2} "
        r"required (?:positional|keyword-only) arguments?: (?P<arguments>[^\n]{1,100})",
        "{function} now needs {arguments}: the caller and the library are of different versions.",
        "possible",
    ),
    Signature(
        "module_attribute",
        ID,
        r"module '(?P<module>[\w.]{1,120})' has no attribute '(?P<attribute>\w{1,80})'",
        "'{attribute}' does not exist in the installed version of {module}.",
    ),
)
"""What a call or an import did not find; these name settings of all kinds, so they stand before the other families."""

PACKAGE_SIGNATURES = (
    Signature(
        "model_type_unknown",
        ID,
        r"model type [`'\"]?(?P<model_type>[\w.-]{1,60})[`'\"]? but Transformers does not recognize"
        r"|KeyError: '(?P<architecture>(?:llama|qwen|mistral|gemma|phi|deepseek|glm|gpt|falcon|cohere|olmo|granite"
        r"|smollm|minimax|kimi)[\w.-]{0,40})'|Unsloth: \S{1,120} (?:is )?not supported"
        r"|Model type '?(?P<type>[\w.-]{1,60})'? not supported|transformers.{0,80}does not support (?P<model>\S{1,80})",
        "This version of the library does not know the model's architecture ({model_type}) ({architecture}) ({type}) "
        "({model}).",
    ),
    Signature(
        "model_unrecognised",
        "",
        r"Unrecognized (?:model|configuration class|processing class|image processor)|Unrecognized feature extractor",
        "The folder or repository does not say what kind of model it holds.",
    ),
    Signature(
        "module_missing",
        ID,
        r"No module named ['\"]?(?P<module>[\w.]{1,120})",
        "The package {module} is not installed where this program runs.",
    ),
    Signature(
        "class_attribute",
        ID,
        r"'(?P<type>\w{0,60}(?:Trainer|Tokenizer\w{0,10}|Config|Cache|ForCausalLM|Accelerator\w{0,20}|Model"
        r"|RotaryEmbedding|State|DataLoader\w{0,20}|Attention|DecoderLayer|TrainingArguments|Optimizer|\w{1,40}Linear"
        r"|_OpNamespace))'(?: '\w{1,40}')? object has no attribute '(?P<attribute>\w{1,80})'"
        r"|type object '(?P<class>\w{1,80})' has no attribute|'DeepSpeedCPUAdam' object has no attribute",
        "A class of a library ({type}) ({class}) lacks an attribute that another one expects ({attribute}): their "
        "versions "
        "do not fit.",
    ),
    Signature(
        "version_required",
        ID,
        r"(?P<package>[\w.-]{1,60}) ?(?:>=|==|~=|<=|<|>)=? ?[\d.]{1,20}\S{0,30} is required"
        r"|requires .{0,40}?`?(?P<needed>[\w.-]{1,60}) ?(?:>=|==|~=)|but found (?P<found>[\w-]{1,40}==[\w.]{1,30})"
        r"|[Pp]lease (?:upgrade|update|downgrade) |requires (?:the|a) (?:newer|latest) version|requires PyTorch"
        r"|VersionConflict|DistributionNotFound|PackageNotFoundError|incompatible with .{0,40}version",
        "A package ({package}) ({needed}) is missing or of a version that another one does not take ({found}).",
    ),
    Signature(
        "package_required",
        ID,
        r"requires the (?P<library>[\w-]{1,40}) library|'?(?P<package>hf_transfer|hf_xet)'? package is not available"
        r"|is not installed.{0,40}(?:pip install|Please install)|pip install|[Pp]lease install",
        "A package that is needed here is not installed ({library}) ({package}).",
    ),
    Signature(
        "numpy_binary",
        ID,
        r"numpy\.dtype size changed|numpy\.core\.multiarray failed to import|compiled using NumPy 1\.x"
        r"|_ARRAY_API not found|Numpy is not available|np\.\w{1,20}_?` was removed",
        "A package was built against another version of NumPy.",
        "certain",
    ),
    Signature(
        "shared_library",
        ID,
        r"undefined symbol: (?P<symbol>\w{1,200})|(?:GLIBC|GLIBCXX|CXXABI)_[\d.]{1,12}'? not found"
        r"|(?P<library>[\w+-]{1,60}\.so[\w.]{0,12}): cannot open shared object file|DLL load failed"
        r"|WinError (?:126|127|182|1114)|built without libuv|Library not loaded|symbol not found in flat namespace",
        "A native library is missing or was built against another version ({library}) ({symbol}).",
    ),
    Signature(
        "import_failed_below",
        ID,
        r"Failed to import (?P<module>[\w.]{1,120}) because of the following error",
        "{module} could not be imported.",
    ),
    Signature(
        "tokenizer_file_format",
        ID,
        r"did not match any variant of untagged enum|instantiate the backend tokenizer"
        r"|Descriptors cannot (?:not )?be created directly|unknown tokenizer class"
        r"|Tokenizer class (?P<tokenizer>\w{1,80}) does not exist",
        "The tokenizer's files need another version of tokenizers, sentencepiece or protobuf.",
    ),
    Signature(
        "torch_load_refused",
        ID,
        r"serious vulnerability issue in `?torch\.load|Weights only load failed|WeightsUnpickler error",
        "torch.load refuses the file: the versions of torch and of the library do not fit, or the file is not plain "
        "weights.",
    ),
    Signature(
        "cuda_extension",
        ID,
        r"Error compiling objects for extension|Error building extension '(?P<extension>\w{1,80})'|ninja: build stopped"
        r"|Ninja is required|Unable to JIT load the (?P<operator>\w{1,60})|CUDAMismatchException|MissingCUDAException"
        r"|CUDA_HOME (?:environment variable is not set|does not exist)"
        r"|does not match the version torch was compiled with|nvcc.{0,40}not found|[Ff]ailed to find C compiler"
        r"|ptxas (?:fatal|error)|PTXASError|is not able to be compiled|Unsupported gpu architecture",
        "A native extension could not be built: the compiler or the CUDA toolkit is missing or of another version than "
        "PyTorch's.",
    ),
    Signature(
        "python_version",
        ID,
        r"unsupported operand type\(s\) for \|: '(?:type|_\w{1,40}|ABCMeta)'|requires Python"
        r"|[Pp]ython (?:version )?3\.\d{1,2}.{0,30}(?:is required|not supported)|'type' object is not subscriptable",
        "The Python version does not fit the package.",
    ),
    Signature(
        "data_script",
        ID,
        r"Dataset scripts are no longer supported|Loading a dataset cached in a LocalFileSystem is not supported"
        r"|Invalid pattern: '\*\*'|trust_remote_code is not supported anymore",
        "The data set needs an older version of datasets.",
        "certain",
    ),
    Signature(
        "not_implemented_here",
        "",
        r"NotImplementedError",
        "The library does not implement what was asked for.",
        "possible",
    ),
)
