"""How bytes reach us: folders and SFTP."""
