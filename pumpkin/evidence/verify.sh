#!/usr/bin/env bash
# Verifies a Pumpkin bundle inside its unpacked folder with bash, coreutils, grep, sed and openssl 3.
#   bash verify.sh [root.pem]     root.pem: the authority's root certificate, got from the authority
# Ends with 0 proven, 1 not proven, 3 all fits but no root was given to trust.
set -euo pipefail
shopt -s globstar nullglob dotglob
export LC_ALL=C
root=${1:-}
[[ -z $root || $root == /* ]] || root=$PWD/$root
cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
tmp=$(mktemp -d)
trap 'rm -rf -- "$tmp"' EXIT
trap 'echo "NOT PROVEN: a step failed at line $LINENO" >&2; exit 1' ERR

fail() { echo "NOT PROVEN: $*" >&2; exit 1; }
digest() { local line; line=$(sha256sum) || return 1; printf '%s' "${line%% *}"; }
hash_file() { local line; line=$(sha256sum < "$1") || return 1; printf '%s' "${line%% *}"; }
raw() { local hex=$1; printf '%b' "$(printf '%s' "$hex" | sed 's/../\\x&/g')"; }
hex_of() { od -An -v -tx1 < "$1" | tr -d ' \n'; }
# member FILE NAME PATTERN: the one value of a JSON member whose quoted name cannot occur inside a string
member() { local found; found=$(grep -oE "\"$2\":$3" "$1" | sort -u) || return 1
           [[ $(wc -l <<< "$found") == 1 ]] || return 1; printf '%s' "${found#*:}"; }
[[ -z $root || -r $root ]] || fail "cannot read $root"

# 1. The manifest is signed by the log key and names every file with its digest.
openssl pkeyutl -verify -pubin -inkey log-key.pem -rawin -in manifest.json -sigfile manifest.sig > /dev/null 2>&1 \
  || fail "manifest.json is not signed by log-key.pem"
grep -oE '"[A-Za-z0-9][A-Za-z0-9._/-]*":"[0-9a-f]{64}"' manifest.json \
  | sed -E 's/^"([^"]*)":"([0-9a-f]{64})"$/\2  \1/' > "$tmp/sums"
sha256sum --check --strict --quiet "$tmp/sums" > /dev/null 2>&1 || fail "a file is not the one the manifest names"
for file in **; do
  if [[ $file =~ ^renewed/([0-9a-f]{64})\.ers$ && -f $file && ! -L $file ]]; then  # added by whoever held the bundle
    [[ $(hash_file "$file") == "${BASH_REMATCH[1]}" ]] || fail "$file is not named by its digest"
    continue
  fi
  [[ -d $file && ! -L $file || $file == manifest.json || $file == manifest.sig ]] || printf '%s\n' "$file"
done | sort > "$tmp/here"
sed 's/^[0-9a-f]*  //' "$tmp/sums" | sort > "$tmp/named"
cmp -s "$tmp/here" "$tmp/named" || fail "the folder holds a file the manifest does not name, or lacks one"

log_public=$(openssl pkey -pubin -in log-key.pem -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n')

# 2. A checkpoint: its signature by the log key. Sets cp_size, cp_root (hex), cp_hash.
checkpoint() {
  local note=$1 origin line key_id signature
  sed '/^$/,$d' "$note" > "$tmp/text"
  origin=$(sed -n 1p "$tmp/text"); cp_size=$(sed -n 2p "$tmp/text")
  sed -n 3p "$tmp/text" | base64 -d > "$tmp/root" 2> /dev/null || fail "$note: no root"
  cp_root=$(hex_of "$tmp/root"); cp_hash=$(hash_file "$tmp/text")
  [[ ${#cp_root} == 64 && $cp_size =~ ^[0-9]+$ ]] || fail "$note: not a checkpoint"
  line=$(sed -n "\$!d;p" "$note")
  [[ $(sed -n '/^$/,$p' "$note" | wc -l) == 2 && $line == "— $origin "* ]] || fail "$note: not one signature by its log"
  printf '%s' "${line##* }" | base64 -d > "$tmp/sig" 2> /dev/null || fail "$note: no signature"
  signature=$(hex_of "$tmp/sig")
  key_id=$( { printf '%s\n' "$origin"; raw "01$log_public"; } | digest)
  [[ ${signature:0:8} == "${key_id:0:8}" && ${#signature} == 136 ]] || fail "$note: signed by another key"
  tail -c 64 "$tmp/sig" > "$tmp/sig64"
  openssl pkeyutl -verify -pubin -inkey log-key.pem -rawin -in "$tmp/text" -sigfile "$tmp/sig64" > /dev/null 2>&1 \
    || fail "$note: the log's signature does not verify"
}

# 3. An inclusion proof: from the record's leaf to the checkpoint's root. $1 record, $2 proof.
included() {
  local node index size side sibling
  node=$( { raw 00; cat "$1"; } | digest)
  index=$(sed -n 's/^index //p' "$2"); size=$(sed -n 's/^size //p' "$2")
  [[ $index =~ ^[0-9]{1,18}$ && $size == "$cp_size" ]] && (( index < size )) || fail "$2: another tree"
  local at=$index last=$((size - 1))
  while read -r side sibling; do
    [[ $sibling =~ ^[0-9a-f]{64}$ ]] && (( last > 0 )) || fail "$2: not a proof"
    while (( at % 2 == 0 && at == last )); do at=$((at / 2)); last=$((last / 2)); done
    if (( at % 2 )); then
      [[ $side == L ]] || fail "$2: a sibling on the wrong side"
      node=$(raw "01$sibling$node" | digest)
    else
      [[ $side == R ]] || fail "$2: a sibling on the wrong side"
      node=$(raw "01$node$sibling" | digest)
    fi
    at=$((at / 2)); last=$((last / 2))
  done < <(sed 1,2d "$2")
  while (( last > 0 )); do (( at % 2 == 0 && at == last )) || fail "$2: too short"; at=$((at / 2)); last=$((last / 2)); done
  [[ $node == "$cp_root" ]] || fail "$2: does not lead to the checkpoint's root"
  place="position $index of a log of $size"
}

# 4. A token over $2, judged at the time it says, against the root given or the bundle's own. Sets when.
stamped() {
  local token=$1 data=$2 chain=$3 seconds
  openssl ts -reply -in "$token" -text > "$tmp/token.txt" 2> /dev/null || fail "$token: not a time-stamp response"
  when=$(sed -n 's/^Time stamp: //p' "$tmp/token.txt")
  seconds=$(date -u -d "$when" +%s) || fail "$token: no time"
  openssl ts -verify -in "$token" -data "$data" -CAfile "${root:-trust-root.pem}" -untrusted "$chain" \
    -attime "$seconds" > /dev/null 2>&1 || return 1
  accuracy=$(sed -n 's/^Accuracy: //p' "$tmp/token.txt")
  tsa=$(sed -n 's/^TSA: //p' "$tmp/token.txt")
}

# 5. Each check: payload and detail fit the record, and a token of every authority covers it.
one_check() {
  local folder=$1 record=$1/record.json commit detail proofs=0 proven=0 proof way shared
  commit=$(member "$record" commit '"[0-9a-f]{64}"') || fail "$record: no commitment"
  detail=$(member "$record" detail '("[0-9a-f]{64}"|null)') || fail "$record: no detail"
  if [[ -e $folder/payload.bin ]]; then
    [[ $(cat "$folder/payload-salt.bin" "$folder/payload.bin" | digest) == "${commit//\"/}" ]] \
      || fail "$folder/payload.bin is not the payload the record commits to"
    if [[ $detail == null ]]; then
      [[ ! -e $folder/detail.json ]] || fail "$folder/detail.json: the record has none"
    else
      [[ $(cat "$folder/payload-salt.bin" "$folder/detail.json" | digest) == "${detail//\"/}" ]] \
        || fail "$folder/detail.json is not the detail the record commits to"
    fi
  else
    echo "note: $folder: the payload was erased; the record stands without it"
  fi
  for proof in "$folder"/authorities/*/proof.txt; do
    proofs=$((proofs + 1))
    way=${proof%/proof.txt} shared=${proof%/proof.txt}
    [[ $folder == . ]] || shared=authorities/${way##*/}-$(sed -n 's/^size //p' "$proof")
    checkpoint "$shared/checkpoint.txt"
    included "$record" "$proof"
    local anchor low high
    anchor=$(hex_of "$shared/anchor.bin"); low=${anchor:0:64}; high=${anchor:64}
    [[ ${#anchor} == 128 && ( $low == "$cp_hash" || $high == "$cp_hash" ) && ! $low > $high ]] \
      || fail "$shared/anchor.bin does not hold the checkpoint's hash"
    if stamped "$shared/token.tsr" "$shared/anchor.bin" "$shared/chain.pem"; then
      proven=$((proven + 1))
      says+=("${folder#./}: existed before $when (accuracy $accuracy), $place, says $tsa")
    elif [[ -z $root ]]; then
      fail "$shared/token.tsr does not verify"
    else
      echo "note: $shared: its token does not lead to the root given"
    fi
  done
  (( proofs > 0 )) || fail "$folder: no authority has stamped this"
  (( proven > 0 )) || fail "$folder: no token leads to the root given"
}

says=()
if [[ -e record.json ]]; then
  one_check .
else
  count=0
  for folder in checks/*/; do one_check "${folder%/}"; count=$((count + 1)); done
  (( count > 0 )) || fail "the bundle holds no record"
fi
printf '%s\n' "${says[@]}"
grep -q 'local, self-asserted' <<< "${says[*]}" \
  && echo "note: a local, self-asserted authority: its time is only its operator's word"
echo "log key, SHA-256 of its 32 bytes: $(raw "$log_public" | digest) (compare it with one got elsewhere)"
if [[ -z $root ]]; then
  echo "CONSISTENT, BUT NOT YET PROVEN: a forger can make such a bundle. Get the authority's root from the authority,"
  echo "compare it with trust-root.pem here, and run: bash verify.sh ROOT.pem"
  openssl crl2pkcs7 -nocrl -certfile trust-root.pem | openssl pkcs7 -print_certs -noout | grep -v '^$' || true
  rest=$(sed -n '/BEGIN CERT/,/END CERT/p' trust-root.pem)
  while [[ $rest == *BEGIN* ]]; do
    printf '%s\n' "${rest%%-----END CERTIFICATE-----*}-----END CERTIFICATE-----" \
      | openssl x509 -noout -fingerprint -sha256
    rest=${rest#*-----END CERTIFICATE-----}
  done
  exit 3
fi
echo "PROVEN"
