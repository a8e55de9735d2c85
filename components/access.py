"""Whether a remote data set can be asked for at all, told in seconds.

Beam's file systems look for credentials again and again, for minutes, and then say in a page of
their own what a sentence can say.
"""

import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from trainer.errors import DataError

# Where Google's machines tell who they are; elsewhere nobody may answer. It is asked three times.
_METADATA_SECONDS = 1.0
_PROBE_SECONDS = 3.0
_KEY_FILE = "GOOGLE_APPLICATION_CREDENTIALS"


def check(path: str) -> None:
    """Check that this machine has what the path's file system asks for.

    Args:
      path: a URL; those of other file systems than gs, s3 and hdfs are let pass.

    Raises:
      DataError: credentials, options or a package are missing; the message says what to do.
    """
    match urlsplit(path).scheme:
        case "gs":
            _check_google(path)
        case "s3":
            _check_amazon(path)
        case "hdfs":
            _check_hadoop(path)


def _check_google(path: str) -> None:
    why_not = _google_credentials_error()
    if why_not is None:
        return
    refusal = _refusal_of_strangers(urlsplit(path).netloc)
    if refusal is None:
        return  # The bucket is public.
    raise DataError(
        f"{path} cannot be read: {why_not}, and without them {refusal}; run `gcloud auth "
        f"application-default login`, or set {_KEY_FILE} to the path of a key file"
    )


def _google_credentials_error() -> str | None:
    import google.auth
    import google.auth.exceptions
    import google.auth.transport.requests

    request = google.auth.transport.requests.Request()

    def hasty(*arguments: Any, **options: Any) -> Any:
        return request(*arguments, **{**options, "timeout": _METADATA_SECONDS})

    try:
        with _unheard("google.auth"):
            google.auth.default(request=hasty)
    except google.auth.exceptions.GoogleAuthError as error:
        if named := os.environ.get(_KEY_FILE):
            return f"there are no Google credentials ({_KEY_FILE} is {named}: {error})"
        return "there are no Google credentials on this machine"
    return None


def _refusal_of_strangers(bucket: str) -> str | None:
    """What Google Cloud Storage says to somebody without credentials; None where it answers.

    Asked once: its own client looks for credentials anew when it is refused, and tries again.
    """
    import requests
    from google.cloud import storage

    base = storage.Client.create_anonymous_client().api_endpoint
    try:
        answer = requests.get(
            f"{base}/storage/v1/b/{bucket}/o", params={"maxResults": 1}, timeout=_PROBE_SECONDS
        )
    except requests.RequestException as error:
        return f"Google Cloud Storage cannot be asked for it ({type(error).__name__})"
    if answer.ok:
        return None
    return f"the bucket {bucket} is not shown ({answer.status_code} {answer.reason})"


def _check_amazon(path: str) -> None:
    if importlib.util.find_spec("boto3") is None:
        raise DataError(
            f"{path} cannot be read: Beam reads s3:// with the package boto3, which is not "
            "installed; run `pip install 'apache-beam[aws]'`, or copy the data here with "
            f"`aws s3 sync {path} DIR`"
        )
    import boto3  # pyright: ignore[reportMissingImports]  not a package that Frostline needs

    if boto3.session.Session().get_credentials() is None:
        raise DataError(
            f"{path} cannot be read: there are no AWS credentials on this machine; run "
            "`aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )


def _check_hadoop(path: str) -> None:
    from apache_beam.io.filesystems import FileSystems

    try:
        FileSystems.get_filesystem(path)
    except Exception:  # A missing package or option, in one of many ways.
        raise DataError(
            f"{path} cannot be read: Beam's file system for hdfs:// needs the package hdfs and the "
            "options hdfs_host, hdfs_port and hdfs_user, which a run cannot give it; copy the data "
            f"here with `hdfs dfs -get {path} DIR`"
        ) from None


@contextmanager
def _unheard(name: str) -> Iterator[None]:
    """Keep a library's warnings off the screen: what they are about is told in one sentence."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
