"""Credentials and signatures in addresses, flags and variables are never printed or stored."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from beam_pipelines import build as build_command
from beam_pipelines.runners.local_workers import worker_logs
from facevoice.commands import evaluate, inspect, predict, train
from tests.conftest import ONE_PROCESS, SMALL, write_corpus
from tfdata import load_manifest, verify
from tfdata.command_line import fail
from tfdata.local_copy import local_copy
from tfdata.options import ReadOptions
from tfdata.storage.addresses import check_address, mask_secrets, secret_values
from tfdata.storage.base import Address

SECRET = "hUnTeR2hUnTeR2"
SECRET_ADDRESSES = [
    f"s3://user:{SECRET}@bucket/set",
    f"s3://user:x@{SECRET}/y@bucket/set",
    f"s3://user:x' {SECRET}@bucket/set",
    f"https://{SECRET}@host/set",
    f"https://host/set?X-Amz-Signature={SECRET}",
    f"gs://bucket/set?{SECRET}",
]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("s3://user:pass@bucket/set", "s3://***@bucket/set"),
        ("s3://:pass@bucket/set", "s3://***@bucket/set"),
        ("s3://user:p@ss/w:rd@bucket/set", "s3://***@bucket/set"),
        ("s3://user:p?ss@bucket", "s3://***@bucket"),
        (r"s3://user:p\ss@bucket", "s3://***@bucket"),
        ("s3://user:p%40%2Fss@bucket/a%20b", "s3://***@bucket/a%20b"),
        ("https://token@host:443/x", "https://***@host:443/x"),
        ("http://user:pass@[::1]:9000/x", "http://***@[::1]:9000/x"),
        ("s3:/user:pass@bucket/set", "s3:/***@bucket/set"),
        ("https://host/x?sig=a&token=b", "https://host/x?sig=***&token=***"),
        ("https://host/x?sig=a#b?c", "https://host/x?sig=***"),
        ("https://host/x%3Fsig%3Da", "https://host/x%3F***"),
        ("is s3://b/x?sig=***; use another", "is s3://b/x?sig=***; use another"),
        ("https://host/x#access_token=a", "https://host/x#access_token=***"),
        ("https://host/x?signature", "https://host/x?***"),
        (
            "from 's3://a:b@c/d' to \"http://e:f@g?h=i\".",
            "from 's3://***@c/d' to \"http://***@g?h=***\".",
        ),
        ("no answer at user:pass@host:8099", "no answer at ***@host:8099"),
        ("--s3_secret_access_key=abc --x=y", "--s3_secret_access_key=*** --x=y"),
        ("--s3_session_token abc", "--s3_session_token ***"),
        ("['--s3_access_key_id', 'abc']", "['--s3_access_key_id', '***']"),
        (
            '{"beam:option:s3_session_token:v1": "abc"}',
            '{"beam:option:s3_session_token:v1": "***"}',
        ),
        ("AWS_SECRET_ACCESS_KEY=abc", "AWS_SECRET_ACCESS_KEY=***"),
        ("password='a b&c', x", "password='***', x"),
        ("{'token': \"a'b,c\", 'x': 1}", "{'token': \"***\", 'x': 1}"),
        ("Credential=AK/us Signature=0f", "Credential=*** Signature=***"),
    ],
)
def test_secrets_are_masked(text, masked):
    assert mask_secrets(text) == masked
    assert mask_secrets(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/set",
        "Did you mean s3://bucket/set?",
        "http://[::1]:9000/bucket/a@b",
        "hf://datasets/@someone/set",
        "s3://bucket/someone@example.org/set",
        "grpc://host:5000",
        "/data/someone@host/set",
        "argument --s3_session_token: expected one argument",
        "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and their rights",
        "repo:5000/image@sha256:0123",
    ],
)
def test_text_without_secrets_stays_as_it_is(text):
    assert mask_secrets(text) == text
    check_address(text)


def test_given_values_are_masked_wherever_they_stand(monkeypatch, capsys):
    words = ["--s3_secret_access_key", SECRET, f"--s3_session_token={SECRET[::-1]}", "--x", "y"]
    assert list(secret_values(words)) == [SECRET, SECRET[::-1]]
    assert list(secret_values([])) == []
    assert mask_secrets(f"b'{SECRET}\\n'", [SECRET]) == "b'***\\n'"
    monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET)
    assert fail(f"Invalid header value b'{SECRET}'.") == 1
    assert capsys.readouterr().err == "error: Invalid header value b'***'.\n"


def holds_secret(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if SECRET in str(path) or (path.is_file() and SECRET.encode() in path.read_bytes())
    ]


def refused(command, flags, capsys, folder) -> str:
    """The one line that a command refuses its flags with, which must not contain the secret."""
    try:
        code = command(flags)
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    assert code in (1, 2)
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert SECRET not in captured.err
    assert not holds_secret(folder)
    return captured.err


BUILD = build_command.main


@pytest.mark.parametrize("address", SECRET_ADDRESSES)
@pytest.mark.parametrize(
    ("command", "flags"),
    [
        (BUILD, ["--faces={}", "--audio=x"]),
        (BUILD, ["--faces=x", "--audio={}"]),
        (BUILD, ["--output={}"]),
        (BUILD, ["--meta={}"]),
        (BUILD, ["--split_file={}"]),
        (train.main, ["--model=cnn_image", "--data={}"]),
        (train.main, ["--model=cnn_image", "--service={}"]),
        (train.main, ["--model=cnn_image", "--output={}"]),
        (evaluate.main, ["--run={}"]),
        (evaluate.main, ["--run=x", "--data={}"]),
        (evaluate.main, ["--run=x", "--unknown={}"]),
        (evaluate.main, ["--run=x", "--trials={}", "--media=x"]),
        (predict.main, ["--run={}", "--face=x"]),
        (predict.main, ["--run=x", "--face", "{}"]),
        (predict.main, ["--run=x", "--audio", "{}"]),
        (inspect.main, ["{}"]),
        (inspect.main, ["x", "--key=1", "--export={}"]),
        (verify.main, ["{}"]),
    ],
)
def test_every_command_refuses_an_address_with_a_secret(
    command, flags, address, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    error = refused(command, [flag.format(address) for flag in flags], capsys, tmp_path)
    assert "***" in error
    assert "AWS_ACCESS_KEY_ID" in error


@pytest.mark.parametrize(
    "flags",
    [
        ["--job_endpoint=user:{}@127.0.0.1:9", "--runner=FlinkRunner"],
        ["--output=s3://bucket/set", "--s3_verify={0}", "--s3_secret_access_key"],
        ["--s3_secret_acess_key={}"],
        ["--num_shards=s3://user:{}@bucket"],
        ["--runner=http://user:{}@host"],
        ["--environment_type=EXTERNAL", '--environment_config={{"AWS_SECRET_ACCESS_KEY": "{}"}}'],
    ],
)
def test_no_other_flag_of_the_build_shows_a_secret(flags, corpus, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("beam_pipelines.runners.job_servers.TIMEOUT_SECONDS", 0.2)
    monkeypatch.chdir(tmp_path)
    refused(BUILD, [*corpus.flags, *(flag.format(SECRET) for flag in flags)], capsys, tmp_path)


@pytest.mark.parametrize("address", SECRET_ADDRESSES)
def test_every_function_refuses_an_address_with_a_secret(address):
    from tfdata import load

    for function in (
        load_manifest,
        lambda place: load_manifest(Path(place)),
        local_copy,
        lambda place: load(place, "train"),
        lambda place: ReadOptions(service=place),
        Address,
    ):
        with pytest.raises(ValueError, match="may not contain credentials") as caught:
            function(address)
        assert SECRET not in str(caught.value)


def test_an_endpoint_with_a_password_is_masked_when_nobody_answers(corpus, capsys, monkeypatch):
    pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:{SECRET}@127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert BUILD([*corpus.flags, "--output=s3://bucket/set", "--dry_run"]) == 1
    error = capsys.readouterr().err
    assert 'endpoint URL: "http://***@127.0.0.1:9/bucket?' in error
    assert SECRET not in error


def test_a_build_leaves_no_value_of_a_secret_flag(tmp_path, capfd):
    """Neither where it fails and leaves the log of its workers, nor where it succeeds."""
    corpus = write_corpus(tmp_path / "corpus", people=2, videos=3)
    next(corpus.faces.rglob("*.jpg")).write_bytes(b"broken")
    output = tmp_path / "set"
    flags = [*SMALL, *ONE_PROCESS, *corpus.flags, f"--output={output}", "--s3_access_key_id"]
    flags += [SECRET, f"--s3_secret_access_key={SECRET}", f"--s3_session_token={SECRET}"]
    unknown = ["--", f"--some_password={SECRET}"]
    assert BUILD([*flags, "--max_reject_fraction=0", *unknown]) == 1
    assert (output / ".build" / "workers.log").is_file()
    assert BUILD([*flags, *unknown]) == 0
    captured = capfd.readouterr()
    assert SECRET not in captured.out + captured.err
    assert not holds_secret(tmp_path)
    assert SECRET not in repr(Address("s3://bucket/set", tuple(flags)))


def test_what_workers_log_is_masked_and_what_follows_is_appended(tmp_path):
    log = tmp_path / "workers.log"
    with log.open("x+") as file, worker_logs(file, [SECRET]):
        worker = subprocess.Popen(["sh", "-c", "read line; echo after >&2"], stdin=subprocess.PIPE)
        os.write(2, f"at http://user:x{SECRET}@host\n{SECRET} \xe9\n".encode("latin-1"))
    assert log.read_bytes() == b"at http://***@host\n*** \xe9\n"
    worker.communicate(b"\n")
    assert log.read_bytes() == b"at http://***@host\n*** \xe9\nafter\n"
