"""The command line."""
import argparse
import os
import subprocess
import sys


def run(argv, **kwargs):
    print("+", " ".join(argv))
    return subprocess.run(argv, check=True, **kwargs)


def deploy(folder, target, restart):
    commit = subprocess.check_output(["git", "-C", folder, "rev-parse", "--short", "HEAD"], text=True).strip()
    run(["rsync", "-az", "--delete", folder + "/", f"{target}:/srv/app/{commit}"])
    run(["ssh", target, f"ln -sfn /srv/app/{commit} /srv/app/current"])
    if restart:
        run(["ssh", target, "sudo systemctl restart app"])


def main(argv=None):
    parser = argparse.ArgumentParser(prog="shipit")
    parser.add_argument("target")
    parser.add_argument("--folder", default=os.getcwd())
    parser.add_argument("--restart", action="store_true")
    parser.add_argument("--key", default=os.path.expanduser("~/.ssh/id_ed25519"), help="private key for ssh")
    args = parser.parse_args(argv)
    os.environ.setdefault("GIT_SSH_COMMAND", f"ssh -i {args.key}")
    try:
        deploy(args.folder, args.target, args.restart)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
