"""Objects by the S3 protocol: `store = s3()` gives a bucket of its own and a client.

Without a server of the user's own it is moto, which stands in for S3, behind a guard that checks
signatures and the age of presigned addresses.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import unquote, urlsplit

from onsite.errors import OnsiteError
from onsite.services import process
from onsite.services.packages import package_of
from onsite.services.python_program import installed_version, python_recipe
from onsite.services.server_handle import ServerHandle, client_library

PACKAGE = package_of("s3")
REGION = "us-east-1"
MEGABYTES = 2048
"""How much it takes in its life; then it answers SlowDown."""


class S3(ServerHandle):
    """A bucket, and a client that knows where it is."""

    service = "moto, a stand-in for S3"
    call = "s3"
    variable = PACKAGE.variable

    def __init__(
        self, endpoint: str, access_key: str, secret_key: str, server: process.Server | None = None
    ) -> None:
        """Make a bucket at `endpoint`; `server` is None for a user's own."""
        self._endpoint = endpoint
        self.access_key = access_key
        self.secret_key = secret_key
        self._bucket = f"onsite-{secrets.token_hex(4)}"
        self._closed = False
        self._client = self._connect()
        made = self._client.create_bucket(Bucket=self._bucket)
        self._program = made["ResponseMetadata"]["HTTPHeaders"].get("server", "")
        self.version = "(version unknown)" if server is None else server.recipe.version
        if server is None:
            self.service = f"S3 by {self._program}" if self._program else "S3"
        super().__init__(urlsplit(endpoint).netloc, server)

    @property
    def is_real(self) -> bool:
        """Whether objects are kept by something other than moto, which stands in for S3."""
        return not self._program.startswith("moto/")

    @property
    def url(self) -> str:
        """The endpoint, for `endpoint_url` of clients."""
        self._require_open()
        return self._endpoint

    @property
    def bucket(self) -> str:
        """The name of a bucket that is empty at first."""
        self._require_open()
        return self._bucket

    @property
    def client(self) -> Any:
        """A ready `boto3` client."""
        self._require_open()
        return self._client

    def connect(self, **options: Any) -> Any:
        """Make a client of your own; `options` go to `boto3.client`."""
        self._require_open()
        return self._connect(**options)

    def _connect(self, **options: Any) -> Any:
        boto3 = client_library("boto3", "boto3")
        config = client_library("botocore.config", "boto3")
        settings = config.Config(
            signature_version="s3v4",  # boto3's own choice for addresses is the older one
            s3={"addressing_style": "path"},  # a bucket's name is no name of a host here
            retries={"max_attempts": 1},
        )
        if "config" in options:
            settings = settings.merge(options.pop("config"))
        known = {
            "endpoint_url": self._endpoint,
            "region_name": REGION,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
        }
        return boto3.session.Session().client("s3", config=settings, **(known | options))

    def _release(self) -> None:
        try:
            if self._server is None:
                self._empty()
        finally:
            self._client.close()
            super()._release()

    def _empty(self) -> None:
        """Delete the bucket on a user's own server, with all that is in it."""
        here = {"Bucket": self._bucket}
        uploads = self._client.list_multipart_uploads(**here).get("Uploads", [])
        for one in uploads:
            self._client.abort_multipart_upload(**here, Key=one["Key"], UploadId=one["UploadId"])
        for page in self._client.get_paginator("list_object_versions").paginate(**here):
            for one in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                self._client.delete_object(**here, Key=one["Key"], VersionId=one["VersionId"])
        self._client.delete_bucket(**here)

    def _facts(self) -> tuple[str, ...]:
        truth = "S3 protocol" if self.is_real else "moto stands in for S3"
        return (truth, f"bucket {self._bucket}", *super()._facts())


def s3() -> S3:
    """Give a private object store with an empty bucket; each call starts another.

    It is moto, not S3: what it answers is modelled on S3, but it is one process that keeps objects
    in memory and takes at most 2 GB. Signatures and the age of presigned addresses are checked.
    With `ONSITE_S3_URL` set, the bucket is made on the user's own server, and deleted on close;
    `is_real` tells.

    Raises:
        OnsiteError: a library is missing, it does not start, or the user's own does not answer.
    """
    own = PACKAGE.own_address()
    if own:
        return _on_own_server(own)
    version = installed_version("s3", "moto")
    for package in ("boto3", "flask", "flask-cors"):
        installed_version("s3", package)
    access, secret = f"ONSITE{secrets.token_hex(7).upper()}", secrets.token_hex(20)
    server = process.launch(
        python_recipe(
            "object_store",
            {"access": access, "secret": secret, "megabytes": MEGABYTES},
            service=S3.service,
            version=version,
            origin=f"wheel moto {version}",
        )
    )
    try:
        return S3(f"http://127.0.0.1:{server.port}", access, secret, server)
    except BaseException:
        server.close()
        raise


def _on_own_server(address: str) -> S3:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.username or not parts.password:
        raise OnsiteError(
            f"{PACKAGE.variable} must look like http://access-key:secret-key@host:9000."
        )
    endpoint = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    errors = client_library("botocore.exceptions", "boto3")
    try:
        return S3(endpoint, unquote(parts.username), unquote(parts.password))
    except (errors.BotoCoreError, errors.ClientError) as error:
        raise OnsiteError(
            f"the server at {PACKAGE.variable} cannot be used ({error}); start it, give keys that "
            f"may create buckets, or unset {PACKAGE.variable} for a private one."
        ) from error
