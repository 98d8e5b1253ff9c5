from __future__ import annotations

import sys

import pytest

from tfdata.importing import ImportNameError, import_object, is_import_name, source_digest


@pytest.fixture
def own_modules(tmp_path, monkeypatch):
    """Returns a working directory for own modules, which are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "path", [place for place in sys.path if place not in ("", str(tmp_path))]
    )
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_objects_of_modules_in_the_working_directory_are_imported(own_modules):
    (own_modules / "own_module.py").write_text("class Outer:\n    inner = 7\n")
    assert import_object("own_module:Outer.inner") == 7
    assert str(own_modules) not in sys.path


def test_installed_modules_come_before_the_working_directory(own_modules):
    (own_modules / "colorsys.py").write_text("rgb_to_hsv = None\n")
    assert import_object("colorsys:rgb_to_hsv") is not None


@pytest.mark.parametrize("name", ["", "json", "json:", ":dumps", "../json:dumps", "a b:c", "a:b:c"])
def test_other_names_are_refused(name):
    assert not is_import_name(name)
    with pytest.raises(ImportNameError, match="is not a name such as"):
        import_object(name)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (None, "No module named 'own_module'"),
        ("", "module 'own_module' has no attribute 'Own'"),
        ("raise ValueError('one\\ntwo')", "ValueError: one"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError: invalid syntax"),
    ],
)
def test_what_cannot_be_imported_is_one_line(own_modules, source, found):
    if source is not None:
        (own_modules / "own_module.py").write_text(source)
    with pytest.raises(ImportNameError) as raised:
        import_object("own_module:Own")
    assert str(raised.value).startswith(f"own_module:Own cannot be imported ({found}")
    assert "\n" not in str(raised.value)


def test_the_source_digest_is_that_of_the_module_or_its_package(own_modules):
    own, package = own_modules / "own_module.py", own_modules / "own_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "encoders.py").write_text("from own_package.helper import own\n")
    helper, other = package / "helper.py", own_modules / "other.py"
    own.write_text("own = 1\n")
    helper.write_text("own = 1\n")
    other.touch()

    def digests():
        return [source_digest(f"{name}:own") for name in ("own_module", "own_package.encoders")]

    before = digests()
    other.write_text("other = 1\n")
    assert digests() == before
    own.write_text("own = 2\n")
    helper.write_text("own = 2\n")
    assert all(old != new for old, new in zip(before, digests(), strict=True))


def test_a_module_without_a_file_has_no_source_digest():
    with pytest.raises(ImportNameError, match="its module has no file"):
        source_digest("sys:path")
