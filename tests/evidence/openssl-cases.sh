#!/usr/bin/env bash
# Makes time-stamp responses, right and hostile, with openssl and printf alone, for test_tsp_cases.py.
# usage: openssl-cases.sh FOLDER     writes FOLDER/cases.tsv: name, expected code, response, and what it is judged with
set -euo pipefail
cd "$1"
exec 2> errors.txt
printf 'what was observed' > data
printf 'something else' > other
POLICY=1.3.6.1.4.1.99999.1 TST=1.2.840.113549.1.9.16.1.4
WHILE="20250601000000Z 20360601000000Z"

for curve in P-256 P-384 P-521; do openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:$curve -out ${curve/-/}.key; done
for n in root middle stranger other; do openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $n.key; done
for bits in 1024 2048; do openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:$bits -out rsa$bits.key; done
openssl genpkey -algorithm ed25519 -out ed.key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-224 -out P224.key

cat > ca.cnf <<'END'
[ca]
default_ca = here
[here]
new_certs_dir = .
database = index.txt
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
default_crl_days = 3650
[any]
commonName = supplied
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[sub]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
[nosign]
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature
[noca]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
[client]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
extendedKeyUsage = clientAuth
[unknown]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
1.2.3.4.5 = critical, ASN1:NULL
[tsa]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
[tsaunknown]
extendedKeyUsage = critical, timeStamping
1.2.3.4.5 = critical, ASN1:NULL
[noeku]
keyUsage = critical, digitalSignature
[eku]
extendedKeyUsage = timeStamping
[mixed]
extendedKeyUsage = critical, timeStamping, clientAuth
[otherpurpose]
extendedKeyUsage = critical, clientAuth
[caleaf]
basicConstraints = critical, CA:true
extendedKeyUsage = critical, timeStamping
[agrees]
keyUsage = critical, keyAgreement
extendedKeyUsage = critical, timeStamping
[signscerts]
keyUsage = critical, digitalSignature, keyCertSign
extendedKeyUsage = critical, timeStamping
[repudiates]
keyUsage = critical, nonRepudiation
extendedKeyUsage = critical, timeStamping
END
: > index.txt

# issue NAME CN KEY ISSUER ISSUERKEY SECTION [START END]: a certificate NAME.pem; ISSUER "-" signs itself.
issue() {
  openssl req -new -key "$3" -subj "/CN=$2" -out csr
  local by=(-cert "$4.pem" -keyfile "$5"); [[ $4 == - ]] && by=(-selfsign -keyfile "$3")
  openssl ca -batch -config ca.cnf -in csr "${by[@]}" -extensions "$6" -notext -out "$1.pem" \
    -startdate "${7:-20250601000000Z}" -enddate "${8:-20360601000000Z}" ${MD:+-md $MD}
}
issue root Root root.key - - root
issue middle Issuing root.key root root.key sub  # replaced below by its own key
issue middle Issuing middle.key root root.key sub
issue tsa TSA P256.key middle middle.key tsa
issue stranger Stranger stranger.key - - root
issue namesake Root stranger.key - - root
issue fakemiddle Issuing other.key namesake stranger.key sub

# info FILE: a TSTInfo; the variables below replace what stands in it.
info() {
  local digest=${HASHED:-$(openssl dgst -${ALG:-sha256} -r data | cut -d' ' -f1)}
  cat > gen.cnf <<END
asn1 = SEQUENCE:info
[info]
version = INTEGER:${VERSION:-1}
policy = OID:${POL:-$POLICY}
imprint = SEQUENCE:imprint
serial = INTEGER:4711
time = GENERALIZEDTIME:${TIME:-20260601120000Z}
${ACCURACY-accuracy = SEQUENCE:accuracy}
${NONCE:+nonce = INTEGER:$NONCE}
${NAME:+tsa = EXPLICIT:0,EXPLICIT:4,SEQUENCE:name}
${CRITICAL:+extensions = IMPLICIT:1,SEQUENCE:extensions}
[imprint]
algorithm = SEQUENCE:algorithm
digest = FORMAT:HEX,OCTETSTRING:$digest
[algorithm]
oid = OID:${OIDNAME:-${ALG:-sha256}}
none = NULL
[accuracy]
seconds = INTEGER:1
[extensions]
one = SEQUENCE:extension
[extension]
oid = OID:1.2.3.4
critical = BOOLEAN:${CRITICAL:-true}
value = FORMAT:HEX,OCTETSTRING:00
[name]
rdns = SET:rdn
[rdn]
pair = SEQUENCE:pair
[pair]
oid = OID:commonName
value = UTF8:${NAME:-TSA}
END
  openssl asn1parse -genconf gen.cnf -noout -out "$1"
}

