import socket

from sidecar.upstream.keepalive import keep_alive


def test_probes_are_on_and_come_before_balancers_forget() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        keep_alive(sock)

        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


def test_what_is_no_ip_socket_is_left_alone() -> None:
    left, right = socket.socketpair()
    with left, right:
        keep_alive(left)
        keep_alive(None)

        assert not left.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
