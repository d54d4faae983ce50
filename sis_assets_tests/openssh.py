"""A real OpenSSH server for tests: `running_sshd` in a `with`, `needs_sshd` on every test that wants one."""

import pytest

from sis_assets.sandbox.sftp_server import SftpServer, sftp_server, sshd

__all__ = ["SftpServer", "needs_sshd", "running_sshd"]

running_sshd = sftp_server

needs_sshd = pytest.mark.skipif(
    sshd() is None, reason="OpenSSH's server is not installed (Debian: openssh-server)"
)
