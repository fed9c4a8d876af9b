"""Every parser of what strangers send, thrown at with what they might send; and the HTTP API by its own description."""
