"""Who may speak to the server of a frame. Pages of others must not: they could spend money."""

from collections.abc import Mapping

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def refusal(headers: Mapping[str, str], port: int, *, proxied: bool, socket: bool) -> str:
    """Why a request is not answered; empty if it is.

    The secret in its path is asked for beside this. A page of another site that got hold of it names itself
    in ``Origin``, and one that had its name point to this machine names that in ``Host``.

    Args:
        headers: of the request.
        port: that the server listens on.
        proxied: it is reached through a proxy, whose name is not known here.
        socket: it asks for the WebSocket, where a browser always says for whose page.
    """
    host, origin = headers.get("Host", ""), headers.get("Origin")
    if not proxied and host not in {f"{name}:{port}" for name in LOOPBACK}:
        return "found another host, expected this machine"
    if origin is None:
        return "found no origin" if socket else ""
    scheme, _, site = origin.lower().partition("://")
    if scheme not in ("http", "https") or site != host.lower():
        return "found a page of another origin"
    return ""
