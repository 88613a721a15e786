"""Several processes: collectives that wait, stores that nobody joins, configurations that do not agree."""

from tools.diagnosis.signatures.signature import Signature

HANG = "distributed_hang"

DISTRIBUTED_SIGNATURES = (
    Signature(
        "collective_timeout",
        HANG,
        r"[Ww]atchdog caught collective operation timeout|operation timed out"
        r"|Timed out waiting (?P<milliseconds>\d{1,12})ms|NCCL operations have failed or timed out"
        r"|collective.{0,60}(?:timed out|timeout)|monitoredBarrier",
        "A collective operation waited for a rank that did not come.",
        "certain",
    ),
    Signature(
        "store_timeout",
        HANG,
        r"waiting for clients\.? ?(?P<joined>\d{1,5}/\d{1,5}) clients joined|store.{0,60}(?:[Tt]imeout|timed out)"
        r"|[Ss]ocket Timeout|wait timeout after \d{1,9}ms|client socket has (?:timed out|failed to connect)"
        r"|RendezvousTimeout|RendezvousConnectionError",
        "Not all ranks reached the meeting point in time.",
        "certain",
    ),
    Signature(
        "peer_gone",
        HANG,
        r"Connection (?:closed|reset) by peer|ncclRemoteError|remote process exited|failed to recv, got 0 bytes"
        r"|Broken pipe.{0,80}store|heartbeat monitor.{0,80}(?:died|timed out)|ActorDiedError|worker died|RayActorError",
        "Another rank ended, or its connection broke; the first rank that failed tells why.",
        "possible",
    ),
    Signature(
        "nccl_duplicate_gpu",
        "",
        r"Duplicate GPU detected ?: rank (?P<first>\d{1,5}) and rank (?P<second>\d{1,5}) both on",
        "Ranks {first} and {second} were given the same GPU.",
        "certain",
    ),
    Signature(
        "nccl_failure",
        HANG,
        r"NCCL [Ee]rror|unhandled (?:cuda|system) error|HCCL (?:function )?error|ncclSystemError|ncclInternalError"
        r"|ncclUnhandledCudaError|ncclInvalidUsage",
        "NCCL failed between the GPUs; NCCL_DEBUG=INFO names the call and the interface.",
        "possible",
    ),
    Signature(
        "address_in_use",
        "",
        r"EADDRINUSE|[Aa]ddress already in use",
        "The port of the launcher is taken, most often by a run that is still alive.",
        "certain",
    ),
    Signature(
        "unused_parameters",
        "",
        r"Expected to have finished reduction in the prior iteration",
        "Some trainable weights took no part in the loss, and data-parallel training waits for their gradients "
        "(find_unused_parameters, or freeze them).",
        "certain",
    ),
    Signature(
        "process_group_missing",
        "",
        r"[Dd]efault process group has not been initialized"
        r"|environment variable (?P<variable>MASTER_ADDR|MASTER_PORT|RANK|WORLD_SIZE) expected, but not set"
        r"|KeyError: '(?P<key>LOCAL_RANK|RANK|WORLD_SIZE|MASTER_ADDR|MASTER_PORT)'"
        r"|ProcessGroup is not (?:initialized|supported)",
        "The program was not started by a launcher that sets up its ranks.",
        "certain",
    ),
    Signature(
        "device_map_with_ranks",
        "",
        r"device_map='?\"?auto.{0,40}in any distributed mode|device_map.{0,60}(?:DeepSpeed|ZeRO|distributed)"
        r"|DeepSpeed Zero-3 is not compatible with",
        "A model that is spread over the GPUs by device_map cannot be trained by several ranks at once.",
        "certain",
    ),
    Signature(
        "batch_sizes_disagree",
        "",
        r"train_batch_size is not equal to micro_batch_per_gpu \* gradient_acc_step \* world_size "
        r"(?P<sizes>[\d != *]{1,60})",
        "The batch sizes of the DeepSpeed configuration do not multiply to its train_batch_size ({sizes}).",
        "certain",
    ),
    Signature(
        "deepspeed_and_arguments_disagree",
        "",
        r"DeepSpeed config values that mismatch TrainingArguments|DeepSpeed config.{0,80}mismatch",
        'The DeepSpeed configuration and the trainer\'s arguments disagree; set the shared values to "auto".',
        "certain",
    ),
    Signature(
        "parameter_in_flight",
        "",
        r"'status': '?INFLIGHT|still have inflight params|already in flight",
        "ZeRO-3 gathers weights in an order that changed between two passes; a part of the model was skipped.",
    ),
)
