"""What Node's library and well-known packages do: names that bring data in, and names that act on it."""

from __future__ import annotations

import re

from pumpkin.analysis.flow import Sink, Tag

_CLIENTS = (
    "axios", "got", "request", "needle", "superagent", "phin", "bent", "ky", "node-fetch", "cross-fetch", "undici",
    "request-promise", "isomorphic-fetch", "make-fetch-happen", "minipass-fetch", "follow-redirects.https",
    "follow-redirects.http", "http", "https", "http2", "gaxios", "wretch", "popsicle", "simple-get", "centra",
    "unfetch", "whatwg-fetch", "sync-fetch", "sync-request", "then-request", "fetch-retry", "httpie", "miniget",
    "tiny-json-http", "hyperquest", "urllib",
)  # fmt: skip
_VERBS = ("get", "post", "put", "patch", "request", "fetch", "head", "delete", "default", "stream", "connect")

SOURCES: dict[str, Tag] = {
    "fetch": Tag.NET,
    **{client: Tag.NET for client in _CLIENTS if client not in ("http", "https", "http2")},
    **{f"{client}.{verb}": Tag.NET for client in _CLIENTS for verb in _VERBS},
    "axios.create().get": Tag.NET,
    "axios.create().post": Tag.NET,
    "net.connect": Tag.NET,
    "net.createConnection": Tag.NET,
    "net.Socket()": Tag.NET,
    "tls.connect": Tag.NET,
    "WebSocket()": Tag.NET,
    "EventSource()": Tag.NET,
    "passport-local.Strategy()": Tag.CREDENTIAL,
    "passport-local()": Tag.CREDENTIAL,
    "ws()": Tag.NET,
    "ws.WebSocket()": Tag.NET,
    "node-pty.spawn": Tag.COMMAND,
    "socket.io-client": Tag.NET,
    "socket.io-client.io": Tag.NET,
    "XMLHttpRequest()": Tag.NET,
    **{
        f"dns.{place}resolve{kind}": Tag.NET
        for place in ("", "Resolver().", "promises.")
        for kind in ("", "Txt", "Mx", "Srv", "Any", "Cname", "Naptr", "Caa", "Ns")
    },
    "net.createServer": Tag.NET,
    "http.createServer": Tag.NET,
    "https.createServer": Tag.NET,
    "zx.$": Tag.COMMAND,
    "TextDecoder().decode": Tag.CHARS,
    "atob": Tag.DECODE,
    "unescape": Tag.DECODE,
    "decodeURIComponent": Tag.DECODE,
    "zlib.inflateSync": Tag.DECODE,
    "zlib.gunzipSync": Tag.DECODE,
    "zlib.inflateRawSync": Tag.DECODE,
    "zlib.unzipSync": Tag.DECODE,
    "zlib.brotliDecompressSync": Tag.DECODE,
    "crypto.createDecipheriv().update": Tag.DECODE,
    "crypto.createDecipher().update": Tag.DECODE,
    "crypto.privateDecrypt": Tag.DECODE,
    "crypto-js.AES.decrypt": Tag.DECODE,
    "String.fromCharCode": Tag.CHARS,
    "String.fromCodePoint": Tag.CHARS,
    "os.hostname": Tag.HOST_NAME,
    "os.userInfo": Tag.HOST_USER,
    "username.sync": Tag.HOST_USER,
    "os.networkInterfaces": Tag.HOST_ID,
    "node-machine-id.machineIdSync": Tag.HOST_ID,
    "os.platform": Tag.HOST_INFO,
    "os.type": Tag.HOST_INFO,
    "os.release": Tag.HOST_INFO,
    "os.arch": Tag.HOST_INFO,
    "os.cpus": Tag.HOST_INFO,
    "os.totalmem": Tag.HOST_INFO,
    "dns.getServers": Tag.HOST_INFO,
    "process.cwd": Tag.FOLDER,
    "child_process.execSync": Tag.COMMAND,
    "child_process.exec": Tag.COMMAND,
    "child_process.spawn": Tag.COMMAND,
    "child_process.spawnSync": Tag.COMMAND,
    "child_process.execFile": Tag.COMMAND,
    "child_process.execFileSync": Tag.COMMAND,
    "execa": Tag.COMMAND,
    "shelljs.exec": Tag.COMMAND,
    **{f"fs.{verb}": Tag.LISTED for verb in ("readdir", "readdirSync", "opendir", "opendirSync")},
    **dict.fromkeys(
        (
            "glob.sync",
            "glob.globSync",
            "globby",
            "fast-glob",
            "fast-glob.sync",
            "readdirp",
            "klaw",
            "klaw-sync",
            "walkdir.sync",
            "tiny-glob",
        ),
        Tag.LISTED,
    ),
    "crypto.createCipheriv().update": Tag.SEALED,
    "crypto.publicEncrypt": Tag.SEALED,
    "crypto-js.AES.encrypt": Tag.SEALED,
    "keytar.getPassword": Tag.SECRET,
    "keytar.findCredentials": Tag.SECRET,
    "fs.readFileSync": Tag.FILE,
    "fs.readFile": Tag.FILE,
    "fs.createReadStream": Tag.FILE,
    "clipboardy.readSync": Tag.CLIPBOARD,
    "clipboardy.read": Tag.CLIPBOARD,
    "navigator.clipboard.readText": Tag.CLIPBOARD,
    "screenshot-desktop": Tag.SCREEN,
    "navigator.mediaDevices.getUserMedia": Tag.AUDIO,
    "pngjs.PNG.sync.read": Tag.PIXELS,
    "jimp.read": Tag.PIXELS,
}

