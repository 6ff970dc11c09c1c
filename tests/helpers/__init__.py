"""What several tests share: fake model servers, a chat server, pictures."""
