"""Certificates for tests, as files and as channels that show them."""

from dataclasses import dataclass
from pathlib import Path

import grpc
import trustme


@dataclass(frozen=True)
class Files:
    """Where an authority's certificate, and a certificate of its with its key, are."""

    ca: Path
    cert: Path
    key: Path


def written(folder: Path, authority: trustme.CA, leaf: trustme.LeafCert) -> Files:
    folder.mkdir(exist_ok=True)
    files = Files(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(files.ca)
    leaf.private_key_pem.write_to_path(files.key)
    for part in leaf.cert_chain_pems:
        part.write_to_path(files.cert, append=True)
    return files


def channel(port: int, authority: trustme.CA, leaf: trustme.LeafCert | None = None) -> grpc.aio.Channel:
    """To `localhost`; shows the certificate where there is one."""
    shown = (leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes()) if leaf else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), *shown)
    return grpc.aio.secure_channel(f"localhost:{port}", credentials)
