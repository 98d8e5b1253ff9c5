"""Tests of wrong arguments: a one-line error and a non-zero exit code."""

from __future__ import annotations

import sys

import pytest

from beam_pipelines import options
from tests.tools import error_line


def build_error(build, capsys, *arguments):
    """Runs the build; it must fail with exactly one line on standard error."""
    try:
        code = build(*arguments)
    except SystemExit as stop:
        code = stop.code
    assert code not in (0, None)
    return error_line(capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pairs_per_persons=5"], ["--pairs_per_persons", "did you mean --pairs_per_person?"]),
        (["--direct_num_worker=2"], ["did you mean --direct_num_workers?"]),
        (["--image_siz=64"], ["did you mean --image_size?"]),
        (["--frobnicate"], ["unknown flag --frobnicate"]),
        (["stray"], ["stray"]),
        (["--split_fractions=80,10"], ["three percentages"]),
        (["--split_fractions=80,10,20"], ["add up to 110"]),
        (["--split_fractions=0,50,50"], ["training"]),
        (["--bands=4000"], ["--bands is 4000", "2 to 129"]),
        (["--image_size=none"], ["--image_size"]),
        (["--face_crop=0"], ["--face_crop is 0"]),
        (["--window_seconds=nan"], ["--window_seconds"]),
        (["--max_hz=9000"], ["--max_hz is 9000", "8000"]),
        (["--frequency_scale=mel", "--bands=100"], ["--bands 100", "fewer bands"]),
        (["--frequency_scale=bark"], ["'log' or 'mel'"]),
        (["--split_by=day"], ["'session', 'pair' or 'file'"]),
        (["--split_fractions=most"], ["--split_fractions", "'most'"]),
        (["--runner=Bogus"], ["--runner Bogus"]),
        (["--runner=FnApiRunner", "--direct_running_mode=multi_threading"], ["loses records"]),
        (["--num_shards=0"], ["--num_shards is 0"]),
        (["--persons=0"], ["--persons is 0"]),
        (["--direct_running_mode=multi_threading"], ["loses records", "multi_processing"]),
        (["--exclude=Nobody"], ["--exclude names Nobody", "Person_0"]),
        (["--exclude=Person_0,Person_1,Person_2"], ["leaves nobody"]),
    ],
)
def test_a_wrong_flag_is_refused(corpus, build, capsys, tmp_path, arguments, words):
    output = tmp_path / "set"
    error = build_error(build, capsys, *corpus.flags, f"--output={output}", *arguments)
    for word in words:
        assert word.lower() in error.lower()
    assert not output.exists()


def test_one_tree_alone_is_refused(corpus, build, capsys):
    assert "--audio" in build_error(build, capsys, f"--faces={corpus.faces}")


def test_a_meta_file_alone_is_refused(corpus, build, capsys):
    assert "--faces" in build_error(build, capsys, f"--meta={corpus.meta}")


@pytest.mark.parametrize("flag", ["faces", "audio", "meta"])
def test_a_missing_path_is_in_the_error(corpus, build, capsys, tmp_path, flag):
    given = {"faces": corpus.faces, "audio": corpus.audio, "meta": corpus.meta}
    given[flag] = tmp_path / "nowhere"
    error = build_error(build, capsys, *(f"--{name}={path}" for name, path in given.items()))
    assert str(tmp_path / "nowhere") in error


def test_the_error_of_unrelated_trees_has_a_name_of_each_tree(corpus, build, capsys):
    error = build_error(build, capsys, f"--faces={corpus.faces}", f"--audio={corpus.audio}")
    assert "'id10000'" in error
    assert "'Person_0'" in error


def test_a_meta_file_without_its_columns_is_refused(corpus, build, capsys, tmp_path):
    meta = tmp_path / "meta.csv"
    meta.write_text("id,name\nid10000,Person_0\n")
    error = build_error(
        build, capsys, f"--faces={corpus.faces}", f"--audio={corpus.audio}", f"--meta={meta}"
    )
    assert "'id,name'" in error
    assert "VoxCeleb1 ID" in error