# sign OUT INFO SIGNER KEY [options of openssl cms]: a token.
sign() {
  local out=$1 content=$2 signer=$3 key=$4; shift 4
  openssl cms -sign -binary -nodetach -outform DER -in "$content" -signer "$signer.pem" -inkey "$key" \
    -econtent_type ${TYPE:-$TST} ${CADES--cades} -md ${MD:-sha256} "$@" -out "$out"
}

size() { stat -c %s "$1"; }
length() { # DER length of a number of bytes
  if (( $1 < 128 )); then printf "\\x$(printf %02x "$1")"; elif (( $1 < 256 )); then printf "\\x81\\x$(printf %02x "$1")"
  else printf "\\x82\\x$(printf %02x $(($1 >> 8)))\\x$(printf %02x $(($1 & 255)))"; fi; }
# reply OUT STATUS [TOKEN] [FAILURE]: a TimeStampResp.
reply() {
  { printf '\x02\x01'; printf "\\x$(printf %02x "$2")"; [[ -z ${4:-} ]] || printf '\x03\x02\x00\x80'; } > status
  { printf '\x30'; length "$(size status)"; cat status; [[ -z ${3:-} ]] || cat "$3"; } > inner
  { printf '\x30'; length "$(size inner)"; cat inner; } > "$1"
}

n=0
# told CODE NAME RESPONSE [KEY=FILE ...]: one more case, judged with data, root.pem and what is given.
told() { local code=$1 name=$2 from=$3; shift 3; n=$((n + 1)); cp "$from" "case$n"
         printf '%s\t%s\tcase%s\t%s\n' "$name" "$code" "$n" "$*" >> cases.tsv; }
: > cases.tsv
# plain: the usual token of the usual signer, with chain; variables of info apply.
plain() { info i; sign token i tsa P256.key -certfile middle.pem "$@"; }
# leafed SECTION [START END]: a token of a signer of that kind.
leafed() { issue leaf TSA P256.key middle middle.key "$@"; info i; sign token i leaf P256.key -certfile middle.pem; }
# under SECTION [START END]: a token of a signer below an issuer of that kind.
under() { issue mid Mid other.key root root.key "$@"; issue leaf TSA P256.key mid other.key tsa
          info i; sign token i leaf P256.key -certfile mid.pem; }

