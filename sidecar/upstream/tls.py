"""How we trust a provider."""

import ssl


def client_context() -> ssl.SSLContext:
    """A context that verifies the certificate and the host name, always.

    Trusts the system's CAs, or those that SSL_CERT_FILE and SSL_CERT_DIR name: OpenSSL reads these
    variables itself when the context is made. Takes 20 to 100 ms, most of it reading CAs.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The only protocol spoken here. Without this offer some front ends would pick HTTP/2.
    context.set_alpn_protocols(["http/1.1"])
    return context
