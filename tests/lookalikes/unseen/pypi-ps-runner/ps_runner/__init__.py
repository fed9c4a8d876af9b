def run(cmd):
    import subprocess

    return subprocess.run(["pwsh", "-c", cmd])
