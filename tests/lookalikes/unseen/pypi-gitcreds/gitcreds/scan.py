import os

NAMES = {".env", ".env.local", ".git-credentials", ".netrc", "terraform.tfvars", "config.json", "secrets.yml"}

def walk(root):
    for d, _, files in os.walk(root):
        yield from (os.path.join(d, f) for f in files if f in NAMES)