SINKS: dict[str, Sink] = {
    "eval": Sink.EXEC,
    "Function": Sink.EXEC,
    "Function()": Sink.EXEC,
    "vm.runInThisContext": Sink.EXEC,
    "vm.runInNewContext": Sink.EXEC,
    "vm.runInContext": Sink.EXEC,
    "vm.Script()": Sink.EXEC,
    "vm.compileFunction": Sink.EXEC,
    "module._compile": Sink.EXEC,
    "module()._compile": Sink.EXEC,
    "child_process.exec": Sink.SPAWN,
    "child_process.execSync": Sink.SPAWN,
    "child_process.spawn": Sink.SPAWN,
    "child_process.spawnSync": Sink.SPAWN,
    "child_process.execFile": Sink.SPAWN,
    "child_process.execFileSync": Sink.SPAWN,
    "child_process.fork": Sink.SPAWN,
    "cross-spawn": Sink.SPAWN,
    "cross-spawn.sync": Sink.SPAWN,
    "execa": Sink.SPAWN,
    "execa.execa": Sink.SPAWN,
    "execa.command": Sink.SPAWN,
    "shelljs.exec": Sink.SPAWN,
    "zx.$": Sink.SPAWN,
    "Bun.spawn": Sink.SPAWN,
    "Bun.spawnSync": Sink.SPAWN,
    "Deno.Command()": Sink.SPAWN,
    "Deno.run": Sink.SPAWN,
    "node-serialize.unserialize": Sink.UNPICKLE,
    "serialize-to-js.deserialize": Sink.UNPICKLE,
    "ejs.render": Sink.UNPICKLE,
    "net.createServer": Sink.LISTEN,
    "ngrok.connect": Sink.LISTEN,
    "localtunnel": Sink.LISTEN,
    "location.replace": Sink.PAGE,
    "location.assign": Sink.PAGE,
    "document.location.replace": Sink.PAGE,
    "window.open": Sink.PAGE,
    "document.write": Sink.PAGE,
    "document.writeln": Sink.PAGE,
    "importScripts": Sink.PAGE,
    "process.binding().spawn": Sink.SPAWN,
    "clipboardEvent.clipboardData.setData": Sink.CLIPBOARD,
    "fetch": Sink.SEND,
    **{client: Sink.SEND for client in _CLIENTS if client not in ("http", "https", "http2")},
    **{f"{client}.{verb}": Sink.SEND for client in _CLIENTS for verb in _VERBS if verb != "stream"},
    **{
        f"{client}.{verb}().{method}": Sink.SEND
        for client in ("http", "https", "http2")
        for verb in ("request", "get", "connect")
        for method in ("write", "end")
    },
    **{f"{client}.{verb}().send": Sink.SEND for client in ("superagent", "request") for verb in _VERBS},
    "http2.connect().request().end": Sink.SEND,
    "http2.connect().request().write": Sink.SEND,
    "axios.create().post": Sink.SEND,
    "axios.create().get": Sink.SEND,
    "navigator.sendBeacon": Sink.SEND,
    "XMLHttpRequest().open": Sink.SEND,
    "XMLHttpRequest().send": Sink.SEND,
    "WebSocket().send": Sink.SEND,
    "ws().send": Sink.SEND,
    "socket.io-client().emit": Sink.SEND,
    "socket.io-client.io().emit": Sink.SEND,
    "dns.lookup": Sink.SEND,
    "dns.resolve": Sink.SEND,
    "dns.resolve4": Sink.SEND,
    "dns.resolveTxt": Sink.SEND,
    "dns.promises.resolve": Sink.SEND,
    "dgram.createSocket().send": Sink.SEND,
    "nodemailer.createTransport().sendMail": Sink.SEND,
    "net.connect().write": Sink.SEND,
    "net.createConnection().write": Sink.SEND,
    "net.Socket().write": Sink.SEND,
    "tls.connect().write": Sink.SEND,
    "net.connect": Sink.CONNECT,
    "net.createConnection": Sink.CONNECT,
    "net.Socket().connect": Sink.CONNECT,
    "tls.connect": Sink.CONNECT,
    "WebSocket()": Sink.CONNECT,
    "ws()": Sink.CONNECT,
    "ws.WebSocket()": Sink.CONNECT,
    "ws.WebSocket().send": Sink.SEND,
    "node-pty.spawn": Sink.SPAWN,
    "node-pty.spawn().write": Sink.SPAWN,
    "socket.io-client": Sink.CONNECT,
    "socket.io-client.io": Sink.CONNECT,
    "fs.writeFile": Sink.WRITE,
    "fs.writeFileSync": Sink.WRITE,
    "fs.appendFile": Sink.WRITE,
    "fs.appendFileSync": Sink.WRITE,
    "fs.createWriteStream": Sink.WRITE,
    "fs.copyFileSync": Sink.WRITE,
    "fs.copyFile": Sink.WRITE,
    "fs.outputFileSync": Sink.WRITE,
    **{
        f"fs.{verb}": Sink.WRITE
        for verb in ("copy", "copySync", "rename", "renameSync", "cp", "cpSync", "move", "symlink", "symlinkSync")
    },
    **{f"fs.{verb}": Sink.DELETE for verb in ("unlink", "unlinkSync", "rmdir", "remove", "removeSync", "emptyDirSync")},
    "fs.rm": Sink.DELETE,
    "fs.rmSync": Sink.DELETE,
    "fs.rmdirSync": Sink.DELETE,
    "rimraf": Sink.DELETE,
    "rimraf.sync": Sink.DELETE,
    "process.dlopen": Sink.NATIVE,
    "node-global-key-listener.GlobalKeyboardListener()": Sink.HIDE,
    "iohook.on": Sink.HIDE,
    "clipboardy.writeSync": Sink.CLIPBOARD,
    "clipboardy.write": Sink.CLIPBOARD,
    "navigator.clipboard.writeText": Sink.CLIPBOARD,
}

