"""What is shipped in containers: the model server and the gateway in front of it."""