def test_a_directory_with_other_files_is_refused_as_output(corpus, build, capsys, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    error = build_error(build, capsys, *corpus.flags, f"--output={tmp_path}")
    assert "other files" in error
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_output_that_cannot_be_created_is_in_the_error(corpus, build, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    error = build_error(build, capsys, *corpus.flags, f"--output={tmp_path / 'file' / 'set'}")
    assert str(tmp_path / "file" / "set") in error


def test_beam_options_are_accepted_and_remote_options_follow_bare_dashes(corpus):
    found = options.parse(
        [*corpus.flags, "--runner=FlinkRunner", "--job_name=x", "--", "--checkpointing_interval=9"]
    )
    assert found.runner == "FlinkRunner"
    assert found.beam_flags == ("--job_name=x", "--checkpointing_interval=9")


def test_an_option_of_a_job_server_is_refused_before_bare_dashes(corpus, build, capsys):
    error = build_error(build, capsys, *corpus.flags, "--checkpointing_interval=9")
    assert "--checkpointing_interval" in error
    assert "bare --" in error


@pytest.mark.parametrize("flag", ["faces", "audio", "meta", "split_file"])
def test_media_and_tables_at_an_unsupported_url_are_refused(corpus, build, capsys, flag):
    error = build_error(build, capsys, *corpus.flags, f"--{flag}=https://host/x")
    assert "https://host/x" in error
    assert "copy" in error


@pytest.mark.parametrize("flag", ["meta", "split_file"])
@pytest.mark.parametrize("url", ["s3://x.csv", "gs://x.csv", "gs://bucket/"])
def test_a_table_at_the_url_of_a_bucket_is_refused(corpus, build, capsys, tmp_path, flag, url):
    flags = [*corpus.flags, f"--output={tmp_path / 'set'}"]
    error = build_error(build, capsys, *flags, f"--{flag}={url}")
    assert f"{url.rstrip('/')} cannot be read: it names a bucket or server, not a file" in error
    assert f"like {url[:5]}bucket/table.csv" in error


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://host/x", "Beam does not know ftp://"),
        ("s3:///x", "a URL is like s3://bucket/folder"),
        ("s3://bucket/x[1]", "a URL is like s3://bucket/folder"),
    ],
)
def test_an_output_url_that_cannot_be_written_is_refused(corpus, build, capsys, address, words):
    error = build_error(build, capsys, *corpus.flags, f"--output={address}")
    assert address in error
    assert words in error


def test_an_output_at_gs_without_its_client_is_refused(corpus, build, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
    monkeypatch.delitem(sys.modules, "tfdata.storage.gcs", raising=False)
    monkeypatch.delattr("tfdata.storage.gcs", raising=False)
    error = build_error(build, capsys, *corpus.flags, "--output=gs://bucket/x")
    assert "google-cloud-storage, which is not installed; run pip install -e '.[gcs]'" in error


def test_an_output_at_hdfs_without_its_client_is_refused(corpus, build, capsys, monkeypatch):
    without_client = "apache_beam.io.hadoopfilesystem.HadoopFileSystem.scheme"
    monkeypatch.setattr(without_client, staticmethod(lambda: "another"))
    flags = ["--hdfs_host=localhost", "--hdfs_port=1", "--hdfs_user=ann"]
    error = build_error(build, capsys, *corpus.flags, "--output=hdfs://x", *flags)
    assert "run pip install -e '.[hdfs]'" in error


def test_an_output_at_hdfs_without_a_server_is_refused(corpus, build, capsys):
    error = build_error(build, capsys, *corpus.flags, "--output=hdfs://x", "--hdfs_port=1")
    assert "hdfs:// needs --hdfs_host and --hdfs_user; give them" in error


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("id10000\tSomeone_Else\tf\tNowhere\ttest", "id10000 two names"),
        ("id99999\tPerson_0\tf\tNowhere\ttest", "Person_0 two ids"),
    ],
)
def test_a_meta_file_that_contradicts_itself_is_refused(
    corpus, build, capsys, tmp_path, line, words
):
    meta = tmp_path / "meta.csv"
    meta.write_text(corpus.meta.read_text() + line + "\n")
    flags = [f"--faces={corpus.faces}", f"--audio={corpus.audio}", f"--meta={meta}"]
    assert words in build_error(build, capsys, *flags)