_SERVICES = re.compile(
    r"^(?:basic-ftp|ftp|ssh2|node-ssh|ssh2-sftp-client|@octokit/|octokit|@aws-sdk/|aws-sdk|@google-cloud/|@azure/|mongodb|mongoose"
    r"|mysql2?|pg|redis|ioredis|kafkajs|amqplib|mqtt|nats|node-telegram-bot-api|telegraf|grammy|discord\.js|eris|@slack/|twilio"
    r"|dropbox|megajs|webdav|nodemailer|imap|emailjs|@sendgrid/|mailgun|firebase|@supabase/|pusher|ably|socket\.io-client|ws)\b"
)
CHATS = re.compile(
    r"^(?:discord\.js|eris|node-telegram-bot-api|telegraf|grammy|@slack/|whatsapp-web|matrix-js-sdk|irc|mqtt|ws|socket\.io-client)"
)
"""Clients whose listeners are handed what people or servers write."""

ACTIVE = re.compile(r"<script|<iframe|\bon(?:error|load|click|mouseover)\s*=", re.IGNORECASE)
"""Mark-up that runs."""


def serves(name: str) -> bool:
    """Is it an object that talks to a service over the network?"""
    return _SERVICES.match(name) is not None


ALIASES: dict[str, str] = {
    "fs/promises": "fs",
    "fs.promises": "fs",
    "fs-extra": "fs",
    "graceful-fs": "fs",
    "original-fs": "fs",
    "dns/promises": "dns",
    "dns.promises": "dns",
    "timers/promises": "timers",
    "process.mainModule.require": "require",
    "module.require": "require",
    "module.constructor._load": "require",
    "module.constructor.createRequire()": "require",
    "module.createRequire()": "require",
    "Module.createRequire()": "require",
    "global": "globalThis",
    "window": "globalThis",
    "self": "globalThis",
    "root": "globalThis",
    "process.binding": "process.binding",
    "https-browserify": "https",
    "node-fetch.default": "node-fetch",
    "axios.default": "axios",
    "constructor.constructor": "Function",
    "Function.prototype.constructor": "Function",
    "Reflect.get": "Reflect.get",
}

