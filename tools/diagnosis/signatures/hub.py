"""Models and data that must be fetched: rights, names, the network, and names that do not exist."""

from tools.diagnosis.signatures.signature import Signature

ID = "gated_access"

HUB_SIGNATURES = (
    Signature(
        "gated_repository",
        ID,
        r"gated repo|GatedRepoError|Access to (?:model|dataset) (?P<repository>\S{1,120}) is restricted"
        r"|awaiting a review from the repo|must (?:be authenticated|have access to it) .{0,80}|ask for access"
        r"|in the authorized list",
        "The repository ({repository}) is gated: its licence must be accepted by the account whose token is used.",
        "certain",
    ),
    Signature(
        "not_authorised",
        ID,
        r"\b401 (?:Client Error|Unauthorized)|Unauthorized for url"
        r"|Invalid (?:username or password|user token|credentials)|Token is required|LocalTokenNotFoundError"
        r"|token (?:is )?(?:invalid|not found)|hf auth login|huggingface-cli login",
        "The hub refused access: the token is missing or not valid.",
    ),
    Signature(
        "forbidden",
        ID,
        r"\b403 (?:Client Error|Forbidden)|Forbidden for url|don't have (?:the )?(?:rights|permission) to",
        "The hub refused access: this token does not have the right.",
        "certain",
    ),
    Signature(
        "repository_not_found",
        ID,
        r"RepositoryNotFoundError|RevisionNotFoundError|\b404 Client Error"
        r"|is not a local folder and is not a valid model identifier|DatasetNotFoundError"
        r"|doesn'?t exist on the Hub or cannot be accessed"
        r"|Dataset '?(?P<dataset>\S{1,120}?)'? (?:not found|doesn't exist)",
        "The hub knows no such repository, or shows it to authorised accounts only.",
        "certain",
    ),
    Signature(
        "not_a_repository_name",
        "",
        r"HFValidationError|Repo id must (?:be in the form|use alphanumeric)",
        "A local path that does not exist was taken for the name of a repository.",
        "certain",
    ),
    Signature(
        "cannot_load_configuration",
        "",
        r"Can't load (?:the )?(?P<what>configuration|config|tokenizer|model|feature extractor|image processor)(?: of"
        r"| for) '(?P<path>[^'\n]{1,200})'",
        "There is no {what} to load at {path}.",
        "certain",
    ),
    Signature(
        "file_missing_in_repository",
        "",
        r"does not appear to have (?:a )?files? named (?P<file>\S{1,80})|Entry Not Found|(?<!Local)EntryNotFoundError"
        r"|Can't find '?(?:config\.json|tokenizer\.json)",
        "The folder or repository lacks a file that loading needs ({file}).",
        "certain",
    ),
    Signature(
        "hub_offline",
        "",
        r"couldn't connect to '?https?://\S{0,60}|LocalEntryNotFoundError|OfflineModeIsEnabled"
        r"|Cannot reach .{0,60}offline mode|Couldn't reach .{0,80}(?:Hub|http)|Max retries exceeded with url"
        r"|Network is unreachable|Temporary failure in name resolution|Name or service not known|getaddrinfo failed"
        r"|Failed to establish a new connection|ReadTimeoutError|ConnectTimeout|outgoing traffic has been disabled",
        "The hub could not be reached, and what is needed is not in the local cache.",
    ),
    Signature(
        "hub_busy",
        "",
        r"\b(?:429|50[0234]) (?:Client|Server) Error|Too Many Requests|HfHubHTTPError",
        "The hub answered with an error of its own; try again later.",
    ),
    Signature(
        "download_broken",
        "",
        r"Consistency check failed|IncompleteRead|ChunkedEncodingError|HeaderTooLarge|MetadataIncompleteBuffer"
        r"|InvalidHeaderDeserialization|HeaderTooSmall|invalid load key|Unable to load weights from|git-?lfs",
        "A weights file is incomplete, or only the pointer to it was downloaded.",
    ),
    Signature(
        "remote_code",
        "",
        r"requires? you to execute|trust_remote_code=True|contains custom code which must be executed",
        "The repository brings its own code, which must be allowed with trust_remote_code.",
        "certain",
    ),
    Signature(
        "tracker_login",
        "",
        r"wandb.{0,40}(?:api_key not configured|no-tty|UsageError|CommError|AuthenticationError)|api_key not configured"
        r"|wandb login|wandb: ERROR|mlflow\.exceptions|comet.{0,20}API key|swanlab.{0,40}login",
        "The experiment tracker could not log in or be reached; the training itself is not at fault.",
    ),
)
