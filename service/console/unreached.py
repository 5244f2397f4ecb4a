"""Why a server could not be reached: what gRPC's core says of it, as a question and as what would help.

A handshake that fails looks like an outage to gRPC, and the words of its core are for its authors. Those that an
operator can do something about are known here by a part of them; for all others the server is taken to be away. Called
by `failures` and by the doctor's look at the server.
"""

from service.console.settings import Settings

_WHERE = "start it, or correct --address or WORKFLOWS_ADDRESS"
_HANDSHAKES = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not vouched for; --ca names the file of its authority"),
    ("Hostname Verification", "its certificate is for another name; --address has to be a name that stands in it"),
    ("WRONG_VERSION_NUMBER", "it does not speak TLS; leave out --ca, --cert and https://"),
    ("security handshaker", "--ca, --cert and --key have to be PEM, and the key has to belong to the certificate"),
)


def advice(said: str, settings: Settings) -> str:
    """What would help, in one line; `said` are the details of an UNAVAILABLE that the server did not send."""
    for part, found in _HANDSHAKES:
        if part in said:
            return found
    if "Socket closed" not in said:
        return _WHERE
    if not settings.secure:
        return "it ends the connection; it may want TLS: --ca, or https:// before the address"
    if settings.cert is None:
        return "it ends the connection; it may want a certificate of ours: --cert and --key"
    return "it ends the connection; it may not trust the authority of --cert"
