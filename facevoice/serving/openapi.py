"""Describes the JSON interface in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0)."""

from __future__ import annotations

from typing import Any

from facevoice.serving.security import Limits
from tfdata.command_line import version_text

_FILE = {"type": "string", "format": "binary"}
_NAME = {"type": "string", "description": "name of a person"}
_TEXT: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "number"}


def openapi(has_gallery: bool, limits: Limits) -> dict[str, Any]:
    """Returns the description of a server.

    Args:
      has_gallery: whether people can be enrolled and forgotten.
      limits: of requests, which the text tells.
    """
    media = {
        "face": _FILE | {"description": "a face image, such as a JPEG or PNG file"},
        "audio": _FILE | {"description": "a clip, such as a WAV, FLAC, MP3 or Ogg file"},
    }
    paths = {
        "/identify": _post(
            "Identify the person of a face image, a clip, or both",
            _form(media),
            "Answer",
            secured=False,
        )
    }
    if has_gallery:
        paths |= {
            "/people": {
                "get": {
                    "summary": "List the people of the gallery",
                    "security": [{"token": []}],
                    "responses": _responses("People", secured=True),
                }
            },
            "/enroll": _post(
                "Add a face image, a clip, or both to a person",
                _form(media | {"name": _NAME}, ["name"]),
                "Enrolled",
                secured=True,
            ),
            "/forget": _post(
                "Remove a person", _form({"name": _NAME}, ["name"]), "Forgotten", secured=True
            ),
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "FaceVoice",
            "version": version_text(),
            "description": f"Identifies people by face and voice. A request has at most "
            f"{limits.body_bytes / 1e6:g} MB, and gets an answer or an error within "
            f"{limits.answer_seconds:g} s. No file is kept. There is no liveness check: a "
            f"photograph of a photograph, or a recording of a recording, passes.",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(has_gallery),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "the token that the server has printed at its start",
                }
            }
            if has_gallery
            else {},
        },
    }


def _post(summary: str, body: dict[str, Any], answer: str, *, secured: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": summary}
    if secured:
        operation["security"] = [{"token": []}]
    return {"post": operation | {"requestBody": body, "responses": _responses(answer, secured)}}


def _form(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _responses(answer: str, secured: bool) -> dict[str, Any]:
    errors = {
        "401": "the token is missing or wrong",
        "403": "Host or Origin is not that of the server",
        "408": "the request arrived too slowly",
        "413": "the request is too large",
        "415": "the request is not a form",
        "422": "a file cannot be used, or a field is missing",
        "500": "the server failed",
        "503": "too many requests, or the answer takes too long",
    }
    if not secured:
        errors.pop("401")
    found = {"200": _response("the answer", answer)}
    return found | {status: _response(text, "Error") for status, text in errors.items()}


def _response(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _or_null(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "description": description}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas(has_gallery: bool) -> dict[str, Any]:
    matches = {"type": "array", "items": _reference("Match")}
    found = {
        "Match": _object(
            {"name": _TEXT, "score": _NUMBER | {"description": "probability, or gallery's score"}}
        ),
        "Medium": _object(
            {
                "picture": _TEXT | {"description": "what was read, a PNG image as a data URL"},
                "caption": _TEXT | {"description": "what the picture shows"},
                "people": matches
                | {"description": "nearest people by this medium alone; may be empty"},
            }
        ),
        "Evidence": _object(
            {
                "name": _TEXT | {"description": "the first person"},
                "rival": _TEXT | {"description": "the second person"},
                "face": _NUMBER | {"description": "what the face adds to their difference"},
                "audio": _NUMBER | {"description": "what the voice adds to their difference"},
                "unit": _TEXT | {"description": "of both"},
            }
        ),
        "Answer": _object(
            {
                "answer": _or_null(_TEXT, "name; null for an unknown person"),
                "known": _or_null({"type": "boolean"}, "null if it cannot be decided"),
                "people": matches | {"description": "nearest people, nearest first"},
                "score": {"enum": ["probability", "score"]},
                "threshold": _or_null(_NUMBER, "the score that a known person exceeds"),
                "threshold_source": _TEXT,
                "face": _or_null(_reference("Medium"), "null if it was not sent"),
                "audio": _or_null(_reference("Medium"), "null if it was not sent"),
                "evidence": _or_null(
                    _reference("Evidence"), "how much face and voice count; null for one of them"
                ),
            }
        ),
        "Error": _object({"error": _TEXT | {"description": "one line"}}),
    }
    if has_gallery:
        number = {"type": "integer"}
        person = {"type": "object", "properties": {"name": _TEXT, "image": number, "audio": number}}
        found |= {
            "People": _object(
                {"people": {"type": "array", "items": person | {"required": ["name"]}}}
            ),
            "Enrolled": _object(
                {"name": _TEXT, "added": number | {"description": "files that were new"}}
            ),
            "Forgotten": _object({"name": _TEXT}),
        }
    return found
