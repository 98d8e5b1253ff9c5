"""What an address of a store answered, as one sentence. Pure functions."""

from __future__ import annotations

import errno
import re

from tfdata.storage.addresses import mask_secrets

# Beam's extra for each scheme, and what an account must be allowed.
_EXTRAS = {"s3": "aws", "gs": "gcp", "hdfs": "hadoop"}
_CODE = re.compile(r"\((?P<code>\w+)\) when calling the (?P<operation>\w+) operation")
_MISSING = re.compile(
    r"ensure the required dependency|Missing boto3|dependencies are not installed"
)


class AddressError(OSError):
    """What an address answered: `strerror` is half a sentence, the text a whole one."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(errno.EIO, why)
        self._url = url

    def __str__(self) -> str:
        return f"{self._url} cannot be used: {self.strerror}."


def refusal(url: str, error: Exception) -> Exception:
    """The exception to raise for one of Beam's; FileNotFoundError stays what it is."""
    cause = _innermost(error)
    if isinstance(cause, FileNotFoundError | AddressError):
        return cause
    return AddressError(url, _why(url, cause))


def _innermost(error: BaseException) -> BaseException:
    """Beam wraps what happened: by path, in a dictionary."""
    while details := getattr(error, "exception_details", None):
        if not isinstance(details, dict):
            return details if isinstance(details, BaseException) else error
        error = next(iter(details.values()))
    return error


def _why(url: str, error: BaseException) -> str:
    scheme, _, rest = url.partition("://")
    text = mask_secrets(" ".join(str(error).split()).rstrip("."))
    found = _CODE.search(text)
    code = found["code"] if found else str(getattr(error, "code", ""))
    bucket = rest.partition("/")[0]
    if code == "NoSuchBucket":
        return f"there is no bucket {bucket} ({code}); make it, or mend the address"
    if _is_denied(code, error):
        what = f"{found['operation']}: {code}" if found else code
        return (
            f"permission is denied in the bucket {bucket} ({what}); check AWS_ACCESS_KEY_ID, "
            f"AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and that they allow s3:ListBucket, "
            f"s3:GetObject, s3:PutObject and s3:DeleteObject there"
            if scheme == "s3"
            else f"permission is denied ({text}); check the credentials"
        )
    if isinstance(error, ImportError) or _MISSING.search(text):
        extra = _EXTRAS.get(scheme)
        if extra is None:
            return f"Beam does not know {scheme}://; use s3://, gs:// or hdfs://"
        return f"what reads and writes {scheme}:// is missing; install 'apache-beam[{extra}]'"
    if "credentials" in text.lower():
        return f"{_lower(text)}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if "endpoint URL" in text:
        return f"{_lower(text)}; check AWS_ENDPOINT_URL, or --s3_endpoint_url"
    return _lower(text) or type(error).__name__


def _is_denied(code: str, error: BaseException) -> bool:
    response = getattr(error, "response", {})
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return 403 in (status, getattr(error, "code", None)) or code in ("AccessDenied", "Forbidden")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