plain; cp token good
told ok 'P-256' token
reply r 0 token; told ok 'whole response' r
reply r 1 token; told ok 'granted with modifications' r
for one in P384:sha384 P521:sha512 rsa2048:sha256 rsa2048:sha512; do
  issue leaf TSA "${one%:*}.key" middle middle.key tsa; info i
  MD=${one#*:} sign token i leaf "${one%:*}.key" -certfile middle.pem; told ok "${one%:*} with ${one#*:}" token
done
issue leaf TSA rsa2048.key middle middle.key tsa; info i
sign token i leaf rsa2048.key -certfile middle.pem -keyopt rsa_padding_mode:pss; told ok 'RSA-PSS' token
ALG=sha384 plain; told ok 'imprint by SHA-384' token
ALG=sha512 plain; told ok 'imprint by SHA-512' token
plain -keyid; told ok 'signer by key id' token
plain -stream; told ok 'BER' token
ACCURACY= plain; told ok 'no accuracy' token
TIME=20260601120000.123456Z plain; told ok 'fractions of a second' token
NAME=TSA plain; told ok 'TSA name' token
CRITICAL=false plain; told ok 'an extension not critical' token
NONCE=7 plain; told ok 'a nonce nobody asked for' token
leafed repudiates; told ok 'key usage of non-repudiation' token
leafed tsa 20260101000000Z 20260801000000Z; told ok 'certificate expired since' token
told ok 'issuing CA pinned' good roots=middle.pem
told ok 'the right root among others' good roots=stranger.pem,root.pem
info i; sign token i tsa P256.key -nocerts; told ok 'certificates from outside' token untrusted=tsa.pem,middle.pem
sign token i tsa P256.key; told ok 'issuer from outside' token untrusted=middle.pem
openssl ts -query -data data -sha256 -cert -out query
cat > ts.cnf <<END
[tsa]
default_tsa = here
[here]
serial = serial
signer_digest = sha256
default_policy = $POLICY
digests = sha256
accuracy = secs:1
END
echo 01 > serial
openssl ts -reply -config ts.cnf -section here -queryfile query -signer tsa.pem -inkey P256.key -chain middle.pem -out r
told ok 'openssl ts, as asked' r query=query
openssl ts -query -data data -sha256 -tspolicy 1.2.3.4 -out badquery
openssl ts -reply -config ts.cnf -section here -queryfile badquery -signer tsa.pem -inkey P256.key -out r || true
told rejected 'openssl ts refuses a policy' r

: > empty; told malformed 'empty body' empty
printf '<!doctype html><html><body>502</body></html>' > html; told malformed 'HTML' html
head -c 100 good > cut; told malformed 'cut' cut
head -c -1 good > cut; told malformed 'cut by one byte' cut
{ cat good; printf '\0'; } > more; told malformed 'a byte behind' more
cat good good > more; told malformed 'twice' more
openssl base64 -in good -out pem; told malformed 'base64' pem
openssl x509 -in tsa.pem -outform DER -out cert; told malformed 'a certificate' cert
told malformed 'the query itself' query
reply r 0; told malformed 'granted, no token' r
reply r 0 good failure; told malformed 'granted with failure bits' r
VERSION=2 plain; told malformed 'another version of TSTInfo' token
TIME=20260601120000+0200 plain; told malformed 'local time' token
HASHED=00112233445566778899aabbccddeeff00112233 plain; told malformed 'imprint of another length' token
reply r 2; told rejected 'rejection' r
reply r 2 good; told rejected 'rejection with a token' r
reply r 3 good; told rejected 'waiting' r
ALG=sha1 plain; told algorithm 'imprint by SHA-1' token
ALG=md5 plain; told algorithm 'imprint by MD5' token
HASHED=$(openssl dgst -sha1 -r data | cut -d' ' -f1) OIDNAME=sha256 plain; told malformed 'SHA-1 labelled SHA-256' token
told imprint 'other data' good data=other
told nonce 'no nonce' good query=query
NONCE=7 plain; told nonce 'another nonce' token query=query
told policy 'another policy than demanded' good policy=1.2.3.4
CRITICAL=true plain; told extension 'unknown critical extension' token
issue second TSA P384.key middle middle.key tsa
info i; sign token i tsa P256.key -signer second.pem -inkey P384.key -certfile middle.pem
told signers 'two signers' token
sign token i tsa P256.key -nocerts; told no_certificate 'no certificate' token untrusted=middle.pem
for one in noeku:eku eku:eku mixed:eku otherpurpose:eku caleaf:key_usage agrees:key_usage signscerts:key_usage; do
  leafed "${one%:*}"; told "${one#*:}" "signer of the kind ${one%:*}" token
done
issue leaf TSA rsa1024.key middle middle.key tsa; info i; sign token i leaf rsa1024.key -certfile middle.pem
told algorithm 'RSA-1024' token
issue leaf TSA P224.key middle middle.key tsa; info i; sign token i leaf P224.key -certfile middle.pem
told algorithm 'P-224' token
info i; MD=sha1 sign token i tsa P256.key -certfile middle.pem; told algorithm 'signed by way of SHA-1' token
NAME=Somebody plain; told tsa_name 'name of another authority' token
info i; CADES= sign token i tsa P256.key -certfile middle.pem; told ess 'ESS missing' token
CADES= sign token i tsa P256.key -noattr -certfile middle.pem; told attributes 'no signed attributes' token
TYPE=1.2.840.113549.1.7.1 sign token i tsa P256.key -certfile middle.pem; told content_type 'content of another type' token
{ head -c -4 good; printf '\x01\x02\x03\x04'; } > spoiled; told signature 'signature spoiled' spoiled
leafed tsa 20200101000000Z 20260101000000Z; told cert_time 'expired at its time' token
leafed tsa 20260801000000Z 20360101000000Z; told cert_time 'not yet valid at its time' token
under sub 20200101000000Z 20260101000000Z; told cert_time 'issuer expired at its time' token
told chain 'unknown CA' good roots=stranger.pem
told chain 'CA of the same name' good roots=namesake.pem
issue leaf TSA P256.key fakemiddle other.key tsa; info i; cat fakemiddle.pem namesake.pem > both.pem
sign token i leaf P256.key -certfile both.pem; told chain 'self-made chain of the same names' token
sign token i tsa P256.key; told chain 'missing intermediate' token
for one in nosign noca client unknown; do under $one; told chain "issuer of the kind $one" token; done
issue mid Mid other.key middle middle.key sub; issue leaf TSA P256.key mid other.key tsa; info i
sign token i leaf P256.key -certfile mid.pem; told chain 'path longer than allowed' token untrusted=middle.pem
leafed tsaunknown; told chain 'unknown critical extension in the signer' token
MD=sha1 issue leaf TSA P256.key middle middle.key tsa; info i; sign token i leaf P256.key -certfile middle.pem
told chain 'certificate signed by way of SHA-1' token
openssl ca -config ca.cnf -gencrl -cert middle.pem -keyfile middle.key -out none.crl
told ok 'a list without it' good crls=none.crl
openssl ca -config ca.cnf -revoke tsa.pem -crl_reason keyCompromise -cert middle.pem -keyfile middle.key
openssl ca -config ca.cnf -gencrl -cert middle.pem -keyfile middle.key -out all.crl
told revoked 'key stolen' good crls=all.crl
openssl ca -config ca.cnf -gencrl -cert stranger.pem -keyfile stranger.key -out strange.crl
told ok 'a list by a stranger' good crls=strange.crl
TIME=20991231235959Z plain; told cert_time 'a time long after the certificate' token
TIME=20300101000000Z plain; told time 'later than now' token at=2027
