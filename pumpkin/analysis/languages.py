"""Languages known by pattern alone (Ruby, PHP, Rust): how each sends, reads its environment, runs code."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """What the language's code does, by pattern."""

    network: re.Pattern[str]
    environment: re.Pattern[str]
    decode: re.Pattern[str]
    execute: re.Pattern[str]
    spawn: re.Pattern[str]
    comment: re.Pattern[str]


STRING = r"(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')"


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE if "php" in words[0] else 0)


LANGUAGES: dict[str, Language] = {
    ".rs": Language(
        network=re.compile(
            r"\bTcpStream::connect|\bUdpSocket::|\breqwest::|\bureq::|\bhyper::|\battohttpc::|\bminreq::"
            r"|\bisahc::|\bcurl::easy|\bsurf::|ToSocketAddrs|to_socket_addrs|Command::new\s*\(\s*\"(?:curl|wget|nc|powershell)\""
        ),
        environment=re.compile(r"\benv::vars(?:_os)?\s*\(\s*\)"),
        decode=re.compile(
            r"\bbase64::|\bhex::decode|\.map\(\s*\|[^|]{1,20}\|\s*\(?[^)]{0,40}\^|\bfrom_base64\b|BASE64"
            r"|\b[A-Z_]{1,20}\.iter\(\)[^;]{0,80}\^"
        ),
        execute=re.compile(r"\blibloading::|dlopen|\bmem::transmute\b[^;]{0,80}fn\s*\(|\bmmap\b[^;]{0,80}PROT_EXEC"),
        spawn=re.compile(rf"\bCommand::new\s*\(\s*(?:{STRING})"),
        comment=re.compile(r"^\s*//.*$", re.MULTILINE),
    ),
    ".rb": Language(
        network=re.compile(
            r"\b(?:TCP|UDP|UNIX)Server\b|\bWEBrick|\bDRb\.start|\bNet::(?:SMTP|FTP|SSH|SCP)\b|\bNet::HTTP|\bURI\.open|\bopen-uri|\bSocket\.(?:getaddrinfo|tcp|udp)|\bAddrinfo\.|\bTCPSocket|\bUDPSocket|\bFaraday|\bHTTParty|\bRestClient"
            r"|\bResolv\b|\bOpen3?\w*\([^)]{0,20}https?:|\bHTTP\.(?:get|post)|\bopen\(\s*['\"]https?:"
        ),
        environment=re.compile(r"\bENV\.(?:to_h|each|map|to_a|select|inspect|to_s|sort)\b|\bENV\s*[,)]"),
        decode=re.compile(
            r"\bBase64\.\w*decode64|\.unpack1?\s*\(?\s*['\"][mHhuC]|\bZlib::Inflate"
            r"|\.pack\s*\(?\s*['\"][CUHc]\*|\bMarshal\.load|\.hex\.chr|\.scan\(/\.\./\)|\.tr\(\s*['\"]A-Za-z|\.each_char[^\n]{0,60}\^"
            r"|\bmap\s*\{[^}]{0,60}\^[^}]{0,30}\}"
        ),
        execute=re.compile(
            r"\bMarshal\.(?:load|restore)\s*\(?\s*(?:Net|URI|open|HTTP)|\b(?:eval|instance_eval|class_eval|module_eval)\b\s*[(\s]|\bKernel\.(?:eval|load)"
            r"|\b(?:TOPLEVEL_BINDING|binding)\.eval|\.send\(\s*:eval"
        ),
        spawn=re.compile(
            rf""
            rf"\b(?:system|spawn|exec|IO\.popen|Open3\.\w+|Process\.spawn|Kernel\.system)\s*\(?\s*(?:{STRING})"
            rf"|`[^`\n]{{3,400}}`|%x[\[({{][^\])}}]{{3,400}}"
        ),
        comment=re.compile(r"^\s*#.*$", re.MULTILINE),
    ),
    ".php": Language(
        network=re.compile(
            r"\bfile_get_contents\s*\(\s*[\"']https?:|\bcurl_(?:exec|init)|\bfsockopen|\bstream_socket_client"
            r"|\bfopen\s*\(\s*[\"']https?:|\bgethostbyname|\bdns_get_record|\bstream_context_create"
            r"|\bsocket_connect|\bmail\s*\(|\bHttp::(?:post|get|put|with)|GuzzleHttp|\bwp_remote_(?:get|post|request)"
            r"|->(?:post|get|request)\s*\([^)\n]{0,20}[\"']https?:|\bfile_get_contents\s*\(\s*\$\w+(?=[\s\S]*)",
            re.I,
        ),
        environment=re.compile(r"\bgetenv\s*\(\s*\)|\$_ENV\b(?!\s*\[)|\$_SERVER\b(?!\s*\[)|\bphpinfo\s*\(", re.I),
        decode=re.compile(
            r"\bbase64_decode|(?:chr\s*\(\s*\d+\s*\)\s*\.\s*){3}|\bgzinflate|\bgzuncompress|\bstr_rot13|\bhex2bin|\bconvert_uudecode"
            r"|\bstrrev\s*\(|\bpack\s*\(\s*[\"']H",
            re.I,
        ),
        execute=re.compile(
            r"\beval\s*\(|[\"'](?:assert|create_function|system|passthru|shell_exec)[\"']\s*,|\bassert\s*\(\s*\$|\bcreate_function\b|\binclude(?:_once)?\s*\(?\s*[\"']https?:"
            r"|preg_replace\s*\(\s*[\"'][^\"']+/e",
            re.I,
        ),
        spawn=re.compile(
            rf"\b(?:shell_exec|system|exec|passthru|popen|proc_open)\s*\(\s*(?:{STRING})|`[^`\n]{{3,300}}`", re.I
        ),
        comment=re.compile(r"^\s*(?://|#|\*).*$", re.MULTILINE),
    ),
}  # fmt: skip
