"""What runs inside a sandbox: standard library only, imports nothing of ours, copied into the image whole.

PID 1 is `main`; its only link to the world is standard input and output (`stream`). It prepares a network that leads
nowhere (`network`, `names`, `sinkhole`), lays out decoys, relays reads of package registries (`mirror`), runs each
phase of a job under strace as an unprivileged user (`phases`, `privileges`, `trace`) and tells what it saw.
"""
