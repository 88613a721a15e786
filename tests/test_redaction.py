import pytest

from assistant.redaction import redact


@pytest.mark.parametrize(
    ("secret", "placeholder"),
    [
        ("hf_" + "aB3" * 12, "<HUB_TOKEN>"),
        ("sk-" + "proj-" + "a1B2" * 10, "<API_KEY>"),
        ("ghp_" + "a1B2" * 9, "<GITHUB_TOKEN>"),
        ("xoxb-" + "123456789012-abcdef", "<SLACK_TOKEN>"),
        ("AKIA" + "ABCDEFGHIJKLMNOP", "<AWS_KEY>"),
        ("AIza" + "a" * 35, "<GCP_KEY>"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK", "<JWT>"),
        ("postgres://me:secret@host/db", "postgres://<URL_PASSWORD>@host/db"),
        ("someone@example.org", "<EMAIL>"),
        ("/home/alice", "<HOME>"),
        ("wandb login key: " + "0123456789" * 4, "wandb login key: <WANDB_KEY>"),
    ],
)
def test_a_secret_becomes_its_placeholder(secret: str, placeholder: str) -> None:
    assert redact(f"before {secret} after") == f"before {placeholder} after"


@pytest.mark.parametrize(
    "line",
    [
        "{'loss': '2.897', 'grad_norm': '2.044', 'learning_rate': '1.9e-05', 'epoch': '0.56'}",
        "  3%|#         | 15/500 [00:42<22:51,  2.83s/it]",
        "CUDA out of memory. Tried to allocate 7.83 GiB. GPU 0 has a total capacity of 23.64 GiB",
        "checkpoint 4f2a9c at step 1200, sha256 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "trainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.0622",
    ],
)
def test_a_healthy_line_stays_as_it_is(line: str) -> None:
    assert redact(line) == line
