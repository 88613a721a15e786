"""Data: columns, types, files, templates and lengths that the trainer cannot use."""

from tools.diagnosis.signatures.signature import Signature

FORMAT = "dataset_format"
TEMPLATE = "chat_template"

_COLUMNS = (
    "messages|conversations?|instruction|input|inputs|output|outputs|prompt|prompts|completion|chosen|rejected|text|labels?|input_ids|"
    "attention_mask|question|answer|response|content|role|from|value|query|target|targets|source|sentence|summary|document|dialogue|"
    "article|highlights|context|reward|image|images|train|validation|test|label_ids|score|translation|system|human|gpt"
)

DATASET_SIGNATURES = (
    Signature(
        "all_labels_masked",
        "label_masking",
        r"[Aa]ll (?:of )?(?:the )?labels (?:in your dataset )?are -100|[Tt]raining losses will be all 0"
        r"|all labels (?:are|were) masked",
        "Every label is masked, so there is nothing to learn from; the marker of the answer is not found in the text.",
        "certain",
    ),
    Signature(
        "column_missing",
        FORMAT,
        rf"KeyError: ['\"](?P<column>{_COLUMNS})['\"]",
        "The data has no column or field '{column}', which the program asks for.",
    ),
    Signature(
        "column_not_in_data",
        FORMAT,
        r"[Cc]olumn(?: name)?s?(?: to \w{1,20})? ['\"\[(]{0,2}(?P<column>[\w ,'\"-]{1,80}?)['\"\])]{0,2} "
        r"(?:is |are )?(?:not in|not found in|doesn'?t exist|do not exist|don'?t exist)",
        "The data has no column '{column}'.",
        "certain",
    ),
    Signature(
        "no_matching_columns",
        FORMAT,
        r"No columns in the dataset match the model'?s forward method signature",
        "None of the data's columns is one that the model takes.",
        "certain",
    ),
    Signature(
        "no_loss_returned",
        FORMAT,
        r"did not return a loss from the inputs, only the following keys: (?P<keys>[^.\n]{1,120})",
        "The batches hold no labels, so the model gave {keys} and no loss.",
        "certain",
    ),
    Signature(
        "schema_differs",
        FORMAT,
        r"DatasetGenerationCastError|DatasetGenerationError|CastError|Couldn'?t cast|must have the same columns"
        r"|features can'?t be aligned|Not able to read records in the JSON file|JSON parse error|ArrowInvalid"
        r"|ArrowTypeError|SchemaInferenceError|ArrowNotImplementedError"
        r"|at least one (?:data file|example) (?:must|when)",
        "The data files cannot be read as one table: their fields or types differ, or the JSON has another shape than "
        "expected.",
        "certain",
    ),
    Signature(
        "unequal_lengths",
        FORMAT,
        r"Unable to create tensor, you should probably activate truncation|stack expects each tensor to be equal size"
        r"|expected sequence of length (?P<expected>\d{1,9}) at dim \d{1,2} \(got (?P<got>\d{1,9})\)"
        r"|excessive nesting \(inputs type|too many dimensions '(?:str|list|dict)'",
        "The examples of a batch have different lengths or nested fields, and nothing pads or flattens them.",
        "certain",
    ),
    Signature(
        "no_examples",
        FORMAT,
        r"num_samples should be a positive integer value, but got num_samples=0"
        r"|(?:dataset|train_dataset|data ?set) is empty|out of bounds for size 0"
        r"|[Nn]o (?:training )?(?:samples|examples|data) (?:found|left|remain)|max\(\) arg is an empty sequence"
        r"|contains no (?:samples|examples|rows)|set not found or empty|must have at least batch_size"
        r"|Cannot find valid samples",
        "No example is left to train on.",
    ),
    Signature(
        "not_text",
        FORMAT,
        r"text input must be of type `?str|TextEncodeInput must be|TextInputSequence must be"
        r"|expected string or bytes-like object|supply an encoding or a list of encodings"
        r"|sequence item \d{1,9}: expected str instance",
        "The tokenizer got something that is no text: an empty field, a number or a list.",
    ),
    Signature(
        "field_of_other_type",
        FORMAT,
        r"can only concatenate str \(not \"(?P<type>\w{1,30})\"\)|string indices must be integers"
        r"|'(?:str|NoneType|list)' object has no attribute '(?:get|keys|items|strip|split|lower|startswith)'"
        r"|unsupported operand type\(s\) for \+: '(?:NoneType|str)'",
        "A field of an example is empty or of another type than the code that prepares it expects.",
        "likely",
        stack=r"format|prompt|preprocess|tokeniz|collat|_map_single|apply_chat|conversation|__getitem__",
    ),
    Signature(
        "unknown_data_format",
        FORMAT,
        r"Unsupported data format|[Ii]nvalid file format|[Uu]nknown (?:data|dataset) format"
        r"|Invalid (?:data|dataset) format",
        "The data is in a format that the trainer does not know.",
        "certain",
    ),
    Signature(
        "inputs_missing",
        FORMAT,
        r"You (?:have to|must|should) specify (?:either|exactly one of).{0,60}(?:inputs_embeds|decoder_input)",
        "A batch reached the model without input_ids.",
    ),
    Signature(
        "formatting_function",
        FORMAT,
        r"formatting_func|dataset_text_field|You must specify a `?formatting",
        "The trainer was not told how to make text of an example, or what it was told does not give text.",
    ),
    Signature(
        "split_or_configuration",
        FORMAT,
        r"Unknown split \"?(?P<split>[\w\[\]:%]{1,60})|Config name is missing"
        r"|BuilderConfig '?(?P<configuration>[\w.-]{1,80})'? not found|Bad split: (?P<bad>\w{1,60})",
        "The data set has no such split or configuration ({split}) ({configuration}) ({bad}).",
        "certain",
    ),
    Signature(
        "data_file_missing",
        FORMAT,
        r"Unable to find '(?P<path>[^'\n]{1,200})'|No \(supported\) data files? found|Couldn't find any data file"
        r"|EmptyDatasetError|Undefined dataset (?P<dataset>\S{1,80})|dataset_info\.json",
        "The data files are not where they are looked for ({path}) ({dataset}).",
    ),
    Signature(
        "json_broken",
        FORMAT,
        r"JSONDecodeError: (?P<what>[^\n]{1,120})",
        "A JSON file cannot be read: {what}.",
        "possible",
    ),
    Signature(
        "not_utf8",
        FORMAT,
        r"UnicodeDecodeError: '(?P<codec>[\w-]{1,20})' codec can't decode byte",
        "A text file is not in the encoding {codec} that it was read as.",
        "possible",
    ),
    Signature(
        "no_template",
        TEMPLATE,
        r"chat_template is not set|does not have a chat template|[Nn]o chat template"
        r"|[Cc]annot use (?:apply_)?chat[_ ]template|add_generation_prompt"
        r"|Template '?(?P<template>[\w.-]{1,60}?)'? (?:does not exist|not found)|TemplateNotFound",
        "The tokenizer has no chat template, and none was given.",
        "certain",
    ),
    Signature(
        "template_refuses",
        TEMPLATE,
        r"[Rr]oles must alternate|System role not supported"
        r"|jinja2\.exceptions\.(?:TemplateError|TemplateSyntaxError|UndefinedError)",
        "The chat template refuses these messages: their roles or their order are not what it takes.",
        "certain",
    ),
    Signature(
        "longer_than_block",
        "truncated_sequences",
        r"[Cc]annot forward sequence of length (?P<length>\d{1,9}).{0,40}?(?:block size|max seq length"
        r"|max_seq_len\w{0,4}) is only (?P<limit>\d{1,9})|maximum context length is (?P<context>\d{1,9})"
        r"|[Ss]equence length .{0,40}(?:exceeds|is longer than|larger than)",
        "A sequence ({length}) is longer than the model can take ({limit}) ({context}).",
        "certain",
    ),
    Signature(
        "longer_than_positions",
        "truncated_sequences",
        r"size of tensor a \((?P<length>\d{1,7})\) must match the size of tensor b "
        r"\((?P<limit>512|514|1024|2048|4096)\)"
        r"|expanded size of the tensor \((?P<expanded>\d{1,7})\) must match the existing size "
        r"\((?P<existing>512|514|1024|2048|4096)\)",
        "A sequence is probably longer than the model has positions.",
        "possible",
        stack=r"position|embeddings|wpe",
    ),
    Signature(
        "padding_token_missing",
        "",
        r"tokenizer does not have a padding token|Cannot handle batch sizes > 1 if no padding token is defined"
        r"|pad_token.{0,40}(?:is None|not set)",
        "The tokenizer has no padding token, so examples cannot be batched.",
        "certain",
    ),
    Signature(
        "early_stopping_without_best",
        "no_evaluation",
        r"KeyError: ['\"]eval_\w{1,40}|metric_for_best_model|EarlyStoppingCallback requires"
        r"|you didn't pass an `?eval_dataset|requires an eval_dataset|eval_dataset.{0,40}(?:must be|is required)"
        r"|[Tt]rainer: evaluation requires an eval_dataset|load_best_model_at_end requires the save and eval",
        "The trainer was to evaluate or to stop early, and the evaluation that this needs is not set up.",
        "certain",
    ),
)