READERS = frozenset({"fs.readFileSync", "fs.readFile", "fs.createReadStream", "fs.copyFileSync", "fs.copyFile"})
PATHS = frozenset({"path.join", "path.resolve", "path.normalize", "path.posix.join", "path.win32.join", "url.URL()"})
SAME = frozenset(
    {"util.promisify", "Object.assign", "Object.freeze", "Promise.resolve", "String", "JSON.stringify", "JSON.parse",
     "querystring.stringify", "encodeURIComponent", "encodeURI", "btoa", "escape", "Object.entries", "Object.keys",
     "Object.values", "Object.fromEntries", "Array.from",
     "Object.getPrototypeOf", "Reflect.getPrototypeOf", "structuredClone", "Promise.all", "Promise.allSettled"}
)  # fmt: skip
"""Calls whose result is what they were given, in another dress."""

HOOKED = re.compile(
    r"""(?:^|\.)(?:ethereum|solana|tronWeb|phantom)\.(?:request|send\w*|sign\w*|enable)$|^(?:fetch|XMLHttpRequest\.prototype\.\w+)$
    |^(?:https?|http2)\.(?:request|get)$|^(?:child_process|fs|crypto)\.\w+$|(?:^|\.)Module\._(?:load|extensions)|module\.constructor\._load
    |\.(?:fromSecretKey|fromMnemonic|privateKeyToAccount|signTransaction)$|^(?:String|Array|Promise|JSON|Function|Object|Map|Storage|Request|Response|EventTarget|HTML\w*)\.prototype\.\w+$
    |^navigator\.clipboard\.\w+$|^console\.log$|^process\.std(?:out|err)\.write$|^WebSocket$|^process\.emit$|^JSON\.(?:parse|stringify)$|^require\.extensions""",
    re.VERBOSE,
)
"""Functions of others that code may put itself in front of."""

REQUESTED = frozenset({"headers", "query", "body", "params", "cookies", "rawBody", "url"})
REQUEST_NAMES = re.compile(r"^(?:req|request|ctx|ctx\.request|event)$")
"""What a visitor of a web server sends: `req.headers` and the like."""

WORTH_READING = re.compile(
    rb"""\b(?:eval|Function|execSync|spawnSync|execFile|runInThisContext|runInNewContext|_compile|dlopen|sendBeacon)\b
    |child_process|\batob\b|fromCharCode|['"]base64['"]|['"]hex['"]|process\s*\.\s*env\b|process\s*\[
    |(?:require|import|from)\s*\(?\s*['"`](?:node:)?(?:https?|http2|net|tls|dgram|dns(?:/promises)?|vm|os|fs-extra|axios|got
    |request|needle|node-fetch|undici|superagent|ws|execa|shelljs|cross-spawn|socket\.io-client|clipboardy|nodemailer
    |follow-redirects)['"`]
    |\bfetch\s*[(=]|ethereum\b|solana\b|_compile|_load\b|fromSecretKey|sendBeacon|\.prototype\.\w+\s*=|document\.cookie|\.src\s*=|rmSync|location\b|createServer|resolveMx|resolveSrv|\bBun\b|XMLHttpRequest|WebSocket|\.ssh\b|\.npmrc|\.aws\b|\.bashrc|authorized_keys|wallet|createRequire
    |\brequire\s*\(\s*[^'"`\s)]|globalThis\s*\[|constructor\s*\.\s*constructor""",
    re.VERBOSE,
)
"""A source without one of these cannot reach a sink by itself; it is read only when one that can requires it."""
